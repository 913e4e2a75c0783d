// What is wrong with the server, in words.

import type { ServerStatus } from '../../lib/api/types';
import { bytes, count, durationMs, percent } from '../../lib/format';
import { t } from '../../lib/i18n';
import { total, type Sample } from '../../lib/metrics';

/** A disk of which less is free, in share and in bytes, is told of before it is full. */
const LITTLE_SPACE = { share: 0.05, bytes: 10 * 1024 ** 3 };
/** Queries that take longer are felt. */
const SLOW_MS = 2000;
/** Of fewer, the slowest say nothing of the others. */
const ENOUGH_QUERIES = 20;

function ofRetention(retention: ServerStatus['retention']): string[] {
  const found: string[] = [];
  const { disk_free_bytes: free, disk_total_bytes: size, min_free_bytes: least, max_age_ms: maxAge } = retention;
  if (retention.early_expired_spans > 0) {
    const age = maxAge === null ? t('status.forEver') : durationMs(maxAge);
    found.push(t('status.problem.early', { count: count(retention.early_expired_spans), age }));
  }
  if (free !== null && size !== null) {
    if (free < least) found.push(t('status.problem.space', { free: bytes(free), least: bytes(least) }));
    else if (free < Math.min(size * LITTLE_SPACE.share, LITTLE_SPACE.bytes)) found.push(t('status.problem.disk', { free: bytes(free), share: percent(free, size) }));
  }
  return found;
}

function ofQueries(queries: ServerStatus['queries']): string[] {
  const found: string[] = [];
  if (queries.waiting > 0) found.push(t('status.problem.waiting', { count: count(queries.waiting), limit: queries.limit }));
  const counts = [
    [queries.failed, 'status.problem.failed'],
    [queries.timed_out, 'status.problem.timedOut'],
    [queries.unavailable, 'status.problem.unavailable'],
    [queries.too_large, 'status.problem.tooLarge'],
  ] as const;
  for (const [value, text] of counts) if (value > 0) found.push(t(text, { count: count(value) }));
  const { p95_ms: p95, count: recent } = queries.recent;
  if (p95 !== null && p95 > SLOW_MS && recent >= ENOUGH_QUERIES) found.push(t('status.problem.slow', { duration: durationMs(p95) }));
  return found;
}

export function problems(samples: readonly Sample[], status: ServerStatus): string[] {
  const found: string[] = [];
  if (status.reason !== null) found.push(status.reason);
  const refused = samples.filter((sample) => sample.name === 'laneway_receiver_requests_total' && sample.labels.outcome !== 'accepted' && sample.value > 0);
  if (refused.length > 0) {
    const outcomes = refused.map((sample) => `${sample.labels.protocol} ${sample.labels.outcome} ${count(sample.value)}`).join(', ');
    found.push(t('status.problem.refused', { count: count(refused.reduce((sum, sample) => sum + sample.value, 0)), outcomes }));
  }
  const [used, budget] = [total(samples, 'laneway_admission_in_use_bytes'), total(samples, 'laneway_admission_capacity_bytes')];
  if (budget > 0 && used / budget > 0.8) found.push(t('status.problem.memory', { share: percent(used, budget) }));
  const counters = [
    ['laneway_store_parts_in_quarantine', 'status.problem.damaged'],
    ['laneway_store_malformed_requests_total', 'status.problem.malformed'],
    ['laneway_store_rejected_spans_total', 'status.problem.rejected'],
    ['laneway_store_overloaded_requests_total', 'status.problem.overloaded'],
  ] as const;
  for (const [name, text] of counters) {
    const value = total(samples, name);
    if (value > 0) found.push(t(text, { count: count(value) }));
  }
  found.push(...ofRetention(status.retention), ...ofQueries(status.queries));
  return found;
}
