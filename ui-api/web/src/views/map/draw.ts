// Draws the map: what is in sight, in as much detail as the zoom leaves room for.

import { serviceColour, type Palette } from '../../lib/colour';
import { durationMs, percent, rate } from '../../lib/format';
import type { Graph, MapEdge } from './graph';
import type { Placed } from './layout';

export const NODE = { width: 174, height: 46 };

export interface Camera {
  /** Of the upper left corner, in the coordinates of the layout. */
  x: number;
  y: number;
  zoom: number;
}

export interface Scene {
  graph: Graph;
  placed: Placed;
  camera: Camera;
  width: number;
  height: number;
  milliseconds: number;
  dark: boolean;
  colours: Palette;
  /** Nodes and edges that stand out; everything else fades. */
  lit: { nodes: ReadonlySet<number>; edges: ReadonlySet<number> } | undefined;
  selected: { node: number; edge: number };
}

export function draw(context: CanvasRenderingContext2D, scene: Scene) {
  const { camera, graph } = scene;
  context.save();
  context.scale(camera.zoom, camera.zoom);
  context.translate(-camera.x, -camera.y);
  graph.edges.forEach((edge, index) => drawEdge(context, scene, edge, index));
  graph.nodes.forEach((_, index) => drawNode(context, scene, index));
  context.restore();
}

/** The way of an edge in cubic curves, eight numbers each: through the places of its own, where it passes layers. */
export function curves(placed: Placed, edge: MapEdge): number[][] {
  const middle = NODE.height / 2;
  const [x1, y1] = [placed.x[edge.target]!, placed.y[edge.target]! + middle];
  let [x, y] = [placed.x[edge.source]! + NODE.width, placed.y[edge.source]! + middle];
  const found: number[][] = [];
  const bends = placed.bends[edge.index] ?? [];
  for (let at = 0; at < bends.length; at += 2) {
    const [left, height] = [bends[at]!, bends[at + 1]! + middle];
    found.push(between(x, y, left, height), [left, height, left, height, left + NODE.width, height, left + NODE.width, height]);
    [x, y] = [left + NODE.width, height];
  }
  found.push(between(x, y, x1, y1));
  return found;
}

/** Calls to the left go round below. */
function between(x0: number, y0: number, x1: number, y1: number): number[] {
  const back = x1 < x0;
  const bend = back ? 70 : Math.max(30, (x1 - x0) * 0.45);
  const drop = back ? NODE.height : 0;
  return [x0, y0, x0 + bend, y0 + drop, x1 - bend, y1 + drop, x1, y1];
}

function drawEdge(context: CanvasRenderingContext2D, scene: Scene, edge: MapEdge, index: number) {
  const { camera, colours, placed } = scene;
  const way = curves(placed, edge);
  const [x0, y0] = way[0] as [number, number];
  const [x1, y1] = way[way.length - 1]!.slice(6) as [number, number];
  const heights = way.flatMap((one) => [one[1]!, one[7]!]);
  const [right, bottom] = [camera.x + scene.width / camera.zoom, camera.y + scene.height / camera.zoom];
  if (Math.max(x0, x1) + 70 < camera.x || Math.min(x0, x1) - 70 > right) return;
  if (Math.max(...heights) + NODE.height < camera.y || Math.min(...heights) > bottom) return;
  const isLit = scene.lit?.edges.has(index) ?? true;
  const perSecond = (edge.edge.requests * 1000) / Math.max(1, scene.milliseconds);
  const width = (edge.ghost ? 1 : Math.min(5, 1.2 + Math.log10(1 + perSecond))) * (scene.selected.edge === index ? 2 : 1);
  const colour = edge.tone === 'bad' ? colours.error : edge.tone === 'warn' ? colours.warn : edge.tone === 'good' ? colours.accent : colours.muted;
  context.globalAlpha = edge.ghost ? (isLit ? 0.28 : 0.1) : isLit ? 0.9 : 0.16;
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = width;
  context.setLineDash(edge.tone === 'warn' ? [7, 5] : edge.ghost ? [3, 4] : []);
  context.beginPath();
  context.moveTo(x0, y0);
  for (const [, , ax, ay, bx, by, x, y] of way as [number, number, number, number, number, number, number, number][]) {
    context.bezierCurveTo(ax, ay, bx, by, x === x1 ? x - 6 : x, y);
  }
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x1 - 8, y1 - 4);
  context.lineTo(x1 - 8, y1 + 4);
  context.fill();
  const crowded = scene.graph.edges.length > 80 && !scene.lit;
  if (camera.zoom > 0.6 && isLit && !edge.ghost && !crowded) {
    // Where the edge has a place of its own, its figures have room.
    const [ax, ay, , , , , bx, by] = (way[1] ?? way[0]) as [number, number, number, number, number, number, number, number];
    label(context, scene, edge, (ax + bx) / 2, (ay + by) / 2);
  }
  context.globalAlpha = 1;
}

