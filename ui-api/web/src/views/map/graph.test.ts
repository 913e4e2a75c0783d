import { expect, test } from 'vitest';
import type { Topology, TopologyEdge } from '../../lib/api/types';
import { buildGraph, worstVerdict } from './graph';

const edge = (source: string, target: string, verdicts = {}): TopologyEdge =>
  ({ source, target, protocol: 'http', requests: 1, errors: 0, p50_ms: 1, p95_ms: 1, p99_ms: 1, verdicts });
const topology = (...edges: TopologyEdge[]): Topology => {
  const ids = [...new Set(edges.flatMap((one) => [one.source, one.target]))];
  return { nodes: ids.map((id) => ({ id, kind: 'service', name: id, lanes: [], requests: 1, errors: 0 })), edges };
};
const names = (graph: ReturnType<typeof buildGraph>) => graph.nodes.map(({ node, ghost }) => (ghost ? `(${node.id})` : node.id));

test('the worst verdict is shown, of the worst the most frequent', () => {
  expect(worstVerdict(edge('a', 'b', { in_lane: 99, fallback: 3 }))).toBe('fallback');
  expect(worstVerdict(edge('a', 'b', { baseline: 99, lost: 1, misroute: 2 }))).toBe('misroute');
  expect(worstVerdict(edge('a', 'b', {}))).toBeUndefined();
});

test('the baseline stands behind a lane', () => {
  const graph = buildGraph(topology(edge('a', 'b')), topology(edge('a', 'b'), edge('b', 'c')), '', 1);
  expect(names(graph)).toEqual(['a', 'b', '(c)']);
  expect(graph.edges.map((one) => one.ghost)).toEqual([false, true]);
});

test('a focus keeps what is within reach, to both sides', () => {
  const whole = topology(edge('a', 'b'), edge('b', 'c'), edge('c', 'd'), edge('x', 'y'));
  expect(names(buildGraph(whole, undefined, 'b', 1))).toEqual(['a', 'b', 'c']);
  expect(names(buildGraph(whole, undefined, 'b', 2))).toEqual(['a', 'b', 'c', 'd']);
  expect(names(buildGraph(whole, undefined, 'gone', 1))).toHaveLength(6);
});
