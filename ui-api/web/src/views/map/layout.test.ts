import { expect, test } from 'vitest';
import { layout } from './layout';

const GAPS = { layerGap: 100, nodeGap: 10 };

/** A fleet of so many services, each calling a few later ones, and some calling back. */
function fleet(size: number, count: number): [number, number][] {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  return Array.from({ length: count }, (): [number, number] => {
    const source = Math.floor(random() * size);
    const target = Math.floor(random() * size);
    return random() < 0.05 ? [source, target] : [Math.min(source, target), Math.max(source, target)];
  });
}

test('callers stand left of what they call', () => {
  const { x, width } = layout({ size: 4, edges: [[0, 1], [1, 2], [0, 2], [3, 2]], ...GAPS });
  expect([...x]).toEqual([0, 100, 200, 100]);
  expect(width).toBe(200);
});

test('an edge that passes a layer has a place there, beside the nodes', () => {
  const { y, bends } = layout({ size: 3, edges: [[0, 1], [0, 2], [1, 2], [2, 0], [1, 1]], ...GAPS });
  expect(bends.map((one) => one.length)).toEqual([0, 2, 0, 0, 0]);
  const [x, at] = bends[1] as [number, number];
  expect(x).toBe(100);
  expect(Math.abs(at - y[1]!)).toBeGreaterThan(6);
});

test('circles, calls to oneself and lonely nodes have a place', () => {
  const { x, y } = layout({ size: 4, edges: [[0, 1], [1, 0], [1, 1]], ...GAPS });
  expect(x[0]).not.toBe(x[1]);
  expect([...x, ...y].every(Number.isFinite)).toBe(true);
  expect(layout({ size: 0, edges: [], ...GAPS })).toMatchObject({ width: 0, height: 0 });
});

test('no two nodes overlap, in a fleet of 1,200 services and 4,300 edges', () => {
  const { x, y } = layout({ size: 1200, edges: fleet(1200, 4300), ...GAPS });
  const seen = new Map<number, number[]>();
  for (let node = 0; node < 1200; node += 1) seen.set(x[node]!, [...(seen.get(x[node]!) ?? []), y[node]!]);
  for (const column of seen.values()) {
    column.sort((a, b) => a - b);
    for (let at = 1; at < column.length; at += 1) expect(column[at]! - column[at - 1]!).toBeGreaterThan(9.999);
  }
});
