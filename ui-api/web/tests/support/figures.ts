// Answers of the routes for topology, series, lanes and comparison, as the contract has them: a small shop in two lanes. What these
// views draw must not depend on how far the demo has come.

import type { Page, Route } from 'playwright-core';
import type { Comparison, LaneDetail, Lanes, RedAnswer, Topology, TopologyEdge, TopologyNode } from '../../src/lib/api/types';
import { HOSTILE } from './spans';

const CALLS: [string, string, string, number, number, number, Record<string, number>][] = [
  ['user:users', 'service:gateway', 'http', 5400, 21, 48, { baseline: 4900, fallback: 500 }],
  ['service:gateway', 'service:cart', 'http', 3200, 12, 31, { baseline: 2700, in_lane: 500 }],
  ['service:gateway', 'service:catalog', 'http', 5100, 0, 4, { baseline: 4600, in_lane: 500 }],
  ['service:cart', 'service:catalog', 'http', 2400, 0, 3, { baseline: 1900, in_lane: 480 }],
  ['service:cart', 'service:recommendation', 'http', 900, 2, 9, { baseline: 700, lost: 200 }],
  ['service:recommendation', 'service:catalog', 'http', 1800, 0, 3, { baseline: 1800 }],
  ['service:gateway', 'service:order', 'http', 760, 9, 62, { baseline: 600, fallback: 160 }],
  ['service:order', 'service:payment', 'grpc', 755, 8, 15, { baseline: 590, misroute: 4, in_lane: 161 }],
  ['service:order', 'queue:kafka/orders', 'kafka', 740, 0, 1, {}],
  ['queue:kafka/orders', 'service:shipping', 'kafka', 738, 3, 85, { baseline: 580, in_lane: 158 }],
  ['service:catalog', 'database:postgresql/catalog', 'postgresql', 8800, 0, 1, {}],
  ['service:cart', 'cache:redis', 'redis', 6100, 0, 0.4, {}],
  ['service:shipping', 'external:carrier.example', 'http', 400, 30, 220, {}],
];

const edges = CALLS.map(([source, target, protocol, requests, errors, ms, verdicts]): TopologyEdge => ({
  source, target, protocol, requests, errors, p50_ms: ms / 3, p95_ms: ms, p99_ms: ms * 1.7, client_p50_ms: ms / 3 + 0.4, client_p95_ms: ms + 1, verdicts,
  provenance: { declared: requests, matched: 0, one_sided: 0 },
}));

const sum = (of: TopologyEdge[], key: 'requests' | 'errors') => of.reduce((total, edge) => total + edge[key], 0);

const nodes = [...new Set(edges.flatMap((edge) => [edge.source, edge.target]))].map((id): TopologyNode => {
  const [kind, name] = [id.slice(0, id.indexOf(':')), id.slice(id.indexOf(':') + 1)];
  const into = edges.filter((edge) => edge.target === id);
  const ms = Math.max(1, ...into.map((edge) => edge.p95_ms!));
  return { id, kind, name, lanes: ['base', 'grey-v2'], requests: sum(into, 'requests'), errors: sum(into, 'errors'), p50_ms: ms / 3, p95_ms: ms, p99_ms: ms * 2 };
});

export const topology: Topology = { nodes, edges };

/** In the lane, only what its requests reached. */
const inLane: Topology = { nodes: nodes.filter((node) => !node.id.startsWith('external')), edges: edges.filter((edge) => !edge.target.startsWith('external')) };

const services = ['cart', 'catalog', 'gateway', 'order', 'payment', 'recommendation', 'shipping'];

export const lanes: Lanes = {
  services,
  lanes: [
    { name: 'base', services, requests: 9000, errors: 40, first_seen_ms: Date.now() - 3_000_000, last_seen_ms: Date.now(), verdicts: { baseline: 9000 } },
    {
      name: 'grey-v2', owner: 'checkout', services: ['cart', 'catalog', 'payment', 'shipping'], requests: 1500, errors: 22,
      first_seen_ms: Date.now() - 1_200_000, last_seen_ms: Date.now() - 1000, verdicts: { in_lane: 1299, fallback: 160, misroute: 4, lost: 200 },
    },
  ],
};

const lane: LaneDetail = {
  ...lanes.lanes[1]!,
  leaks: [{ source: 'service:cart', target: 'service:recommendation', operation: 'GET /recommendations/{product}', count: 200, since_ms: Date.now() - 900_000, trace_ids: ['ab'.repeat(16)] }],
  edges,
};

const buckets = (middle: number, count: number): [number, number][] =>
  Array.from({ length: 14 }, (_, at): [number, number] => [middle * 1.35 ** (at - 6), Math.max(0, Math.round(count * Math.exp(-((at - 6) ** 2) / 8)))]);

const side = (requests: number, errors: number, ms: number) => ({ requests, errors, p50_ms: ms, p95_ms: ms * 3, p99_ms: ms * 5, buckets: buckets(ms, requests / 5) });

