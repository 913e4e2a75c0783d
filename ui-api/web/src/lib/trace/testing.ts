// Traces for tests, written as what matters in them.

import { buildTrace, type Options, type Trace } from './model';
import type { HopNote, TracesData } from './otlp';

export interface Spec {
  id: string;
  parent?: string;
  service?: string;
  name?: string;
  kind?: number;
  /** Start and end, in nanoseconds since `EPOCH_S`. */
  at: [number, number];
  lane?: string;
  instanceLane?: string;
  error?: boolean;
  attributes?: Record<string, string>;
}

const EPOCH_S = 1_700_000_000;

const strings = (pairs: Record<string, string | undefined>) =>
  Object.entries(pairs).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: { stringValue: value } }]));

const time = (ns: number) => (BigInt(EPOCH_S) * 1_000_000_000n + BigInt(ns)).toString();

export function tracesData(specs: Spec[], hops: HopNote[] = []): TracesData {
  return {
    laneway: { hops },
    resourceSpans: specs.map((spec) => ({
      resource: {
        attributes: strings({ 'service.name': spec.service ?? 'a', 'service.instance.id': `${spec.service ?? 'a'}-1`, 'service.lane': spec.instanceLane }),
      },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '0af7651916cd43dd8448eb211c80319c', spanId: spec.id, parentSpanId: spec.parent, name: spec.name ?? spec.id, kind: spec.kind ?? 1,
              startTimeUnixNano: time(spec.at[0]), endTimeUnixNano: time(spec.at[1]),
              attributes: strings({ lane: spec.lane, ...spec.attributes }), status: spec.error ? { code: 2, message: 'it broke' } : {},
            },
          ],
        },
      ],
    })),
  };
}

export function traceOf(specs: Spec[], options: Partial<Options> = {}, hops: HopNote[] = []): Trace {
  return buildTrace(tracesData(specs, hops), { adjustClocks: true, ...options });
}

/** A span by its id. */
export function spanOf(trace: Trace, id: string) {
  const span = trace.spans.find((one) => one.id === id);
  if (!span) throw new Error(`no span ${id}`);
  return span;
}
