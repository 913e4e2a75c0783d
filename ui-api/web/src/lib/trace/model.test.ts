import { expect, test } from 'vitest';
import { buildTrace } from './model';
import { spanOf, traceOf, tracesData } from './testing';

const CLIENT = 3;
const SERVER = 2;

test('spans stand in a tree, parents first, siblings by start', () => {
  const trace = traceOf([
    { id: 'late', parent: 'root', at: [50, 60] },
    { id: 'leaf', parent: 'early', at: [12, 18], error: true },
    { id: 'early', parent: 'root', at: [10, 20] },
    { id: 'root', at: [0, 100] },
  ]);
  expect(trace.spans.map((span) => span.id)).toEqual(['root', 'early', 'leaf', 'late']);
  expect(spanOf(trace, 'leaf')).toMatchObject({ depth: 2, start: 12, duration: 6 });
  expect(spanOf(trace, 'root')).toMatchObject({ descendants: 3, errorsBelow: 1, self: 80, parent: -1 });
  expect(trace).toMatchObject({ duration: 100, errors: 1, depth: 3, orphans: 0, startMs: 1_700_000_000_000 });
});

test('times are exact to the nanosecond', () => {
  expect(spanOf(traceOf([{ id: 'r', at: [0, 9] }, { id: 'c', parent: 'r', at: [1, 3] }]), 'c')).toMatchObject({ start: 1, duration: 2 });
});

test('missing parents, circles, spans that are their own parent and repeated ids lose nothing', () => {
  const trace = traceOf([
    { id: 'orphan', parent: 'never-sent', at: [5, 9] },
    { id: 'a', parent: 'b', at: [0, 1] }, { id: 'b', parent: 'a', at: [0, 1] },
    { id: 'self', parent: 'self', at: [2, 3] },
    { id: 'twice', at: [0, 4] }, { id: 'twice', at: [1, 4] }, { id: 'child', parent: 'twice', at: [1, 2] },
  ]);
  expect(trace.spans).toHaveLength(7);
  expect(trace.orphans).toBe(3);
  expect(new Set(trace.spans.map((span) => span.index)).size).toBe(7);
});

test('a span that ends before it starts takes no time', () => {
  expect(traceOf([{ id: 'r', at: [10, 5] }]).duration).toBe(0);
});

test('nothing is an empty trace', () => {
  expect(buildTrace({}, { adjustClocks: true })).toMatchObject({ spans: [], duration: 0, lanes: [] });
  expect(buildTrace({ resourceSpans: [{}, { scopeSpans: [{}] }] }, { adjustClocks: true }).spans).toEqual([]);
});

test('the lane is the span’s, else its ancestors’, else the baseline; names that are none do not count', () => {
  const trace = traceOf([
    { id: 'r', at: [0, 9] },
    { id: 'own', parent: 'r', at: [0, 9], lane: 'grey-v2' },
    { id: 'inherits', parent: 'own', at: [0, 9], lane: '<b>Not a lane</b>' },
    { id: 'alias', parent: 'own', at: [0, 9], attributes: { 'x-mse-tag': 'blue' } },
  ]);
  expect(trace.spans.map((span) => [span.id, span.lane])).toEqual([['r', 'base'], ['own', 'grey-v2'], ['alias', 'blue'], ['inherits', 'grey-v2']]);
  expect(trace.lanes).toEqual(['base', 'blue', 'grey-v2']);
});

test('the lane that the server tells goes before what the span says', () => {
  const data = tracesData([{ id: 'r', at: [0, 9], lane: 'grey' }, { id: 'c', parent: 'r', at: [0, 9] }]);
  data.laneway = { spans: [{ spanId: 'r', lane: 'blue' }] };
  expect(buildTrace(data, { adjustClocks: true }).spans.map((span) => span.lane)).toEqual(['blue', 'blue']);
});

test('a server whose clock is off is moved into its call, with all that it did', () => {
  const specs = [
    { id: 'client', kind: CLIENT, at: [1000, 2000] as [number, number] },
    { id: 'server', parent: 'client', service: 'b', kind: SERVER, at: [5000, 5600] as [number, number] },
    { id: 'inner', parent: 'server', service: 'b', at: [5100, 5200] as [number, number] },
  ];
  const trace = traceOf(specs);
  expect(spanOf(trace, 'server')).toMatchObject({ start: 200, clockShift: -3800 });
  expect(spanOf(trace, 'inner')).toMatchObject({ start: 300, clockShift: -3800 });
  expect(trace).toMatchObject({ shifted: 2, duration: 1000 });
  expect(traceOf(specs, { adjustClocks: false })).toMatchObject({ shifted: 0, duration: 4600 });
});

test('messages, and calls within an instance, keep their times', () => {
  const trace = traceOf([
    { id: 'producer', kind: 4, at: [0, 10] },
    { id: 'consumer', parent: 'producer', service: 'b', kind: 5, at: [500, 600] },
    { id: 'task', parent: 'producer', at: [20, 90] },
  ]);
  expect(trace.shifted).toBe(0);
});

test('a shift before the start of the trace moves the start', () => {
  const trace = traceOf([
    { id: 'server', parent: 'client', service: 'b', kind: SERVER, at: [0, 10] },
    { id: 'client', kind: CLIENT, at: [1000, 1100] },
  ]);
  expect(spanOf(trace, 'client').start).toBe(0);
  expect(spanOf(trace, 'server').start).toBe(45);
});

test('100,000 spans, wide or deep, are read without a deep call stack', () => {
  const wide = Array.from({ length: 50_000 }, (_, at) => ({ id: `w${at}`, parent: at ? 'w0' : undefined, at: [at, at + 1] as [number, number] }));
  const deep = Array.from({ length: 50_000 }, (_, at) => ({ id: `d${at}`, parent: at ? `d${at - 1}` : undefined, at: [0, 100_000 - at] as [number, number] }));
  const trace = traceOf([...wide, ...deep]);
  expect(trace).toMatchObject({ depth: 50_000 });
  expect(trace.spans).toHaveLength(100_000);
});
