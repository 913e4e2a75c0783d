// Which spans a waterfall shows, and which of them a text is found in.

import type { Span, Trace } from './model';
import { valueText, type KeyValue } from './otlp';

/** Indices of the spans that are not within a collapsed one, top to bottom. */
export function visibleRows(trace: Trace, collapsed: ReadonlySet<number>): number[] {
  const rows: number[] = [];
  const stack = [...trace.roots].reverse();
  while (stack.length > 0) {
    const index = stack.pop()!;
    rows.push(index);
    if (collapsed.has(index)) continue;
    const { children } = trace.spans[index]!;
    for (let at = children.length - 1; at >= 0; at -= 1) stack.push(children[at]!);
  }
  return rows;
}

/** What has to be open for a span to be seen. */
export function ancestors(trace: Trace, index: number): number[] {
  const found = [];
  for (let at = trace.spans[index]?.parent ?? -1; at >= 0; at = trace.spans[at]!.parent) found.push(at);
  return found;
}

/** Everything below this depth, collapsed. */
export function collapsedBelow(trace: Trace, depth: number): Set<number> {
  return new Set(trace.spans.filter((span) => span.depth >= depth && span.children.length > 0).map((span) => span.index));
}

/** Opens only what leads to an error. */
export function errorsOnly(trace: Trace): Set<number> {
  return new Set(trace.spans.filter((span) => span.children.length > 0 && span.errorsBelow === 0).map((span) => span.index));
}

/** Spans that contain a text in their name, service, ids, or an attribute's key or value; in order of time. */
export function findSpans(trace: Trace, text: string): number[] {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const has = (candidate: string) => candidate.toLowerCase().includes(wanted);
  const inAttributes = (attributes: KeyValue[] | undefined) =>
    attributes?.some((pair) => has(pair.key ?? '') || has(valueText(pair.value))) ?? false;
  const matches = (span: Span) =>
    has(span.name) || has(span.service) || span.id === wanted || inAttributes(span.raw.attributes) ||
    has(span.raw.status?.message ?? '') || (span.raw.events?.some((event) => has(event.name ?? '') || inAttributes(event.attributes)) ?? false);
  return trace.spans.filter(matches).map((span) => span.index);
}
