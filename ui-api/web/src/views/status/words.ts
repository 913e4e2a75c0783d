// What is wrong with the server, in words.

import { t } from '../../lib/i18n';
import { count, percent } from '../../lib/format';
import { total, type Sample } from '../../lib/metrics';

export function problems(samples: readonly Sample[], notReady: string | undefined): string[] {
  const found: string[] = [];
  if (notReady !== undefined) found.push(notReady);
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
  return found;
}
