// A fleet of three services, of which one has an instance in a lane: `gateway` asks `cart`, which asks a database, and `gateway` asks
// `payment`. In the lane, `cart` is ten times as slow, though its database is not.

import { hex, send, strings, type Span } from './spans';

export const LANE = 'grey-v2';
export const STATEMENT = 'SELECT name, price FROM items WHERE cart = ?';
// A comparison wants a hundred on each side.
export const [BASELINE, IN_LANE] = [180, 120];
const MS = 1_000_000n;

interface Recorded {
  service: string;
  instance: string;
  serves?: string;
  span: Span;
}

function request(number: number, start: bigint, lane: string | undefined): Recorded[] {
  const traceId = hex(number, 32);
  const isSlow = lane !== undefined;
  // Durations of one side differ, as those of requests do.
  const cartMs = BigInt((isSlow ? 200 : 20) + (number % 7));
  const record = (service: string, id: number, parent: number, kind: number, name: string, afterMs: bigint, durationMs: bigint, attributes: Record<string, string> = {}): Recorded => {
    const inLane = isSlow && service === 'cart';
    const from = start + afterMs * MS;
    const span: Span = {
      traceId, spanId: hex(number * 16 + id, 16), parentSpanId: parent === 0 ? '' : hex(number * 16 + parent, 16), name, kind,
      startTimeUnixNano: String(from), endTimeUnixNano: String(from + durationMs * MS),
      attributes: strings({ ...attributes, ...(parent === 0 && lane ? { lane } : {}) }), status: {},
    };
    return { service, instance: inLane ? 'cart-grey' : `${service}-1`, ...(inLane ? { serves: LANE } : {}), span };
  };
  const [server, client] = [2, 3];
  return [
    record('gateway', 1, 0, server, 'GET /cart', 0n, cartMs + 30n),
    record('gateway', 2, 1, client, 'GET', 1n, cartMs + 4n, { 'http.request.method': 'GET' }),
    record('cart', 3, 2, server, 'GET /items', 2n, cartMs, { 'http.request.method': 'GET' }),
    record('cart', 4, 3, client, 'SELECT items', 3n, BigInt(6 + (number % 5)), { 'db.system.name': 'postgresql', 'db.namespace': 'shop', 'db.query.summary': 'SELECT items', 'db.query.text': STATEMENT }),
    record('gateway', 5, 1, client, 'POST', cartMs + 8n, 12n, { 'http.request.method': 'POST' }),
    record('payment', 6, 5, server, 'POST /pay', cartMs + 10n, 8n, { 'http.request.method': 'POST' }),
  ];
}

/** Sends requests of the last minutes: of the baseline, and of the lane. */
export async function sendFleet(otlp: string) {
  const now = BigInt(Date.now()) * MS;
  const numbers = Array.from({ length: BASELINE + IN_LANE }, (_, number) => number + 1);
  const recorded = numbers.flatMap((number) => request(number, now - BigInt(numbers.length + 5 - number) * 1000n * MS, number > BASELINE ? LANE : undefined));
  const instances = new Map<string, Recorded[]>();
  for (const one of recorded) instances.set(one.instance, [...(instances.get(one.instance) ?? []), one]);
  await send(otlp, [...instances.values()].map((of): [string, Span[], Record<string, string>] => {
    const { service, instance, serves } = of[0]!;
    return [service, of.map(({ span }) => span), { 'service.instance.id': instance, ...(serves ? { 'service.lane': serves } : {}) }];
  }));
}
