//! A comparison as JSON.

use laneway_proto::Lane;
use laneway_storage::compare::{Comparison, ErrorRates, Hops, Latencies, Row, Subject};
use laneway_storage::query::Red;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::graph::Level;
use crate::figures::{Bucket, RedBody, buckets};

/// A lane against another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComparisonBody {
    lane: String,
    to: String,
    /// `fail` when a row is; `pass` when none is and enough of the lane's requests could be compared; else `insufficient`.
    #[schema(example = "pass")]
    verdict: &'static str,
    /// Services, then operations, then edges, each by name.
    rows: Vec<RowBody>,
    /// The calls with which the difference begins: they fail, and nothing that they lead to does. Null when no edge fails.
    first_divergence: Option<Divergence>,
}

/// Something of the lane, and the same of the other. Names that do not apply to its level are null.
#[derive(Debug, Serialize, ToSchema)]
struct RowBody {
    /// `service`, `operation` or `edge`.
    level: &'static str,
    service: Option<String>,
    /// What served; of an edge, what was called, or with what the caller was entered where the callee was not traced.
    operation: Option<String>,
    /// The id of the calling node.
    source: Option<String>,
    /// The id of the called node.
    target: Option<String>,
    lane: Side,
    base: Side,
    /// Null when there were too few requests.
    error_rate: Option<ErrorRateBody>,
    /// Null when there were too few requests.
    latency: Option<LatencyBody>,
    /// `pass`, `fail` or `insufficient`.
    verdict: &'static str,
    /// Why it does not pass, for people.
    reasons: Vec<String>,
}

/// One side of a row. A service has here the operations that both lanes asked for.
#[derive(Debug, Serialize, ToSchema)]
struct Side {
    #[serde(flatten)]
    red: RedBody,
    /// The durations: pairs of the longest of a bucket, in milliseconds, and how many it holds; ascending, none empty.
    #[schema(value_type = Vec<Vec<f64>>)]
    buckets: Vec<Bucket>,
}

/// The error rate of the lane minus that of the other.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorRateBody {
    difference: f64,
    /// Newcombe's interval.
    confidence_low: f64,
    confidence_high: f64,
    /// Of the exact conditional test; of one operation that is Fisher's.
    p_value: f64,
    /// Corrected for how many tests were made.
    adjusted_p_value: f64,
}

/// The latencies of the lane against those of the other.
#[derive(Debug, Serialize, ToSchema)]
struct LatencyBody {
    /// How likely a request of the lane takes longer than one of the other, half of the ties included: 0.5 when neither tends to.
    effect: f64,
    effect_low: f64,
    effect_high: f64,
    /// Of the test of Brunner and Munzel.
    p_value: f64,
    /// Corrected for how many tests were made.
    adjusted_p_value: f64,
    /// The lane's median over the other's.
    p50_ratio: f64,
    /// The lane's 95th percentile over the other's.
    p95_ratio: f64,
    /// How many more of the lane's requests, as a share, are among the 5 % slowest of both lanes together.
    slow_difference: f64,
    slow_low: f64,
    slow_high: f64,
    slow_p_value: f64,
    adjusted_slow_p_value: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Divergence {
    /// The id of the calling node.
    source: String,
    /// The id of the called node.
    target: String,
    operation: String,
}

impl ComparisonBody {
    pub(super) fn of(lane: &Lane, to: &Lane, comparison: &Comparison) -> Self {
        Self {
            lane: lane.to_string(),
            to: to.to_string(),
            verdict: comparison.verdict.as_str(),
            rows: comparison.rows.iter().map(RowBody::from).collect(),
            first_divergence: comparison.first_divergence.as_ref().map(Divergence::from),
        }
    }
}

impl From<&Row> for RowBody {
    fn from(row: &Row) -> Self {
        let (level, service, operation, hops) = match &row.subject {
            Subject::Service(service) => ("service", Some(service), None, None),
            Subject::Operation(service, operation) => ("operation", Some(service), Some(operation), None),
            Subject::Edge(hops) => ("edge", None, Some(&hops.operation), Some(Divergence::from(hops))),
        };
        let (source, target) = hops.map(|hops| (hops.source, hops.target)).unzip();
        Self {
            level,
            service: service.map(ToString::to_string),
            operation: operation.map(ToString::to_string),
            source,
            target,
            lane: (&row.lane).into(),
            base: (&row.base).into(),
            error_rate: row.error_rates.as_ref().map(ErrorRateBody::from),
            latency: row.latencies.as_ref().map(LatencyBody::from),
            verdict: row.verdict.as_str(),
            reasons: row.reasons.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&Hops> for Divergence {
    fn from(hops: &Hops) -> Self {
        let [source, target] = [&hops.source, &hops.target].map(|node| Level::Service.node_id(node, ""));
        Self { source, target, operation: hops.operation.to_string() }
    }
}

impl From<&Red> for Side {
    fn from(red: &Red) -> Self {
        Self { red: red.into(), buckets: buckets(&red.duration_ns) }
    }
}

impl From<&ErrorRates> for ErrorRateBody {
    fn from(rates: &ErrorRates) -> Self {
        Self {
            difference: rates.difference.value,
            confidence_low: rates.difference.low,
            confidence_high: rates.difference.high,
            p_value: rates.p_value,
            adjusted_p_value: rates.adjusted_p_value,
        }
    }
}

impl From<&Latencies> for LatencyBody {
    fn from(latencies: &Latencies) -> Self {
        Self {
            effect: latencies.effect.value,
            effect_low: latencies.effect.low,
            effect_high: latencies.effect.high,
            p_value: latencies.p_value,
            adjusted_p_value: latencies.adjusted_p_value,
            p50_ratio: latencies.p50_ratio,
            p95_ratio: latencies.p95_ratio,
            slow_difference: latencies.slow_share.value,
            slow_low: latencies.slow_share.low,
            slow_high: latencies.slow_share.high,
            slow_p_value: latencies.slow_p_value,
            adjusted_slow_p_value: latencies.adjusted_slow_p_value,
        }
    }
}
