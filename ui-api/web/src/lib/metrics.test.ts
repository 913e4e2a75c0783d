import { expect, test } from 'vitest';
import { parseMetrics, total } from './metrics';

const TEXT = `# HELP a_total Something
# TYPE a_total counter
a_total{protocol="grpc",outcome="accepted"} 3
a_total{protocol="http",outcome="accepted"} 4
a_total{protocol="http",outcome="of \\"two\\", or\\nmore"} 5
b 1.5e3
broken`;

test('samples have names, labels and values', () => {
  const samples = parseMetrics(TEXT);
  expect(samples).toHaveLength(4);
  expect(samples[2]!.labels).toEqual({ protocol: 'http', outcome: 'of "two", or\nmore' });
  expect(total(samples, 'b')).toBe(1500);
  expect(total(samples, 'a_total', { outcome: 'accepted' })).toBe(7);
  expect(total(samples, 'absent')).toBe(0);
});
