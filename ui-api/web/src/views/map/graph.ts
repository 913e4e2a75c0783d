// What the map shows of a topology: all of it, or a node and what it talks to; a lane, with the baseline behind it.

import { VERDICTS, type Topology, type TopologyEdge, type TopologyNode, type Verdict } from '../../lib/api/types';
import { TONES, type Tone } from '../../lib/verdicts';

export interface MapNode {
  node: TopologyNode;
  /** In the baseline only, while a lane is looked at. */
  ghost: boolean;
}

export interface MapEdge {
  edge: TopologyEdge;
  /** Its number among all edges of the graph. */
  index: number;
  source: number;
  target: number;
  ghost: boolean;
  verdict: Verdict | undefined;
  tone: Tone;
}

export interface Graph {
  nodes: MapNode[];
  edges: MapEdge[];
}

/** The verdict that a reader has to know of first. */
export function worstVerdict(edge: TopologyEdge): Verdict | undefined {
  const order: readonly Tone[] = ['bad', 'warn', 'good', 'plain'];
  return VERDICTS.filter((verdict) => (edge.verdicts?.[verdict] ?? 0) > 0).sort(
    (a, b) => order.indexOf(TONES[a]) - order.indexOf(TONES[b]) || edge.verdicts[b]! - edge.verdicts[a]!,
  )[0];
}

export function buildGraph(shown: Topology, behind: Topology | undefined, focus: string, reach: number): Graph {
  const own = new Set(shown.nodes.map((node) => node.id));
  const nodes: MapNode[] = shown.nodes.map((node) => ({ node, ghost: false }));
  for (const node of behind?.nodes ?? []) if (!own.has(node.id)) nodes.push({ node, ghost: true });
  const drawn = new Set(shown.edges.map((edge) => `${edge.source}\u0000${edge.target}`));
  const all = [
    ...shown.edges.map((edge) => ({ edge, ghost: false })),
    ...(behind?.edges ?? []).filter((edge) => !drawn.has(`${edge.source}\u0000${edge.target}`)).map((edge) => ({ edge, ghost: true })),
  ];
  const kept = focus && nodes.some(({ node }) => node.id === focus) ? within(focus, all.map(({ edge }) => edge), reach) : undefined;
  const visible = kept ? nodes.filter(({ node }) => kept.has(node.id)) : nodes;
  const number = new Map(visible.map(({ node }, index) => [node.id, index]));
  const edges: MapEdge[] = [];
  for (const { edge, ghost } of all) {
    const [source, target] = [number.get(edge.source), number.get(edge.target)];
    if (source === undefined || target === undefined) continue;
    const verdict = ghost ? undefined : worstVerdict(edge);
    edges.push({ edge, index: edges.length, source, target, ghost, verdict, tone: verdict ? TONES[verdict] : 'plain' });
  }
  return { nodes: visible, edges };
}

function within(focus: string, edges: TopologyEdge[], reach: number): Set<string> {
  let found = new Set([focus]);
  for (let step = 0; step < reach; step += 1) {
    const wider = new Set(found);
    for (const { source, target } of edges) {
      if (found.has(source)) wider.add(target);
      if (found.has(target)) wider.add(source);
    }
    found = wider;
  }
  return found;
}
