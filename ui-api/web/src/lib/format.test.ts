import { expect, test } from 'vitest';
import { bytes, count, duration, percent, rate, signedDuration, ticks, timestamp, timeTicks } from './format';
import { rangeOf, resolve, stepSeconds } from './range';
import { heatmap, quantile, regular } from './red';

test('durations have three digits and a unit', () => {
  const cases: [number, string][] = [
    [0, '0 ns'], [850, '850 ns'], [1714, '1.71 µs'], [999_499, '999 µs'], [999_999, '1 ms'], [45_600_000, '45.6 ms'], [2_040_000_000, '2.04 s'],
    [59_990_000_000, '1m 0s'], [80e9, '1m 20s'], [3 * 3600e9 + 300e9, '3h 5m'], [50 * 3600e9, '2d 2h'],
  ];
  for (const [ns, text] of cases) expect(duration(ns)).toBe(text);
  expect([signedDuration(1000), signedDuration(-1000), signedDuration(0)]).toEqual(['+1 µs', '−1 µs', '0']);
});

test('a failure is never rounded to none', () => {
  expect([percent(0, 9), percent(0, 0), percent(1, 1e6), percent(1, 3), percent(5, 5)]).toEqual(['0 %', '0 %', '<0.01 %', '33 %', '100 %']);
});

test('counts, rates and bytes are short', () => {
  expect([count(7), count(12_345), count(4_560_000)]).toEqual(['7', '12.3k', '4.56M']);
  expect([rate(0, 1000), rate(600, 60_000), rate(3, 60_000), rate(1, 0)]).toEqual(['0/s', '10/s', '3/min', '–']);
  expect([bytes(12), bytes(4_856_396)]).toEqual(['12 B', '4.63 MiB']);
});

test('times are shown in the zone that was chosen', () => {
  expect(timestamp(1_795_569_415_772, 'utc')).toBe('2026-11-25 01:16:55.772');
});

test('ticks are round and within bounds', () => {
  expect(ticks(0, 100, 4)).toEqual([0, 25, 50, 75, 100]);
  expect(ticks(5, 5, 4)).toEqual([]);
  expect(timeTicks(1_000_500, 1_060_500, 4)).toEqual([1_005_000, 1_020_000, 1_035_000, 1_050_000]);
});

test('ranges follow the address, and fall back to what makes sense', () => {
  const now = 1_800_000_000_000;
  expect(resolve('now-90m', now)).toBe(now - 5_400_000);
  expect(resolve('2026-01-31T12:00:00Z', now)).toBe(1_769_860_800_000);
  expect(resolve('tomorrow', now)).toBeUndefined();
  const of = (query: string) => rangeOf(new URLSearchParams(query), now);
  expect(of('')).toMatchObject({ start: 'now-1h', startMs: now - 3_600_000, endMs: now, relative: true });
  expect(of('start=1000&end=5000')).toMatchObject({ startMs: 1000, endMs: 5000, relative: false });
  expect(of('start=5000&end=1000').startMs).toBeLessThan(1000);
  expect(stepSeconds(of('start=now-1h'), 120)).toBe(30);
  expect(stepSeconds(of('start=now-7d'), 120)).toBe(7200);
});

test('series become regular, and their buckets quantiles and cells', () => {
  const point = (time_ms: number, buckets: [number, number][]) => ({ time_ms, requests: 1, errors: 0, p50_ms: 1, p90_ms: 1, p95_ms: 1, p99_ms: 1, buckets });
  const series = { service: 'a', points: [point(20, [[1, 3], [10, 6]]), point(40, [[100, 1]])] };
  const answer = { step_ms: 10, series: [series] };
  const range = { start: '', end: '', startMs: 15, endMs: 50, relative: false };
  expect(regular(series, answer, range, (one) => one?.requests ?? 0)).toEqual({ times: [10, 20, 30, 40], values: [0, 1, 0, 1] });
  expect([quantile(series, 0.3), quantile(series, 0.5), quantile(series, 0.9), quantile(series, 1), quantile(undefined, 0.5)]).toEqual([1, 10, 10, 100, null]);
  const map = heatmap([series], 10);
  expect(map.cells.map((cell) => cell.count)).toEqual([3, 6, 1]);
  expect(map.cells.every((cell) => cell.low < cell.high && cell.low >= map.low * 0.999 && cell.high <= map.high * 1.001)).toBe(true);
});
