// The verdict on a call that left its lane for the baseline: a fallback where the lane has no instance of the service, a
// misroute where it has one.

import type { Lanes, Verdict } from '../../lib/api/types';

export function outsideLane(lanes: Lanes | undefined): ((lane: string, service: string) => Verdict | undefined) | undefined {
  if (!lanes) return undefined;
  const served = new Map(lanes.lanes.map((lane) => [lane.name, new Set(lane.services)]));
  return (lane, service) => (served.get(lane)?.has(service) ? 'misroute' : 'fallback');
}
