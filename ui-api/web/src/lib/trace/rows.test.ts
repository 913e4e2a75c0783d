import { expect, test } from 'vitest';
import { differs, mergeTraces, presence } from './compare';
import { ancestors, collapsedBelow, errorsOnly, findSpans, visibleRows } from './rows';
import { flame, groups } from './statistics';
import { traceOf } from './testing';

const trace = traceOf([
  { id: 'root', service: 'shop', at: [0, 100] },
  { id: 'ok', parent: 'root', service: 'cart', name: 'get', at: [0, 40] },
  { id: 'deep', parent: 'ok', service: 'db', name: 'select', at: [10, 30], attributes: { 'db.query.text': 'SELECT 1' } },
  { id: 'bad', parent: 'root', service: 'pay', name: 'charge', at: [50, 90] },
  { id: 'worse', parent: 'bad', service: 'pay', name: 'card', at: [55, 80], error: true },
]);
const names = (rows: number[]) => rows.map((index) => trace.spans[index]!.id);

test('rows hide what is within a collapsed span', () => {
  expect(names(visibleRows(trace, new Set()))).toEqual(['root', 'ok', 'deep', 'bad', 'worse']);
  expect(names(visibleRows(trace, collapsedBelow(trace, 1)))).toEqual(['root', 'ok', 'bad']);
  expect(names(visibleRows(trace, errorsOnly(trace)))).toEqual(['root', 'ok', 'bad', 'worse']);
  expect(names(ancestors(trace, 2))).toEqual(['ok', 'root']);
});

test('spans are found by what they hold, whatever its case', () => {
  expect(names(findSpans(trace, 'select 1'))).toEqual(['deep']);
  expect(names(findSpans(trace, 'IT BROKE'))).toEqual(['worse']);
  expect(names(findSpans(trace, 'pay'))).toEqual(['bad', 'worse']);
  expect(findSpans(trace, '  ')).toEqual([]);
});

test('spans of one operation are one group', () => {
  const group = groups(trace).find((one) => one.name === 'charge')!;
  expect(group).toMatchObject({ service: 'pay', count: 1, errors: 0, total: 40, self: 15, longest: 40, p95: 40 });
});

test('in the flame graph, a frame is as wide as the work below it', () => {
  const root = flame(trace);
  expect(root.total).toBe(trace.spans.reduce((sum, span) => sum + span.self, 0));
  const [shop] = root.children.values();
  expect([...shop!.children.values()].map(({ name, total, self }) => [name, total, self])).toEqual([['get', 40, 20], ['charge', 40, 15]]);
});

test('two traces are one tree', () => {
  const other = traceOf([
    { id: 'root', service: 'shop', at: [0, 60] },
    { id: 'ok', parent: 'root', service: 'cart', name: 'get', at: [0, 39] },
    { id: 'again', parent: 'root', service: 'cart', name: 'get', at: [40, 41] },
    { id: 'new', parent: 'root', service: 'mail', name: 'send', at: [41, 50] },
  ]);
  const nodes = mergeTraces(trace, other);
  expect(nodes.map((node) => [node.name, node.depth, presence(node)])).toEqual([
    ['root', 0, 'both'], ['get', 1, 'both'], ['select', 2, 'onlyFirst'], ['charge', 1, 'onlyFirst'], ['card', 2, 'onlyFirst'], ['send', 1, 'onlySecond'],
  ]);
  const get = nodes[1]!;
  expect(get.second).toMatchObject({ count: 2, duration: 40 });
  expect(differs(get, 100)).toBe(true);
  expect(mergeTraces(trace, trace).some((node) => differs(node, 100))).toBe(false);
});
