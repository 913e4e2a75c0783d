// Hops: calls that cross from one process to another, and whether each kept the request in its lane.

import { VERDICTS, type Verdict } from '../api/types';
import type { Span } from './model';
import type { HopNote } from './otlp';

export interface Hop {
  /** Index of the caller's span and of the callee's. */
  source: number;
  target: number;
  verdict: Verdict | undefined;
  /** Whether the collector said so; else it was concluded from the lanes of both spans. */
  declared: boolean;
}

type Outside = ((lane: string, service: string) => Verdict | undefined) | undefined;

export function findHops(spans: Span[], notes: readonly HopNote[], outside: Outside): Hop[] {
  const noted = new Map(notes.map((note) => [note.spanId, known(note.verdict)]));
  const hops: Hop[] = [];
  for (const span of spans) {
    const parent = spans[span.parent];
    const declared = noted.get(span.id);
    const crosses = parent && (parent.service !== span.service || parent.instance !== span.instance);
    // A call that nobody answered has a verdict and no span on the other side.
    if (!crosses && !declared) continue;
    const verdict = declared ?? (parent && conclude(parent, span, outside));
    span.hop = { source: parent?.index ?? span.index, target: span.index, verdict, declared: declared !== undefined };
    hops.push(span.hop);
  }
  return hops;
}

const known = (text: string | null | undefined) => VERDICTS.find((verdict) => verdict === text);

/** What both spans say. That no instance of the lane existed, or one did, only the collector knows: `outside` asks it. */
function conclude(source: Span, target: Span, outside: Outside): Verdict | undefined {
  const lane = source.lane;
  if (lane !== 'base' && target.lane === 'base') return 'lost';
  if (lane === 'base') return target.instanceLane === 'base' ? 'baseline' : 'contamination';
  if (target.instanceLane === lane) return 'in_lane';
  return target.instanceLane === 'base' ? outside?.(lane, target.service) : 'crossover';
}

export interface Crossing {
  source: Span;
  target: Span;
  verdict: Verdict | undefined;
  count: number;
  /** The first of them. */
  hop: Hop;
}

/** Hops between the same two services, in the same lanes, with the same verdict: one crossing, in order of the first. */
export function crossings(spans: Span[], hops: Hop[]): Crossing[] {
  const found = new Map<string, Crossing>();
  for (const hop of hops) {
    const [source, target] = [spans[hop.source]!, spans[hop.target]!];
    const key = [source.service, source.instanceLane, target.service, target.instanceLane, target.lane, hop.verdict].join('\u0000');
    const known = found.get(key);
    if (known) known.count += 1;
    else found.set(key, { source, target, verdict: hop.verdict, count: 1, hop });
  }
  return [...found.values()];
}
