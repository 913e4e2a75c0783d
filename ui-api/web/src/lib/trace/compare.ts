// Two traces as one tree: spans on the same path, of the same service, operation and kind, are one node.

import type { Span, Trace } from './model';

export interface Side {
  count: number;
  duration: number;
  self: number;
  errors: number;
}

export interface CompareNode {
  service: string;
  name: string;
  kind: string;
  depth: number;
  first: Side;
  second: Side;
  children: CompareNode[];
}

const nobody = (): Side => ({ count: 0, duration: 0, self: 0, errors: 0 });

/** The merged tree, top to bottom, children in the order in which the first trace has them. */
export function mergeTraces(first: Trace, second: Trace): CompareNode[] {
  const roots = new Map<string, Branch>();
  grow(roots, first, 'first');
  grow(roots, second, 'second');
  const ordered: CompareNode[] = [];
  const stack = [...roots.values()].reverse();
  while (stack.length > 0) {
    const branch = stack.pop()!;
    branch.node.children = [...branch.below.values()].map((child) => child.node);
    ordered.push(branch.node);
    stack.push(...[...branch.below.values()].reverse());
  }
  return ordered;
}

interface Branch {
  node: CompareNode;
  below: Map<string, Branch>;
}

function grow(roots: Map<string, Branch>, trace: Trace, side: 'first' | 'second') {
  const branchOf: Branch[] = [];
  for (const span of trace.spans) {
    const parent = branchOf[span.parent];
    const branch = child(parent?.below ?? roots, span, parent ? parent.node.depth + 1 : 0);
    branchOf[span.index] = branch;
    const sums = branch.node[side];
    sums.count += 1;
    sums.duration += span.duration;
    sums.self += span.self;
    sums.errors += Number(span.error);
  }
}

function child(siblings: Map<string, Branch>, span: Span, depth: number): Branch {
  const key = `${span.service}\u0000${span.name}\u0000${span.kind}`;
  let branch = siblings.get(key);
  if (!branch) {
    const { service, name, kind } = span;
    branch = { node: { service, name, kind, depth, first: nobody(), second: nobody(), children: [] }, below: new Map() };
    siblings.set(key, branch);
  }
  return branch;
}

export type Presence = 'both' | 'onlyFirst' | 'onlySecond';

export const presence = (node: CompareNode): Presence =>
  node.first.count === 0 ? 'onlySecond' : node.second.count === 0 ? 'onlyFirst' : 'both';

/** Whether a reader who looks for the difference has to see it: it is on one side only, fails on one, or takes much longer. */
export function differs(node: CompareNode, whole: number): boolean {
  if (presence(node) !== 'both' || node.first.count !== node.second.count) return true;
  if ((node.first.errors > 0) !== (node.second.errors > 0)) return true;
  const [least, most] = [Math.min(node.first.duration, node.second.duration), Math.max(node.first.duration, node.second.duration)];
  return most - least > whole * 0.02 && most > least * 1.25;
}
