// The critical path: of each moment of the trace, the span that everything above was waiting for. From the end backwards, the child
// that ended last was waited for, then the one that ended last before that one started, and so on (CRISP, Uber, 2022).

import type { Span } from './model';

export function markCriticalPath(spans: Span[], roots: number[]) {
  const first = roots.map((index) => spans[index]!).sort((a, b) => b.descendants - a.descendants || a.start - b.start)[0];
  if (!first) return;
  const stack: { span: Span; from: number; to: number }[] = [{ span: first, from: first.start, to: first.start + first.duration }];
  while (stack.length > 0) {
    const { span, from, to } = stack.pop()!;
    let at = to;
    const children = span.children.map((index) => spans[index]!).sort((a, b) => a.start + a.duration - (b.start + b.duration));
    for (let index = children.length - 1; index >= 0 && at > from; index -= 1) {
      const child = children[index]!;
      const [start, end] = [Math.max(child.start, from), child.start + child.duration];
      // A child that outlives what waits for it was not waited for; nor was one that ran beside a later one.
      if (end > at || end <= start) continue;
      if (at > end) span.critical.push(end, at);
      stack.push({ span: child, from: start, to: end });
      at = start;
    }
    if (at > from) span.critical.push(from, at);
  }
}
