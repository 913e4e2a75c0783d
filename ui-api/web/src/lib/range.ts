// Time ranges: `now-1h`, or milliseconds since the Unix epoch, as the query API takes them.

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const DEFAULT_START = 'now-1h';

export const PRESETS = ['5m', '15m', '1h', '3h', '6h', '12h', '1d', '2d', '7d'];

/** Milliseconds since the Unix epoch of `now`, `now-15m`, an integer, or a date; `undefined` for anything else. */
export function resolve(text: string, nowMs: number): number | undefined {
  if (text === '' || text === 'now') return nowMs;
  const relative = /^now-(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (relative) return nowMs - Number(relative[1]) * UNIT_MS[relative[2]!]!;
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : date;
}

export interface Range {
  /** As it stands in the address. */
  start: string;
  end: string;
  startMs: number;
  endMs: number;
  /** Moves with the clock. */
  relative: boolean;
}

export function rangeOf(query: URLSearchParams, nowMs: number, fallback = DEFAULT_START): Range {
  const end = query.get('end') || 'now';
  const endMs = resolve(end, nowMs) ?? nowMs;
  let start = query.get('start') || fallback;
  let startMs = resolve(start, nowMs);
  if (startMs === undefined || startMs >= endMs) {
    start = String(Math.round(endMs - UNIT_MS.h!));
    startMs = endMs - UNIT_MS.h!;
  }
  return { start, end, startMs, endMs, relative: start.startsWith('now') };
}

/** Steps that the server keeps figures for, and that divide hours and days, so that points of two charts line up. */
const STEPS_S = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400];

/** The finest step in seconds that cuts the range into at most so many points. */
export function stepSeconds(range: Range, points: number): number {
  const wanted = (range.endMs - range.startMs) / 1000 / points;
  return STEPS_S.find((step) => step >= wanted) ?? 86_400;
}
