// Figures as people read them. All units are written out; nothing is longer than nine characters.

const NUMBER = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, useGrouping: false });

const significant = (value: number) => NUMBER.format(value);

/** `850 ns`, `1.71 ms`, `2.04 s`, `1m 20s`, `3h 5m`. */
export function duration(ns: number): string {
  const size = Math.abs(ns);
  if (size < 1e3) return `${significant(ns)} ns`;
  if (size < 999.5e3) return `${significant(ns / 1e3)} µs`;
  if (size < 999.5e6) return `${significant(ns / 1e6)} ms`;
  if (size < 59.95e9) return `${significant(ns / 1e9)} s`;
  const sign = ns < 0 ? '−' : '';
  const seconds = Math.round(size / 1e9);
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 48 * 60) return `${sign}${Math.floor(minutes / 60)}h ${minutes % 60}m`;
  return `${sign}${Math.floor(minutes / 1440)}d ${Math.floor((minutes % 1440) / 60)}h`;
}

export const durationMs = (ms: number | null | undefined) => (ms == null ? '–' : duration(ms * 1e6));

export function signedDuration(ns: number): string {
  return ns > 0 ? `+${duration(ns)}` : ns < 0 ? `−${duration(-ns)}` : '0';
}

/** `950`, `12.3k`, `4.56M`. */
export function count(value: number): string {
  if (value < 1000) return significant(value);
  if (value < 999.5e3) return `${significant(value / 1e3)}k`;
  if (value < 999.5e6) return `${significant(value / 1e6)}M`;
  return `${significant(value / 1e9)}G`;
}

export const grouped = (value: number) => new Intl.NumberFormat('en').format(value);

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${significant(value)} ${units[unit]}`;
}

/** Per second, or per minute where a second is too short for it. */
export function rate(requests: number, milliseconds: number): string {
  if (milliseconds <= 0) return '–';
  const perSecond = (requests * 1000) / milliseconds;
  if (perSecond === 0) return '0/s';
  return perSecond >= 0.1 ? `${count(perSecond)}/s` : `${count(perSecond * 60)}/min`;
}

/** `0 %`, `0.03 %`, `12 %`; never rounds a failure to nothing. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %';
  const value = (part / whole) * 100;
  if (value < 0.01) return '<0.01 %';
  return `${value >= 10 ? value.toFixed(0) : significant(Number(value.toPrecision(2)))} %`;
}

export type Zone = 'local' | 'utc';

const timeZone = (zone: Zone) => (zone === 'utc' ? 'UTC' : undefined);
const formats = new Map<string, Intl.DateTimeFormat>();

function dateFormat(zone: Zone, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + name;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat('sv', { ...options, timeZone: timeZone(zone), hourCycle: 'h23' });
    formats.set(key, format);
  }
  return format;
}

/** `2026-11-25 01:17:03.772`. */
export function timestamp(ms: number, zone: Zone): string {
  const text = dateFormat(zone, 'full', {
    year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  }).format(ms);
  return `${text}.${String(Math.floor(((ms % 1000) + 1000) % 1000)).padStart(3, '0')}`;
}

/** As an axis shows it: the date where days matter, seconds where minutes do. */
export function axisTime(ms: number, spanMs: number, zone: Zone): string {
  if (spanMs > 2 * 86_400_000) return dateFormat(zone, 'day', { month: '2-digit', day: '2-digit' }).format(ms);
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  if (spanMs <= 600_000) return dateFormat(zone, 's', { ...options, second: '2-digit' }).format(ms);
  return dateFormat(zone, 'm', options).format(ms);
}

/** Round positions for about so many ticks between two values. */
export function ticks(from: number, to: number, about: number): number[] {
  if (!(to > from)) return [];
  const raw = (to - from) / about;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to + step * 1e-9; at += step) found.push(at);
  return found;
}

/** Round times for about so many ticks: seconds, minutes, hours. */
export function timeTicks(fromMs: number, toMs: number, about: number): number[] {
  const raw = (toMs - fromMs) / about / 1000;
  if (raw < 1) return ticks(fromMs, toMs, about);
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
  const step = (steps.find((s) => s >= raw) ?? Math.ceil(raw / 86_400) * 86_400) * 1000;
  const found = [];
  for (let at = Math.ceil(fromMs / step) * step; at <= toMs; at += step) found.push(at);
  return found;
}
