// Series of rate, errors and durations.

import type { RedAnswer, RedPoint, RedSeries } from './api/types';
import type { Range } from './range';

/** A value for each step of the range; null, or zero for counts, where nothing happened. */
export function regular<Value>(
  series: RedSeries | undefined,
  answer: RedAnswer,
  range: Range,
  value: (point: RedPoint | undefined) => Value,
): { times: number[]; values: Value[] } {
  const step = answer.step_ms;
  const byTime = new Map(series?.points.map((point) => [point.time_ms, point]));
  const times: number[] = [];
  const values: Value[] = [];
  for (let time = Math.floor(range.startMs / step) * step; time < range.endMs && times.length < 5000; time += step) {
    times.push(time);
    values.push(value(byTime.get(time)));
  }
  return { times, values };
}

/** The smallest bound that at least this share of all requests of the series stayed within. */
export function quantile(series: RedSeries | undefined, share: number): number | null {
  const counts = new Map<number, number>();
  for (const point of series?.points ?? []) for (const [upper, count] of point.buckets) counts.set(upper, (counts.get(upper) ?? 0) + count);
  const ascending = [...counts].sort(([a], [b]) => a - b);
  let left = ascending.reduce((sum, [, count]) => sum + count, 0) * share;
  for (const [upper, count] of ascending) {
    left -= count;
    if (left <= 1e-9) return upper;
  }
  return null;
}

export interface Cell {
  time: number;
  /** Bounds of the bucket in milliseconds. */
  low: number;
  high: number;
  count: number;
}

/** Durations over time, merged into bands so wide that about so many stand one above the other. */
export function heatmap(series: readonly RedSeries[], bands: number): { cells: Cell[]; low: number; high: number } {
  const uppers = series.flatMap((one) => one.points.flatMap((point) => point.buckets.map(([upper]) => Math.max(upper, 0.001))));
  if (uppers.length === 0) return { cells: [], low: 0.1, high: 1000 };
  const least = Math.log10(uppers.reduce((a, b) => Math.min(a, b)));
  const most = Math.log10(uppers.reduce((a, b) => Math.max(a, b)));
  const size = Math.max(0.05, (most - least) / (bands - 1));
  const cells = new Map<string, Cell>();
  for (const { points } of series) {
    for (const point of points) {
      for (const [upper, count] of point.buckets) {
        const band = Math.floor((Math.log10(Math.max(upper, 0.001)) - least) / size + 1e-9);
        const key = `${point.time_ms} ${band}`;
        const known = cells.get(key);
        if (known) known.count += count;
        else cells.set(key, { time: point.time_ms, low: 10 ** (least + band * size), high: 10 ** (least + (band + 1) * size), count });
      }
    }
  }
  return { cells: [...cells.values()], low: 10 ** least, high: 10 ** (most + size) };
}