const comparison: Comparison = {
  lane: 'grey-v2', to: 'base', verdict: 'fail',
  rows: [
    {
      level: 'service', service: 'cart', lane: side(500, 3, 42), base: side(2700, 9, 8),
      error_rate: { difference: 0.0027, confidence_low: -0.004, confidence_high: 0.009, p_value: 0.31 }, latency: { effect: 0.62, p_value: 1e-9, p95_ratio: 5.25 },
      verdict: 'fail', reasons: ['p95 126 ms against 24 ms (×5.25)'],
    },
    {
      level: 'service', service: 'payment', lane: side(160, 6, 11), base: side(590, 2, 11),
      error_rate: { difference: 0.034, confidence_low: 0.01, confidence_high: 0.07, p_value: 0.001 }, latency: { effect: 0.01, p_value: 0.8, p95_ratio: 1.01 }, verdict: 'pass', reasons: [],
    },
    { level: 'operation', service: 'cart', operation: 'GET /carts/{user}', lane: side(4, 0, 9), base: side(800, 0, 8), error_rate: null, latency: null, verdict: 'insufficient', reasons: ['4 requests, 30 are needed'] },
    {
      level: 'edge', source: 'service:gateway', target: 'service:cart', lane: side(500, 3, 43), base: side(2700, 9, 9),
      error_rate: { difference: 0.0027, confidence_low: -0.004, confidence_high: 0.009, p_value: 0.31 }, latency: { effect: 0.6, p_value: 1e-9, p95_ratio: 4.9 }, verdict: 'fail', reasons: ['p95 129 ms against 27 ms (×4.9)'],
    },
  ],
  first_divergence: { source: 'service:gateway', target: 'service:cart', operation: 'GET /carts/{user}' },
};

function red(address: URL): RedAnswer {
  const step_ms = Number.parseInt(address.searchParams.get('step') ?? '60', 10) * 1000;
  const end = Math.floor(Date.now() / step_ms) * step_ms;
  const wanted = address.searchParams.get('service');
  return {
    step_ms,
    series: services.filter((service) => !wanted || service === wanted).map((service, number) => ({
      service, operation: null, lane: null, kind: null,
      points: Array.from({ length: Math.min(120, Math.floor(3_600_000 / step_ms)) }, (_, at) => {
        const wave = 1 + Math.sin(at / 7 + number) * 0.4;
        const [requests, ms] = [Math.round(200 * wave), 6 * (number + 1) * (at === 40 ? 4 : wave)];
        return { time_ms: end - at * step_ms, requests, errors: at % 17 === 0 ? 4 : 0, p50_ms: ms / 2, p90_ms: ms, p95_ms: ms * 1.5, p99_ms: ms * 2.4, buckets: buckets(ms / 2, requests / 4) };
      }),
      exemplars: [
        { trace_id: 'ab'.repeat(16), duration_ms: 60 * (number + 1), time_ms: end - 12 * step_ms, error: true },
        { trace_id: 'cd'.repeat(16), duration_ms: null, time_ms: end, error: false },
      ],
    })),
  };
}

/** The same figures, of a fleet whose every name is hostile. */
const hostile: Topology = {
  nodes: topology.nodes.map((node) => ({ ...node, name: `${node.name} ${HOSTILE}`, lanes: [HOSTILE] })),
  edges: topology.edges.map((edge) => ({ ...edge, protocol: HOSTILE })),
};

function answer(address: URL, evil: boolean): unknown {
  const { pathname, searchParams } = address;
  if (pathname === '/api/v1/topology') return evil ? hostile : searchParams.get('lane') ? inLane : topology;
  if (pathname === '/api/v1/red') return red(address);
  if (pathname === '/api/v1/lanes') return evil ? { services: [HOSTILE], lanes: lanes.lanes.map((one) => ({ ...one, owner: HOSTILE, services: [HOSTILE] })) } : lanes;
  if (pathname.endsWith('/compare')) return evil ? { ...comparison, rows: comparison.rows.map((row) => ({ ...row, service: HOSTILE, reasons: [HOSTILE] })) } : comparison;
  return evil ? { ...lane, owner: HOSTILE, leaks: lane.leaks.map((leak) => ({ ...leak, operation: HOSTILE, trace_ids: [HOSTILE] })) } : lane;
}

const ROUTES = /\/api\/v1\/(topology|red|lanes)(\/|\?|$)/;
const respond = (route: Route, status: number, body: unknown) => route.fulfill({ status, contentType: 'application/json', body: JSON.stringify(body) });

/** Answers with the shop's figures. */
export const withFigures = (page: Page) => page.route(ROUTES, (route) => respond(route, 200, answer(new URL(route.request().url()), false)));
export const withHostileFigures = (page: Page) => page.route(ROUTES, (route) => respond(route, 200, answer(new URL(route.request().url()), true)));

/** Answers as a server that does not have these routes. */
export const withoutFigures = (page: Page) =>
  page.route(ROUTES, (route) => respond(route, 404, { error: { code: 'not_found', message: 'no such route', hint: 'GET / lists the entry points' } }));

/** A fleet of 1,200 services and 4,300 edges. */
export const withFleet = (page: Page) => {
  let seed = 11;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  const fleet: Topology = {
    nodes: Array.from({ length: 1200 }, (_, at) => ({ id: `service:s${at}`, kind: 'service', name: `service-${at}`, lanes: ['base'], requests: 100 + at, errors: at % 50 === 0 ? 9 : 0, p50_ms: 1, p95_ms: 5, p99_ms: 9 })),
    edges: Array.from({ length: 4300 }, () => [random(1200), random(1200)].sort((a, b) => a - b)).map(([source, target]) => ({
      source: `service:s${source}`, target: `service:s${target}`, protocol: 'grpc', requests: 50, errors: 0, p50_ms: 1, p95_ms: 4, p99_ms: 8, verdicts: { baseline: 50 },
    })),
  };
  return page.route(ROUTES, (route) => respond(route, 200, fleet));
};
