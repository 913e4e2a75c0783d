//! Figures as series.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use laneway_storage::model::StatusCode;
use laneway_storage::query::Red;
use laneway_storage::topology::{Figures, RedFigures, RedKey};
use serde::Serialize;
use utoipa::ToSchema;

use super::RedQuery;
use crate::figures::{Bucket, RedBody, buckets, ms};

/// How many traces a series names.
const EXEMPLARS: usize = 10;

/// Rate, errors and durations over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedSeries {
    /// The time between two points, in milliseconds.
    step_ms: u64,
    /// Those of most requests first.
    series: Vec<Series>,
    /// All that have no place in `series`; null when all have.
    other: Option<Other>,
}

/// Spans that have the same service, operation, lane and kind, as far as they are kept apart by these; null where they are not.
#[derive(Debug, Serialize, ToSchema)]
struct Series {
    service: Option<String>,
    operation: Option<String>,
    lane: Option<String>,
    #[schema(example = "server")]
    kind: Option<&'static str>,
    /// By time; there is none for a step in which nothing started.
    points: Vec<Point>,
    exemplars: Vec<Exemplar>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Other {
    /// How many series these are.
    series: usize,
    points: Vec<Point>,
}

/// The spans that started within one step.
#[derive(Debug, Serialize, ToSchema)]
struct Point {
    /// When the step begins, in milliseconds since the Unix epoch.
    time_ms: u64,
    #[serde(flatten)]
    red: RedBody,
    /// The durations: pairs of the longest of a bucket, in milliseconds, and how many it holds; ascending, none empty.
    #[schema(value_type = Vec<Vec<f64>>)]
    buckets: Vec<Bucket>,
}

/// A trace to look at: the slowest and the newest error of a step, errors first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
struct Exemplar {
    trace_id: String,
    /// How long its span took; null where it stands out for being new.
    duration_ms: Option<f64>,
    /// When its span started, in milliseconds since the Unix epoch; of one with a duration, when the step began in which it did.
    time_ms: u64,
    /// Whether its span reports an error.
    error: bool,
}

#[derive(Debug, Default)]
struct Sums {
    points: BTreeMap<u64, Red>,
    exemplars: Vec<Exemplar>,
}

impl RedSeries {
    pub(super) fn of(figures: &Figures, query: &RedQuery, step_s: u32) -> Self {
        let by = query.by;
        let mut series = BTreeMap::<_, Sums>::new();
        for ((key, time_s), red) in &figures.red {
            if !query.wants(key) {
                continue;
            }
            let name = (
                by.service.then_some(&*key.service),
                by.operation.then_some(&*key.operation),
                by.lane.then_some(&key.lane),
                by.kind.then_some(key.kind),
            );
            let sums = series.entry(name).or_default();
            sums.points.entry(*time_s).or_default().add(key.status, red);
            sums.exemplars.extend(exemplars(key, *time_s, red));
        }
        let mut series: Vec<_> = series.into_iter().collect();
        series.sort_by_key(|(_, sums)| Reverse(sums.points.values().map(|red| red.requests).sum::<u64>()));
        let others = series.split_off(query.limit.min(series.len()));
        let mut other_points = BTreeMap::<u64, Red>::new();
        for (time_s, red) in others.iter().flat_map(|(_, sums)| &sums.points) {
            other_points.entry(*time_s).or_default().merge(red);
        }
        let series = series.into_iter().map(|((service, operation, lane, kind), sums)| Series {
            service: service.map(str::to_owned),
            operation: operation.map(str::to_owned),
            lane: lane.map(ToString::to_string),
            kind: kind.map(|kind| kind.as_str()),
            points: points(&sums.points),
            exemplars: best(sums.exemplars),
        });
        Self {
            step_ms: u64::from(step_s) * 1000,
            series: series.collect(),
            other: (!others.is_empty())
                .then(|| Other { series: others.len(), points: points(&other_points) }),
        }
    }
}

fn points(points: &BTreeMap<u64, Red>) -> Vec<Point> {
    let point = |(time_s, red): (&u64, &Red)| Point {
        time_ms: time_s * 1000,
        red: red.into(),
        buckets: buckets(&red.duration_ns),
    };
    points.iter().map(point).collect()
}

fn exemplars(key: &RedKey, time_s: u64, red: &RedFigures) -> impl Iterator<Item = Exemplar> {
    let error = key.status == StatusCode::Error;
    let slowest = red.exemplars.slowest.map(|trace| Exemplar {
        trace_id: trace.trace_id.to_string(),
        duration_ms: Some(ms(trace.at_ns)),
        time_ms: time_s * 1000,
        error,
    });
    let newest = red.exemplars.newest.map(|trace| Exemplar {
        trace_id: trace.trace_id.to_string(),
        duration_ms: None,
        time_ms: trace.at_ns / 1_000_000,
        error,
    });
    slowest.into_iter().chain(newest)
}

/// Errors first, then the slowest, then the newest; each trace once.
fn best(mut exemplars: Vec<Exemplar>) -> Vec<Exemplar> {
    exemplars.sort_by(|a, b| {
        let duration = |one: &Exemplar| one.duration_ms.unwrap_or(-1.0);
        (b.error.cmp(&a.error))
            .then(duration(b).total_cmp(&duration(a)))
            .then(b.time_ms.cmp(&a.time_ms))
            .then_with(|| a.trace_id.cmp(&b.trace_id))
    });
    let mut seen = std::collections::HashSet::new();
    exemplars.retain(|one| seen.insert(one.trace_id.clone()));
    exemplars.truncate(EXEMPLARS);
    exemplars
}
