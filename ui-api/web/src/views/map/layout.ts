// A layered layout, left to right (Sugiyama, 1981): callers stand left of what they call, and an edge that passes a layer has a place
// of its own there, so that it does not run through nodes.

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
  /** Of each edge, the places in the layers that it passes: x and y in turn. */
  bends: number[][];
  width: number;
  height: number;
}

/** Beyond so many places of passing edges, edges run behind nodes: whoever looks at so much sees no single edge anyway. */
const MOST_PLACES = 1500;

export function layout({ size, edges, layerGap, nodeGap }: LayoutInput): Placed {
  const real = edges.filter(([source, target]) => source !== target);
  const forward = withoutCycles(size, real);
  const layerOf = [...layers(size, forward)];
  const places = passing(size, forward, layerOf);
  const all = layerOf.length;
  const order = ordered(all, places.edges, layerOf);
  const room = Float64Array.from({ length: all }, (_, node) => (node < size ? nodeGap : nodeGap / 3));
  const y = heights(all, places.edges, order, room);
  const x = layerOf.map((layer) => layer * layerGap);
  let at = 0;
  const bends = edges.map(([source, target]): number[] => {
    if (source === target) return [];
    const chain = places.chains[at]!;
    // An edge that was turned round to break a circle is drawn its own way.
    const isTurned = forward[at]![0] !== source;
    at += 1;
    return isTurned ? [] : chain.flatMap((node) => [x[node]!, y[node]!]);
  });
  return {
    x: Float64Array.from(x.slice(0, size)), y: y.slice(0, size), bends,
    width: Math.max(0, order.length - 1) * layerGap, height: y.reduce((most, one) => Math.max(most, one), 0),
  };
}

/** Cuts edges that pass layers into edges from layer to layer; `layerOf` gets the places that this makes. */
function passing(size: number, edges: readonly Edge[], layerOf: number[]): { edges: Edge[]; chains: number[][] } {
  const length = edges.reduce((sum, [source, target]) => sum + Math.max(0, layerOf[target]! - layerOf[source]! - 1), 0);
  if (length > MOST_PLACES) return { edges: [...edges], chains: edges.map(() => []) };
  const cut: Edge[] = [];
  let next = size;
  const chains = edges.map(([source, target]) => {
    const chain: number[] = [];
    let from = source;
    for (let layer = layerOf[source]! + 1; layer < layerOf[target]!; layer += 1) {
      layerOf.push(layer);
      chain.push(next);
      cut.push([from, next]);
      from = next;
      next += 1;
    }
    cut.push([from, target]);
    return chain;
  });
  return { edges: cut, chains };
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
function ordered(size: number, edges: readonly Edge[], layerOf: readonly number[]): number[][] {
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
function heights(size: number, edges: readonly Edge[], rows: number[][], room: Float64Array): Float64Array {
  const { out, into } = adjacency(size, edges);
  const y = new Float64Array(size);
  for (const row of rows) {
    let top = -row.reduce((sum, node) => sum + room[node]!, 0) / 2;
    for (const node of row) {
      y[node] = top + room[node]! / 2;
      top += room[node]!;
    }
  }
  for (let sweep = 0; sweep < 16; sweep += 1) {
    for (const row of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      const wanted = row.map((node) => {
        const near = [...into[node]!, ...out[node]!];
        return near.length === 0 ? y[node]! : near.reduce((sum, other) => sum + y[other]!, 0) / near.length;
      });
      spread(wanted, row.map((node) => room[node]!)).forEach((at, index) => (y[row[index]!] = at));
    }
  }
  const top = y.reduce((least, at) => Math.min(least, at), Infinity);
  return Number.isFinite(top) ? y.map((at) => at - top) : y;
}

/** Positions in the same order, with room for each, as near to the wanted ones as least squares allow (pool adjacent violators). */
function spread(wanted: number[], room: number[]): number[] {
  const offsets: number[] = [];
  room.forEach((own, index) => offsets.push(index === 0 ? 0 : offsets[index - 1]! + (room[index - 1]! + own) / 2));
  const blocks: { sum: number; count: number }[] = [];
  wanted.forEach((at, index) => {
    let block = { sum: at - offsets[index]!, count: 1 };
    while (blocks.length > 0) {
      const last = blocks[blocks.length - 1]!;
      if (last.sum / last.count <= block.sum / block.count) break;
      block = { sum: last.sum + block.sum, count: last.count + block.count };
      blocks.pop();
    }
    blocks.push(block);
  });
  const placed: number[] = [];
  for (const { sum, count } of blocks) for (let at = 0; at < count; at += 1) placed.push(sum / count + offsets[placed.length]!);
  return placed;
}
