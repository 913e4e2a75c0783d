// A trace as the views need it: spans in a tree, times relative to its start.

import type { Verdict } from '../api/types';
import { adjustClocks } from './clocks';
import { markCriticalPath } from './critical';
import { findHops, type Hop } from './hops';
import { attribute, splitNanos, type KeyValue, type OtlpScope, type OtlpSpan, type TracesData } from './otlp';

export const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
export type Kind = (typeof KINDS)[number];

/** Span attributes that name the lane of a request, in the order in which the collector looks at them. */
const LANE_KEYS = ['lane', 'service-lane', 'x-mse-tag', 'dubbo.tag', 'sd-routing-key', 'okteto-divert'];
const LANE_NAME = /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/;

export interface Span {
  /** Its place in `Trace.spans`, which lists parents before their children. */
  index: number;
  id: string;
  parentId: string;
  /** Index of the parent; -1 where it is a root or the parent was not received. */
  parent: number;
  children: number[];
  depth: number;
  /** How many spans are below it. */
  descendants: number;
  /** How many spans below it report an error. */
  errorsBelow: number;
  name: string;
  kind: Kind;
  service: string;
  instance: string;
  /** Lane of the request. */
  lane: string;
  /** Lane that the instance serves. */
  instanceLane: string;
  /** Nanoseconds since the start of the trace, after `clockShift`. */
  start: number;
  duration: number;
  /** What was added to its times, since its clock disagrees with its caller's; 0 mostly. */
  clockShift: number;
  /** Time in which no child ran. */
  self: number;
  error: boolean;
  /** Its share of the critical path: pairs of start and end. */
  critical: number[];
  hop: Hop | undefined;
  raw: OtlpSpan;
  resource: KeyValue[];
  scope: OtlpScope | undefined;
}

export interface Trace {
  id: string;
  /** Parents before children, siblings by start. */
  spans: Span[];
  roots: number[];
  services: { name: string; spans: number; errors: number }[];
  lanes: string[];
  hops: Hop[];
  /** Milliseconds since the Unix epoch. */
  startMs: number;
  /** From the earliest start to the latest end, in nanoseconds. */
  duration: number;
  errors: number;
  depth: number;
  /** Spans whose times were adjusted. */
  shifted: number;
  /** Spans whose parent was not received. */
  orphans: number;
}

export interface Options {
  /** Whether clocks of instances that disagree with their caller are adjusted. */
  adjustClocks: boolean;
  /** The verdict on a hop whose server is outside the request's lane, where the collector did not say. */
  outside?: (lane: string, service: string) => Verdict | undefined;
}

export function buildTrace(data: TracesData, options: Options): Trace {
  const spans = readSpans(data);
  const [seconds, nanos] = earliest(spans);
  for (const span of spans) place(span, seconds, nanos);
  const ordered = arrange(spans);
  nameLanes(ordered, data.laneway?.spans ?? []);
  const shifted = options.adjustClocks ? adjustClocks(ordered) : 0;
  if (shifted) sortSiblings(ordered);
  const first = ordered.reduce((least, span) => Math.min(least, span.start), Infinity);
  const base = Number.isFinite(first) ? first : 0;
  if (base !== 0) for (const span of ordered) span.start -= base;
  summarise(ordered);
  const roots = ordered.filter((span) => span.parent < 0).map((span) => span.index);
  markCriticalPath(ordered, roots);
  const hops = findHops(ordered, data.laneway?.hops ?? [], options.outside);
  return {
    id: ordered[0]?.raw.traceId ?? '',
    spans: ordered,
    roots,
    services: servicesOf(ordered),
    lanes: [...new Set(ordered.map((span) => span.lane))].sort(),
    hops,
    startMs: seconds * 1000 + (nanos + base) / 1e6,
    duration: ordered.reduce((most, span) => Math.max(most, span.start + span.duration), 0),
    errors: ordered.reduce((sum, span) => sum + Number(span.error), 0),
    depth: ordered.reduce((most, span) => Math.max(most, span.depth + 1), 0),
    shifted,
    orphans: ordered.reduce((sum, span) => sum + Number(span.parent < 0 && span.parentId !== ''), 0),
  };
}

function readSpans(data: TracesData): Span[] {
  const spans: Span[] = [];
  for (const { resource, scopeSpans } of data.resourceSpans ?? []) {
    const attributes = resource?.attributes ?? [];
    const service = attribute(attributes, 'service.name') ?? '';
    const instance = attribute(attributes, 'service.instance.id') ?? attribute(attributes, 'host.name') ?? '';
    const instanceLane = attribute(attributes, 'service.lane');
    for (const { scope, spans: list } of scopeSpans ?? []) {
      for (const raw of list ?? []) {
        spans.push({
          index: 0, id: raw.spanId ?? '', parentId: raw.parentSpanId ?? '', parent: -1, children: [], depth: 0, descendants: 0, errorsBelow: 0,
          name: raw.name ?? '', kind: KINDS[raw.kind ?? 0] ?? 'unspecified', service, instance,
          lane: ownLane(raw.attributes), instanceLane: instanceLane && LANE_NAME.test(instanceLane) ? instanceLane : 'base',
          start: 0, duration: 0, clockShift: 0, self: 0, error: raw.status?.code === 2, critical: [], hop: undefined,
          raw, resource: attributes, scope,
        });
      }
    }
  }
  return spans;
}

