import { expect, test } from 'vitest';
import { crossings } from './hops';
import { spanOf, traceOf, type Spec } from './testing';

const call = (lane: string | undefined, arrived: string | undefined, instanceLane: string | undefined): Spec[] => [
  { id: 'client', service: 'a', lane: lane ?? 'base', at: [0, 9] },
  { id: 'server', parent: 'client', service: 'b', lane: arrived ?? 'base', instanceLane, at: [1, 8] },
];
const verdict = (specs: Spec[], outside?: () => 'fallback' | 'misroute') => spanOf(traceOf(specs, { outside }), 'server').hop?.verdict;

test('a verdict is concluded from both spans', () => {
  expect(verdict(call('grey', 'grey', 'grey'))).toBe('in_lane');
  expect(verdict(call(undefined, undefined, undefined))).toBe('baseline');
  expect(verdict(call('grey', undefined, undefined))).toBe('lost');
  expect(verdict(call('grey', 'grey', 'blue'))).toBe('crossover');
  expect(verdict(call(undefined, undefined, 'grey'))).toBe('contamination');
});

test('whether the lane had an instance is not concluded, but asked', () => {
  expect(verdict(call('grey', 'grey', undefined))).toBeUndefined();
  expect(verdict(call('grey', 'grey', undefined), () => 'misroute')).toBe('misroute');
});

test('what the server says goes before what was concluded', () => {
  const trace = traceOf(call('grey', undefined, undefined), {}, [{ spanId: 'server', verdict: 'fallback' }, { spanId: 'client', verdict: 'strict_miss' }]);
  expect(spanOf(trace, 'server').hop).toMatchObject({ verdict: 'fallback', declared: true });
  expect(spanOf(trace, 'client').hop).toMatchObject({ verdict: 'strict_miss', source: 0, target: 0 });
  const odd = traceOf(call('grey', 'grey', 'grey'), {}, [{ spanId: 'server', verdict: '<img>' }]);
  expect(spanOf(odd, 'server').hop).toMatchObject({ verdict: 'in_lane', declared: false });
});

test('only calls between processes are hops; alike ones are one crossing', () => {
  const trace = traceOf([
    { id: 'r', service: 'a', at: [0, 99] }, { id: 'inner', parent: 'r', service: 'a', at: [0, 99] },
    { id: 'x', parent: 'inner', service: 'b', at: [1, 2] }, { id: 'y', parent: 'inner', service: 'b', at: [3, 4] },
    { id: 'z', parent: 'inner', service: 'c', at: [5, 6] },
  ]);
  expect(trace.hops).toHaveLength(3);
  expect(crossings(trace.spans, trace.hops).map(({ target, count }) => [target.service, count])).toEqual([['b', 2], ['c', 1]]);
});
