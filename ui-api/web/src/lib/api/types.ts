// Answers of the native API, as `/api/v1/openapi.json` describes them.

export interface Red {
  requests: number;
  errors: number;
  p50_ms: number | null;
  p90_ms?: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

export interface Service extends Red {
  name: string;
  lanes: string[];
  instances: number;
}

export interface Operation extends Red {
  name: string;
  kind: string;
}

/** CLIENT spans of one name to a database. */
export interface Statement extends Red {
  name: string;
  system: string;
  namespace: string | null;
  text: string | null;
  total_ms: number;
  slowest_ms: number;
  trace_id: string;
}

export interface Statements {
  statements: Statement[];
  examined: number;
  unknown: number;
  left_out: number;
}

export interface ServerStatus {
  ready: boolean;
  reason: string | null;
  retention: {
    max_age_ms: number | null;
    figures_max_age_ms: number | null;
    max_bytes: number | null;
    min_free_bytes: number;
    oldest_span_ms: number | null;
    used_bytes: number;
    disk_free_bytes: number | null;
    disk_total_bytes: number | null;
    expired_spans: number;
    early_expired_spans: number;
  };
  queries: {
    running: number;
    waiting: number;
    limit: number;
    answered: number;
    invalid: number;
    too_large: number;
    unavailable: number;
    timed_out: number;
    failed: number;
    cancelled: number;
    recent: { count: number; p50_ms: number | null; p95_ms: number | null; p99_ms: number | null };
  };
}

export interface TraceItem {
  traceId: string;
  rootSpanId: string;
  rootService: string;
  rootOperation: string;
  rootReceived: boolean;
  startTimeUnixNano: number;
  durationNano: number;
  spanCount: number;
  errorCount: number;
  services: string[];
  lanes: string[];
  serviceCounts: { name: string; spanCount: number; errorCount: number }[];
}

export interface TracePage {
  traces: TraceItem[];
  nextCursor: string | null;
}

export const VERDICTS = [
  'in_lane', 'baseline', 'fallback', 'misroute', 'crossover', 'contamination', 'lost', 'strict_miss',
] as const;
export type Verdict = (typeof VERDICTS)[number];
export type VerdictCounts = Partial<Record<Verdict, number>>;

export interface TopologyNode {
  id: string;
  kind: string;
  name: string;
  service?: string | null;
  lanes: string[];
  instance_lanes?: string[];
  requests: number;
  errors: number;
  p50_ms?: number | null;
  p95_ms?: number | null;
  p99_ms?: number | null;
}

export interface TopologyEdge {
  source: string;
  target: string;
  protocol: string;
  requests: number;
  errors: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  client_p50_ms?: number | null;
  client_p95_ms?: number | null;
  verdicts: VerdictCounts;
  provenance?: Record<string, number>;
}

export interface Topology {
  nodes: TopologyNode[];
  edges: TopologyEdge[];
}

/** `[upper bound in milliseconds, count]`. */
export type Bucket = [number, number];

export interface RedPoint {
  time_ms: number;
  requests: number;
  errors: number;
  p50_ms: number | null;
  p90_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  buckets: Bucket[];
}

export interface Exemplar {
  trace_id: string;
  /** Null where it stands out for being new. */
  duration_ms: number | null;
  time_ms: number;
  error: boolean;
}

export interface RedSeries {
  service?: string | null;
  operation?: string | null;
  lane?: string | null;
  kind?: string | null;
  points: RedPoint[];
  exemplars?: Exemplar[];
}

export interface RedAnswer {
  step_ms: number;
  series: RedSeries[];
}

export interface LaneItem {
  name: string;
  owner?: string | null;
  services: string[];
  requests: number;
  errors: number;
  first_seen_ms: number | null;
  last_seen_ms: number | null;
  verdicts: VerdictCounts;
}

export interface Lanes {
  lanes: LaneItem[];
  services: string[];
}

export interface Leak {
  source: string;
  target: string;
  operation: string;
  count: number;
  since_ms: number;
  trace_ids: string[];
}

export interface LaneDetail extends LaneItem {
  leaks: Leak[];
  edges: TopologyEdge[];
}

export type CompareVerdict = 'pass' | 'fail' | 'insufficient';

export interface CompareSide extends Red {
  buckets?: Bucket[];
}

export interface CompareRow {
  level: 'service' | 'operation' | 'edge';
  service?: string | null;
  operation?: string | null;
  source?: string | null;
  target?: string | null;
  lane: CompareSide;
  base: CompareSide;
  error_rate: {
    difference: number | null;
    confidence_low: number | null;
    confidence_high: number | null;
    p_value: number | null;
  } | null;
  latency: { effect: number | null; p_value: number | null; p95_ratio: number | null } | null;
  verdict: CompareVerdict;
  reasons: string[];
}

export interface Comparison {
  lane: string;
  to: string;
  verdict: CompareVerdict;
  rows: CompareRow[];
  first_divergence: { source: string; target: string; operation?: string | null } | null;
}