function ownLane(attributes: KeyValue[] | undefined): string {
  for (const key of LANE_KEYS) {
    const lane = attribute(attributes, key);
    if (lane !== undefined && LANE_NAME.test(lane)) return lane;
  }
  return '';
}

function earliest(spans: Span[]): [number, number] {
  let least: [number, number] = [0, 0];
  spans.forEach((span, index) => {
    const [seconds, nanos] = splitNanos(span.raw.startTimeUnixNano);
    if (index === 0 || seconds < least[0] || (seconds === least[0] && nanos < least[1])) least = [seconds, nanos];
  });
  return least;
}

function place(span: Span, seconds: number, nanos: number) {
  const [startSeconds, startNanos] = splitNanos(span.raw.startTimeUnixNano);
  const [endSeconds, endNanos] = splitNanos(span.raw.endTimeUnixNano);
  span.start = (startSeconds - seconds) * 1e9 + (startNanos - nanos);
  // A span that ends before it starts, or never, is drawn as one that took no time.
  span.duration = Math.max(0, (endSeconds - startSeconds) * 1e9 + (endNanos - startNanos));
}

/** Orders spans so that parents come before their children, and tells each its place. */
function arrange(spans: Span[]): Span[] {
  const byId = new Map<string, Span>();
  for (const span of spans) if (!byId.has(span.id)) byId.set(span.id, span);
  const below = new Map<Span, Span[]>();
  const roots: Span[] = [];
  for (const span of spans) {
    const parent = span.parentId ? byId.get(span.parentId) : undefined;
    if (!parent || parent === span) roots.push(span);
    else if (below.has(parent)) below.get(parent)!.push(span);
    else below.set(parent, [span]);
  }
  const ordered: Span[] = [];
  const seen = new Set<Span>();
  const walk = (root: Span) => {
    const stack: [Span, number][] = [[root, -1]];
    while (stack.length > 0) {
      const [span, parent] = stack.pop()!;
      if (seen.has(span)) continue;
      seen.add(span);
      span.index = ordered.length;
      span.parent = parent;
      span.depth = parent < 0 ? 0 : ordered[parent]!.depth + 1;
      ordered.push(span);
      if (parent >= 0) ordered[parent]!.children.push(span.index);
      const children = (below.get(span) ?? []).sort(byStart);
      for (let at = children.length - 1; at >= 0; at -= 1) stack.push([children[at]!, span.index]);
    }
  };
  for (const root of roots.sort(byStart)) walk(root);
  // Parents that form a circle have no root: the first of each is taken for one.
  for (const span of spans) if (!seen.has(span)) walk(span);
  return ordered;
}

const byStart = (a: Span, b: Span) => a.start - b.start || b.duration - a.duration || (a.id < b.id ? -1 : 1);

function sortSiblings(spans: Span[]) {
  for (const span of spans) span.children.sort((a, b) => byStart(spans[a]!, spans[b]!));
}

/** The server knows the lane of each span; of one that does not tell, it is the span's own, else its parent's. */
function nameLanes(spans: Span[], notes: readonly { spanId?: string; lane?: string }[]) {
  const noted = new Map(notes.map((note) => [note.spanId, note.lane]));
  for (const span of spans) span.lane = noted.get(span.id) || span.lane || (spans[span.parent]?.lane ?? 'base');
}

function summarise(spans: Span[]) {
  for (let index = spans.length - 1; index >= 0; index -= 1) {
    const span = spans[index]!;
    span.self = selfTime(span, spans);
    const parent = spans[span.parent];
    if (!parent) continue;
    parent.descendants += span.descendants + 1;
    parent.errorsBelow += span.errorsBelow + Number(span.error);
  }
}

function selfTime(span: Span, spans: Span[]): number {
  let [covered, at] = [0, span.start];
  const end = span.start + span.duration;
  for (const index of span.children) {
    const child = spans[index]!;
    const from = Math.max(at, child.start);
    const to = Math.min(end, child.start + child.duration);
    if (to > from) [covered, at] = [covered + to - from, to];
  }
  return span.duration - covered;
}

function servicesOf(spans: Span[]): Trace['services'] {
  const services = new Map<string, { name: string; spans: number; errors: number }>();
  for (const span of spans) {
    const entry = services.get(span.service) ?? { name: span.service, spans: 0, errors: 0 };
    entry.spans += 1;
    entry.errors += Number(span.error);
    services.set(span.service, entry);
  }
  return [...services.values()];
}
