// The baseline twin of a trace: the one nearest in time that entered at the same operation, and stayed in the baseline.

import { getJson } from '../../lib/api/client';
import type { TraceItem, TracePage } from '../../lib/api/types';
import type { Trace } from '../../lib/trace/model';

const AROUND_MS = 30 * 60_000;

export async function findTwin(trace: Trace, signal: AbortSignal): Promise<TraceItem | undefined> {
  const root = trace.spans[0];
  if (!root) return undefined;
  const common = { service: root.service, operation: root.name, lane: 'base', limit: 100 };
  const ask = (start: number, end: number) =>
    getJson<TracePage>('/api/v1/traces', { ...common, start: Math.floor(start), end: Math.ceil(end) }, signal);
  // Pages begin with the newest, so what came just before and what came after are asked for apart.
  const [before, after] = await Promise.all([
    ask(trace.startMs - AROUND_MS, trace.startMs),
    ask(trace.startMs, Math.min(Date.now(), trace.startMs + AROUND_MS)),
  ]);
  const distance = (item: TraceItem) => Math.abs(item.startTimeUnixNano / 1e6 - trace.startMs);
  return [...before.traces, ...after.traces]
    .filter((item) => item.traceId !== trace.id && item.lanes.every((lane) => lane === 'base'))
    .filter((item) => item.rootService === root.service && item.rootOperation === root.name)
    .sort((a, b) => distance(a) - distance(b))[0];
}
