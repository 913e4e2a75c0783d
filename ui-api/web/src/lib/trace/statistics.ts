// Spans of one kind taken together, and the trace as a flame graph.

import type { Span, Trace } from './model';

export interface Group {
  service: string;
  name: string;
  kind: string;
  count: number;
  errors: number;
  total: number;
  self: number;
  longest: number;
  p50: number;
  p95: number;
  /** The longest of them. */
  example: number;
}

export function groups(trace: Trace): Group[] {
  const found = new Map<string, Span[]>();
  for (const span of trace.spans) {
    const key = `${span.service}\u0000${span.name}\u0000${span.kind}`;
    const list = found.get(key);
    if (list) list.push(span);
    else found.set(key, [span]);
  }
  return [...found.values()].map((spans) => {
    const byDuration = [...spans].sort((a, b) => a.duration - b.duration);
    const quantile = (q: number) => byDuration[Math.max(0, Math.ceil(q * byDuration.length) - 1)]!.duration;
    const sum = (of: (span: Span) => number) => spans.reduce((total, span) => total + of(span), 0);
    const { service, name, kind } = spans[0]!;
    const slowest = byDuration[byDuration.length - 1]!;
    return {
      service, name, kind, count: spans.length, errors: sum((span) => Number(span.error)), total: sum((span) => span.duration),
      self: sum((span) => span.self), longest: slowest.duration, p50: quantile(0.5), p95: quantile(0.95), example: slowest.index,
    };
  });
}

export interface Frame {
  service: string;
  name: string;
  /** Time in which it or something below it worked; work side by side adds up. */
  total: number;
  self: number;
  count: number;
  errors: number;
  example: number;
  children: Map<string, Frame>;
}

/** Spans on the same path of services and operations, as one frame. */
export function flame(trace: Trace): Frame {
  const empty = (service: string, name: string, example: number): Frame =>
    ({ service, name, total: 0, self: 0, count: 0, errors: 0, example, children: new Map() });
  const root = empty('', '', -1);
  const frameOf: Frame[] = [];
  for (const span of trace.spans) {
    const parent = frameOf[span.parent] ?? root;
    const key = `${span.service}\u0000${span.name}`;
    let frame = parent.children.get(key);
    if (!frame) parent.children.set(key, (frame = empty(span.service, span.name, span.index)));
    frame.self += span.self;
    frame.count += 1;
    frame.errors += Number(span.error);
    frameOf[span.index] = frame;
  }
  sum(root);
  return root;
}

function sum(root: Frame) {
  const order: Frame[] = [];
  const stack = [root];
  while (stack.length > 0) {
    const frame = stack.pop()!;
    order.push(frame);
    stack.push(...frame.children.values());
  }
  for (const frame of order.reverse()) {
    frame.total = frame.self;
    for (const child of frame.children.values()) frame.total += child.total;
  }
}
