// What the reader of a trace has opened, selected, and zoomed into.

import type { Span, Trace } from '../../lib/trace/model';
import { ancestors, collapsedBelow, errorsOnly, findSpans, visibleRows } from '../../lib/trace/rows';

export class TraceView {
  readonly trace: Trace;
  collapsed = $state.raw<ReadonlySet<number>>(new Set());
  selected = $state(-1);
  /** The part of the time that the timeline shows, in nanoseconds since the start. */
  from = $state(0);
  to = $state(1);
  critical = $state(false);
  text = $state('');

  readonly rows = $derived.by(() => visibleRows(this.trace, this.collapsed));
  readonly matches = $derived.by(() => findSpans(this.trace, this.text));
  readonly matched = $derived.by(() => new Set(this.matches));
  readonly span = $derived.by((): Span | undefined => this.trace.spans[this.selected]);

  constructor(trace: Trace, spanId: string) {
    this.trace = trace;
    this.to = Math.max(1, trace.duration);
    if (spanId) this.select(trace.spans.findIndex((span) => span.id === spanId));
  }

  /** Goes on where the reader was when the same trace was built anew: more of it came, or something that it is shown with. */
  goOnFrom(before: TraceView) {
    const places = new Map(this.trace.spans.map((span, index) => [span.id, index]));
    const collapsed = [...before.collapsed].map((index) => places.get(before.trace.spans[index]?.id ?? ''));
    this.collapsed = new Set(collapsed.filter((index) => index !== undefined));
    [this.critical, this.text] = [before.critical, before.text];
    if (before.from > 0 || before.to < before.trace.duration) this.zoom(before.from, before.to);
  }

  get span_ns(): number {
    return Math.max(1, this.to - this.from);
  }

  zoom(from: number, to: number) {
    const least = Math.max(10, this.trace.duration / 1e6);
    this.from = Math.max(0, Math.min(from, this.trace.duration - least));
    this.to = Math.min(Math.max(1, this.trace.duration), Math.max(to, this.from + least));
  }

  unzoom() {
    [this.from, this.to] = [0, Math.max(1, this.trace.duration)];
  }

  /** Selects a span, and opens what hides it. */
  select(index: number) {
    this.selected = index;
    const hiding = index < 0 ? [] : ancestors(this.trace, index).filter((at) => this.collapsed.has(at));
    if (hiding.length > 0) {
      const collapsed = new Set(this.collapsed);
      for (const at of hiding) collapsed.delete(at);
      this.collapsed = collapsed;
    }
  }

  toggle(index: number, open = this.collapsed.has(index)) {
    const collapsed = new Set(this.collapsed);
    if (open) collapsed.delete(index);
    else if ((this.trace.spans[index]?.children.length ?? 0) > 0) collapsed.add(index);
    this.collapsed = collapsed;
  }

  collapse(how: 'none' | 'services' | 'errors') {
    if (how === 'none') this.collapsed = new Set();
    else if (how === 'errors') this.collapsed = errorsOnly(this.trace);
    else this.collapsed = collapsedBelow(this.trace, 1);
  }

  /** The next of these spans in the order of the waterfall, from the selected one on; after the last the first. */
  next(indices: readonly number[], step: 1 | -1): number | undefined {
    if (indices.length === 0) return undefined;
    const sorted = [...indices].sort((a, b) => a - b);
    if (step > 0) return sorted.find((index) => index > this.selected) ?? sorted[0];
    return sorted.findLast((index) => index < this.selected) ?? sorted[sorted.length - 1];
  }

  get failed(): number[] {
    return this.trace.spans.filter((span) => span.error).map((span) => span.index);
  }
}
