// Traces over OTLP.

import { gzipSync } from 'node:zlib';

export interface Span {
  [field: string]: unknown;
}

export const strings = (pairs: Record<string, string>) => Object.entries(pairs).map(([key, value]) => ({ key, value: { stringValue: value } }));
export const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

export const hugeTraceId = (mark: string) => mark.repeat(32);
export const HOSTILE_TRACE_ID = 'bad0'.repeat(8);
/** What is shown of it must be shown as it is. */
export const HOSTILE = `"><img src=http://attacker.invalid/x onerror=alert(1)><script>alert(2)</script>{{7*7}}\${alert(3)}`;

/** A tree of so many spans in four services. Its last span's name tells how many there are. */
export function hugeSpans(count: number, mark: string): [string, Span[]][] {
  const now = BigInt(Date.now()) * 1_000_000n - 60_000_000_000n;
  const services = ['huge-a', 'huge-b', 'huge-c', 'huge-d'].map((name): [string, Span[]] => [name, []]);
  for (let index = 0; index < count; index += 1) {
    const start = now + BigInt(index) * 10_000n;
    const length = index === 0 ? BigInt(count) * 10_000n : 8_000_000n / BigInt(1 + (index % 7));
    services[Math.floor(index / 50) % services.length]![1].push({
      traceId: hugeTraceId(mark), spanId: hex(index + 1, 16),
      parentSpanId: index === 0 ? '' : hex((index % 10 === 0 ? 0 : index - (index % 10)) + 1, 16),
      name: index === count - 1 ? `span the last of ${count}` : `operation ${index % 97}`, kind: 1,
      startTimeUnixNano: String(start), endTimeUnixNano: String(start + length),
      attributes: strings({ 'http.request.method': 'GET', 'url.path': `/items/${index}` }), status: index % 5000 === 4999 ? { code: 2, message: 'it broke' } : {},
    });
  }
  return services;
}

/** Text that would be markup, a script, or a link to one, wherever somebody can write text. */
export function hostileSpans(): [string, Span[]][] {
  const now = BigInt(Date.now()) * 1_000_000n;
  const evil = strings({ [HOSTILE]: HOSTILE, 'url.full': 'javascript:alert(4)', 'http.url': 'http://attacker.invalid/real-link', 'data': 'data:text/html,<script>alert(5)</script>', __proto__key: HOSTILE });
  const span = (id: string, parent: string): Span => ({
    traceId: HOSTILE_TRACE_ID, spanId: id.repeat(16), parentSpanId: parent && parent.repeat(16), name: HOSTILE, kind: 2, traceState: 'a=<script>alert(6)</script>',
    startTimeUnixNano: String(now - 5_000_000n), endTimeUnixNano: String(now), attributes: evil, status: { code: 2, message: HOSTILE },
    events: [{ timeUnixNano: String(now), name: HOSTILE, attributes: evil }],
    links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceState: HOSTILE, attributes: evil }],
  });
  const database = strings({ 'db.system.name': HOSTILE, 'db.namespace': HOSTILE, 'db.query.text': HOSTILE });
  const statement = { ...span('5', '1'), name: `statement ${HOSTILE}`, kind: 3, attributes: [...evil, ...database] };
  return [[HOSTILE, [span('1', ''), statement]], ['javascript:alert(7)', [span('2', '1')]], ['__proto__', [span('3', '2')]], ['a/b?c#d%2F', [span('4', '2')]]];
}

/** Sends the spans of services; `more` are attributes of their resources. */
export async function send(otlp: string, services: [string, Span[], Record<string, string>?][]) {
  const BATCH = 10_000;
  for (const [service, spans, more = {}] of services) {
    for (let at = 0; at < spans.length; at += BATCH) {
      const resource = { attributes: strings({ 'service.name': service, 'service.instance.id': `${service} 1`, 'service.version': service, ...more }) };
      const body = JSON.stringify({
        resourceSpans: [{ resource, scopeSpans: [{ scope: { name: service, version: service }, spans: spans.slice(at, at + BATCH) }] }],
      });
      const answer = await fetch(`${otlp}/v1/traces`, {
        method: 'POST', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' }, body: gzipSync(body, { level: 1 }),
      });
      if (!answer.ok) throw new Error(`spans were refused: ${answer.status} ${await answer.text()}`);
    }
  }
}