function label(context: CanvasRenderingContext2D, scene: Scene, { edge }: MapEdge, x: number, y: number) {
  const { colours, milliseconds } = scene;
  const text = `${rate(edge.requests, milliseconds)} · ${durationMs(edge.p95_ms)}`;
  const failed = edge.errors > 0 ? percent(edge.errors, edge.requests) : '';
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  context.globalAlpha = 0.9;
  context.fillStyle = colours.surface;
  context.fillRect(x - context.measureText(text).width / 2 - 3, y - 8, context.measureText(text).width + 6, failed ? 29 : 16);
  context.globalAlpha = 1;
  context.fillStyle = colours.muted;
  context.fillText(text, x, y);
  context.fillStyle = colours.error;
  context.fillText(failed, x, y + 13);
}

const SHAPES: Record<string, string> = { database: '⛁', cache: '⛃', queue: '☰', external: '↗', user: '☺' };

function drawNode(context: CanvasRenderingContext2D, scene: Scene, index: number) {
  const { camera, colours, dark, graph, placed } = scene;
  const [x, y] = [placed.x[index]!, placed.y[index]!];
  if (x + NODE.width < camera.x || x > camera.x + scene.width / camera.zoom) return;
  if (y + NODE.height < camera.y || y > camera.y + scene.height / camera.zoom) return;
  const { node, ghost } = graph.nodes[index]!;
  const isLit = scene.lit?.nodes.has(index) ?? true;
  context.globalAlpha = ghost ? (isLit ? 0.45 : 0.15) : isLit ? 1 : 0.35;
  const failing = node.errors > 0 && node.errors / Math.max(1, node.requests) >= 0.01;
  const isService = node.kind === 'service' || node.kind === 'instance' || node.kind === 'operation';
  context.fillStyle = colours.surface;
  context.strokeStyle = scene.selected.node === index ? colours.accent : failing ? colours.error : colours.line;
  context.lineWidth = scene.selected.node === index ? 2.5 : 1.2;
  context.setLineDash(ghost ? [4, 3] : []);
  context.beginPath();
  context.roundRect(x, y, NODE.width, NODE.height, isService ? 7 : NODE.height / 2);
  context.fill();
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = serviceColour(node.service ?? node.name, dark);
  if (isService) {
    context.beginPath();
    context.roundRect(x + 1, y + 1, 5, NODE.height - 2, [6, 0, 0, 6]);
    context.fill();
  }
  if (camera.zoom > 0.38) names(context, scene, index, isService);
  context.globalAlpha = 1;
}

function names(context: CanvasRenderingContext2D, scene: Scene, index: number, isService: boolean) {
  const { colours, graph, milliseconds, placed } = scene;
  const [x, y] = [placed.x[index]!, placed.y[index]!];
  const { node } = graph.nodes[index]!;
  const font = context.font;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  context.fillStyle = colours.text;
  context.font = font.replace('11px', '600 12.5px');
  const title = isService ? node.name : `${SHAPES[node.kind] ?? '○'} ${node.name}`;
  context.fillText(fitting(context, title, NODE.width - 26), x + 14, y + 16);
  context.font = font;
  context.fillStyle = colours.muted;
  const plain = `${rate(node.requests, milliseconds)}${node.p95_ms == null ? '' : ` · ${durationMs(node.p95_ms)}`}`;
  const failed = node.errors > 0 ? percent(node.errors, node.requests) : '';
  context.fillText(fitting(context, plain, NODE.width - 30 - context.measureText(failed).width), x + 14, y + 33);
  context.fillStyle = colours.error;
  context.textAlign = 'right';
  context.fillText(failed, x + NODE.width - 10, y + 33);
}

function fitting(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}
