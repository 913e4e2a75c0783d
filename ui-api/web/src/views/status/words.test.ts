import { expect, test, vi } from 'vitest';
import type { ServerStatus } from '../../lib/api/types';
import { problems } from './words';

// There is no browser to ask for the reader's language.
vi.mock('../../lib/preferences.svelte', () => ({ preferences: { locale: 'en', zone: 'utc' } }));

type Retention = ServerStatus['retention'];
type Queries = ServerStatus['queries'];
const GIB = 1024 ** 3;

function words(retention: Partial<Retention> = {}, queries: Partial<Queries> = {}, reason: string | null = null): string {
  return problems([], {
    ready: reason === null, reason,
    retention: {
      max_age_ms: 7 * 86_400_000, figures_max_age_ms: null, max_bytes: null, min_free_bytes: 0, oldest_span_ms: null, used_bytes: 0,
      disk_free_bytes: 500 * GIB, disk_total_bytes: 1000 * GIB, expired_spans: 10, early_expired_spans: 0, ...retention,
    },
    queries: {
      running: 3, waiting: 0, limit: 16, answered: 100, invalid: 5, too_large: 0, unavailable: 0, timed_out: 0, failed: 0, cancelled: 2,
      recent: { count: 100, p50_ms: 1, p95_ms: 20, p99_ms: 50 }, ...queries,
    },
  }).join(' ');
}

test('what is as it should be is not said', () => {
  expect(words()).toBe('');
  expect(words({ disk_free_bytes: 40 * GIB })).toBe('');
  expect(words({ disk_free_bytes: null, disk_total_bytes: null, max_age_ms: null })).toBe('');
  expect(words({}, { recent: { count: 19, p50_ms: 1, p95_ms: 9000, p99_ms: 9000 } })).toBe('');
});

test('what retention does against its own age, and a disk that fills up', () => {
  expect(words({ early_expired_spans: 1200 })).toMatch(/^1\.2k spans were removed before their age \(7d 0h\)/);
  expect(words({ disk_free_bytes: 9 * GIB })).toContain('nearly full (9 GiB free, 0.9 %)');
  expect(words({ disk_free_bytes: 40 * GIB, min_free_bytes: 50 * GIB })).toContain('40 GiB free, less than the 50 GiB');
});

test('queries that wait, fail or are slow', () => {
  expect(words({}, { waiting: 4, running: 16 })).toContain('4 queries wait: 16 are being answered');
  expect(words({}, { failed: 1, timed_out: 2, unavailable: 3, too_large: 4 })).toMatch(/^1 .* 2 .* 3 .* 4 /);
  expect(words({}, { recent: { count: 20, p50_ms: 1, p95_ms: 2500, p99_ms: 3000 } })).toContain('took 2.5 s or longer');
  expect(words({}, {}, 'the disk is full')).toBe('the disk is full');
});
