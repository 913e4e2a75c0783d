// A layered layout, left to right (Sugiyama, 1981): callers stand left of what they call. Long edges get no dummy nodes, which is
// what keeps thousands of edges fast; curves pass behind nodes instead.

export interface LayoutInput {
  /** How many nodes. */
  size: number;
  /** Pairs of source and target, by number. */
  edges: readonly (readonly [number, number])[];
  layerGap: number;
  nodeGap: number;
}

export interface Placed {
  x: Float64Array;
  y: Float64Array;
  width: number;
  height: number;
}

export function layout({ size, edges, layerGap, nodeGap }: LayoutInput): Placed {
  const real = edges.filter(([source, target]) => source !== target);
  const forward = withoutCycles(size, real);
  const layerOf = layers(size, forward);
  const order = ordered(size, forward, layerOf);
  return coordinates(size, forward, layerOf, order, layerGap, nodeGap);
}

type Edge = readonly [number, number];

function adjacency(size: number, edges: readonly Edge[]): { out: number[][]; into: number[][] } {
  const out: number[][] = Array.from({ length: size }, () => []);
  const into: number[][] = Array.from({ length: size }, () => []);
  for (const [source, target] of edges) {
    out[source]!.push(target);
    into[target]!.push(source);
  }
  return { out, into };
}

/** The same edges, those that close a circle turned round. Starts from nodes that nobody calls. */
function withoutCycles(size: number, edges: readonly Edge[]): Edge[] {
  const { out, into } = adjacency(size, edges);
  const state = new Uint8Array(size);
  const turned = new Set<string>();
  const starts = Array.from({ length: size }, (_, node) => node).sort(
    (a, b) => into[a]!.length - into[b]!.length || out[b]!.length - out[a]!.length || a - b,
  );
  for (const start of starts) {
    if (state[start] !== 0) continue;
    const stack: [number, number][] = [[start, 0]];
    state[start] = 1;
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const next = out[top[0]]![top[1]];
      top[1] += 1;
      if (next === undefined) {
        state[top[0]] = 2;
        stack.pop();
      } else if (state[next] === 1) turned.add(`${top[0]} ${next}`);
      else if (state[next] === 0) {
        state[next] = 1;
        stack.push([next, 0]);
      }
    }
  }
  return edges.map(([source, target]) => (turned.has(`${source} ${target}`) ? [target, source] : [source, target]));
}

/** Each node one layer right of the rightmost that calls it; callers that nobody calls move next to what they call. */
function layers(size: number, edges: readonly Edge[]): Int32Array {
  const { out, into } = adjacency(size, edges);
  const layer = new Int32Array(size);
  const missing = into.map((callers) => callers.length);
  const ready = missing.flatMap((count, node) => (count === 0 ? [node] : []));
  for (let at = 0; at < ready.length; at += 1) {
    const node = ready[at]!;
    for (const target of out[node]!) {
      layer[target] = Math.max(layer[target]!, layer[node]! + 1);
      missing[target]! -= 1;
      if (missing[target] === 0) ready.push(target);
    }
  }
  for (let node = 0; node < size; node += 1) {
    if (into[node]!.length > 0 || out[node]!.length === 0) continue;
    layer[node] = Math.max(0, out[node]!.reduce((least, target) => Math.min(least, layer[target]!), Infinity) - 1);
  }
  return layer;
}

/** The nodes of each layer, top to bottom, such that neighbours stand near one another: barycentres, swept to and fro. */
function ordered(size: number, edges: readonly Edge[], layerOf: Int32Array): number[][] {
  const { out, into } = adjacency(size, edges);
  const count = layerOf.reduce((most, layer) => Math.max(most, layer + 1), 0);
  const rows: number[][] = Array.from({ length: count }, () => []);
  for (let node = 0; node < size; node += 1) rows[layerOf[node]!]!.push(node);
  const place = new Float64Array(size);
  const settle = (row: number[]) => row.forEach((node, at) => (place[node] = (at + 0.5) / row.length));
  rows.forEach(settle);
  for (let sweep = 0; sweep < 12; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const weight = new Map(row.map((node) => {
        const near = down ? into[node]! : out[node]!;
        const mean = near.length === 0 ? place[node]! : near.reduce((sum, other) => sum + place[other]!, 0) / near.length;
        return [node, mean];
      }));
      row.sort((a, b) => weight.get(a)! - weight.get(b)! || a - b);
      settle(row);
    }
  }
  return rows;
}

/** Pulls each node towards the middle of its neighbours, as far as the order within its layer allows. */
function coordinates(size: number, edges: readonly Edge[], layerOf: Int32Array, rows: number[][], layerGap: number, nodeGap: number): Placed {
  const { out, into } = adjacency(size, edges);
  const y = new Float64Array(size);
  const longest = rows.reduce((most, row) => Math.max(most, row.length), 0);
  for (const row of rows) row.forEach((node, at) => (y[node] = (at + (longest - row.length) / 2) * nodeGap));
  for (let sweep = 0; sweep < 10; sweep += 1) {
    for (const row of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      const wanted = row.map((node) => {
        const near = [...into[node]!, ...out[node]!];
        return near.length === 0 ? y[node]! : near.reduce((sum, other) => sum + y[other]!, 0) / near.length;
      });
      spread(wanted, nodeGap).forEach((at, index) => (y[row[index]!] = at));
    }
  }
  const top = y.reduce((least, at) => Math.min(least, at), Infinity);
  if (Number.isFinite(top)) for (let node = 0; node < size; node += 1) y[node]! -= top;
  const x = Float64Array.from(layerOf, (layer) => layer * layerGap);
  return { x, y, width: Math.max(0, rows.length - 1) * layerGap, height: y.reduce((most, at) => Math.max(most, at), 0) };
}

/** Positions in the same order, at least a gap apart, as near to the wanted ones as least squares allow (pool adjacent violators). */
function spread(wanted: number[], gap: number): number[] {
  const blocks: { sum: number; count: number }[] = [];
  wanted.forEach((at, index) => {
    let block = { sum: at - index * gap, count: 1 };
    while (blocks.length > 0) {
      const last = blocks[blocks.length - 1]!;
      if (last.sum / last.count <= block.sum / block.count) break;
      block = { sum: last.sum + block.sum, count: last.count + block.count };
      blocks.pop();
    }
    blocks.push(block);
  });
  const placed: number[] = [];
  for (const { sum, count } of blocks) for (let at = 0; at < count; at += 1) placed.push(sum / count + placed.length * gap);
  return placed;
}
