import { expect, test } from 'vitest';
import { spanOf, traceOf } from './testing';

test('the path goes back from the end, through what was waited for', () => {
  const trace = traceOf([
    { id: 'root', at: [0, 100] },
    { id: 'first', parent: 'root', at: [10, 40] },
    { id: 'beside', parent: 'root', at: [15, 30] },
    { id: 'second', parent: 'root', at: [50, 90] },
    { id: 'inner', parent: 'second', at: [60, 90] },
  ]);
  const path = (id: string) => spanOf(trace, id).critical;
  expect(path('root')).toEqual([90, 100, 40, 50, 0, 10]);
  expect(path('first')).toEqual([10, 40]);
  expect(path('beside')).toEqual([]);
  expect(path('second')).toEqual([50, 60]);
  expect(path('inner')).toEqual([60, 90]);
});

test('the parts of the path add up to the root', () => {
  let seed = 3;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const specs: { id: string; parent?: string; at: [number, number] }[] = [{ id: '0', at: [0, 10_000] }];
  for (let index = 1; index < 300; index += 1) {
    const above = specs[random(index)]!;
    const start = above.at[0] + random(Math.max(1, above.at[1] - above.at[0]));
    specs.push({ id: String(index), parent: above.id, at: [start, start + random(Math.max(1, above.at[1] - start) + 1)] });
  }
  const { spans } = traceOf(specs);
  const parts = spans.flatMap((span) => Array.from({ length: span.critical.length / 2 }, (_, at) => [span.critical[2 * at]!, span.critical[2 * at + 1]!] as const));
  parts.sort((a, b) => a[0] - b[0]);
  expect(parts[0]![0]).toBe(0);
  expect(parts[parts.length - 1]![1]).toBe(10_000);
  for (let at = 1; at < parts.length; at += 1) expect(parts[at]![0]).toBe(parts[at - 1]![1]);
});

test('what outlives its parent was not waited for', () => {
  const trace = traceOf([{ id: 'root', at: [0, 100] }, { id: 'async', parent: 'root', at: [50, 300] }]);
  expect(spanOf(trace, 'root').critical).toEqual([0, 100]);
});
