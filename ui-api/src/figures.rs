//! How figures stand in answers.

use std::collections::BTreeMap;

use laneway_storage::model::SpanKind;
use laneway_storage::query::{Histogram, Red, TimeRange};
use laneway_storage::topology::{EdgeFigures, Figures, FiguresQuery, Outcome, Provenance, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

/// Rate, errors and duration over a range of time. Quantiles are at most 6.25 % above the true value.
///
/// Spans that were sampled with a known probability count for all that they stand for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RedBody {
    /// How many.
    requests: u64,
    /// How many of them report an error.
    errors: u64,
    /// Half of them took at most this long, in milliseconds; null when there was none.
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl From<&Red> for RedBody {
    fn from(red: &Red) -> Self {
        Self {
            requests: red.requests,
            errors: red.errors,
            p50_ms: quantile_ms(&red.duration_ns, 0.5),
            p90_ms: quantile_ms(&red.duration_ns, 0.9),
            p95_ms: quantile_ms(&red.duration_ns, 0.95),
            p99_ms: quantile_ms(&red.duration_ns, 0.99),
        }
    }
}

/// A quantile of durations, in milliseconds; `None` when there was none.
pub(crate) fn quantile_ms(duration_ns: &Histogram, quantile: f64) -> Option<f64> {
    duration_ns.quantile(quantile).map(ms)
}

/// Nanoseconds as milliseconds.
pub(crate) fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// A bucket of durations: the longest that it holds, in milliseconds, and how many it holds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Bucket(f64, u64);

/// The buckets that are not empty, ascending.
pub(crate) fn buckets(duration_ns: &Histogram) -> Vec<Bucket> {
    duration_ns.buckets().map(|(upper_ns, count)| Bucket(ms(upper_ns), count)).collect()
}

/// How many hops have each verdict. Hops to what is no service instance have none.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct Verdicts {
    /// A request of a lane reached an instance of that lane.
    in_lane: u64,
    /// A request of the baseline reached an instance of the baseline.
    baseline: u64,
    /// A request of a lane reached an instance of the baseline, for want of one of that lane.
    fallback: u64,
    /// A request of a lane reached an instance of the baseline, though there was one of that lane.
    misroute: u64,
    /// A request of a lane reached an instance of another lane.
    crossover: u64,
    /// A request of the baseline reached an instance of a lane.
    contamination: u64,
    /// A request left in a lane and arrived without one.
    lost: u64,
    /// A request was not sent for want of an instance of its lane.
    strict_miss: u64,
}

impl Verdicts {
    pub(crate) fn add(&mut self, outcome: Outcome, hops: u64) {
        let Outcome::Verdict(verdict) = outcome else { return };
        *match verdict {
            Verdict::InLane => &mut self.in_lane,
            Verdict::Baseline => &mut self.baseline,
            Verdict::Fallback => &mut self.fallback,
            Verdict::Misroute => &mut self.misroute,
            Verdict::Crossover => &mut self.crossover,
            Verdict::Contamination => &mut self.contamination,
            Verdict::Lost => &mut self.lost,
            Verdict::StrictMiss => &mut self.strict_miss,
        } += hops;
    }
}

/// How many hops are known in each way.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct Provenances {
    /// The callee's span names its caller.
    declared: u64,
    /// The spans of both sides were found.
    matched: u64,
    /// Only one side was traced, or has arrived so far.
    one_sided: u64,
}

impl Provenances {
    pub(crate) fn add(&mut self, provenance: Provenance, hops: u64) {
        *match provenance {
            Provenance::Declared => &mut self.declared,
            Provenance::Matched => &mut self.matched,
            Provenance::OneSided => &mut self.one_sided,
        } += hops;
    }
}

/// How many hops these figures count.
pub(crate) fn hops(figures: &EdgeFigures) -> u64 {
    figures.hops.max(0) as u64
}

/// Asks for the RED figures of a range as a whole, of all services or one.
pub(crate) fn red_figures(range: TimeRange, service: Option<String>) -> FiguresQuery {
    FiguresQuery { range, step_s: None, service, red: true, edges: None }
}

/// Of each operation of a service, by name and kind: its spans.
pub(crate) fn operations(figures: &Figures) -> BTreeMap<(&str, SpanKind), Red> {
    let mut operations = BTreeMap::<_, Red>::new();
    for ((key, _), red) in &figures.red {
        operations.entry((&*key.operation, key.kind)).or_default().add(key.status, red);
    }
    operations
}
