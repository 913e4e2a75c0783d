//! `GET /api/metrics/...`: what Jaeger's page shows as its monitor.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_storage::query::Red;
use laneway_storage::topology::{Figures, FiguresQuery};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, Envelope, JaegerError, JaegerErrors};
use super::metrics_params::{MetricsParams, MetricsQuery, QuantileParams, quantile};
use crate::api::Api;
use crate::compute::compute;
use crate::figures::ms;
use crate::params::Given;

/// What Jaeger calls a metric family; it stands in no envelope.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricFamily {
    #[schema(example = "service_call_rate")]
    name: String,
    /// Always `GAUGE`.
    r#type: &'static str,
    help: String,
    /// One for each service, or each operation of one.
    metrics: Vec<Metric>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Metric {
    labels: Vec<Label>,
    metric_points: Vec<MetricPoint>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Label {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MetricPoint {
    gauge_value: GaugeValue,
    /// RFC 3339.
    timestamp: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GaugeValue {
    double_value: f64,
}

/// What is asked of the spans of a window.
#[derive(Debug, Clone, Copy)]
enum Gauge {
    Latency { quantile: f64 },
    CallRate,
    ErrorRate,
}

impl Gauge {
    fn name(self, by_operation: bool) -> String {
        let what = match self {
            Self::Latency { .. } => "latencies",
            Self::CallRate => "call_rate",
            Self::ErrorRate => "error_rate",
        };
        format!("service_{}{what}", if by_operation { "operation_" } else { "" })
    }

    fn help(self, by_operation: bool) -> String {
        let what = match self {
            Self::Latency { quantile } => format!("{quantile:.2}th quantile latency"),
            Self::CallRate => "calls/sec".to_owned(),
            Self::ErrorRate => "error rate, computed as a fraction of errors/sec over calls/sec".to_owned(),
        };
        format!("{what}, grouped by service{}", if by_operation { " & operation" } else { "" })
    }

    /// Its value for what started within a window of so many seconds; `None` where nothing tells it.
    fn of(self, red: &Red, window_s: f64) -> Option<f64> {
        match self {
            Self::Latency { quantile } => red.duration_ns.quantile(quantile).map(ms),
            Self::CallRate => Some(red.requests as f64 / window_s),
            Self::ErrorRate => (red.requests > 0).then(|| red.errors as f64 / red.requests as f64),
        }
    }
}

impl MetricFamily {
    fn of(figures: &Figures, query: &MetricsQuery, gauge: Gauge) -> Self {
        let by_operation = query.group_by_operation;
        let mut groups = BTreeMap::<_, BTreeMap<u64, Red>>::new();
        for ((key, time_s), red) in &figures.red {
            let is_wanted = query.services.iter().any(|name| **name == *key.service);
            if is_wanted && query.kinds.contains(&key.kind) {
                let operation = by_operation.then_some(&key.operation);
                let buckets = groups.entry((&key.service, operation)).or_default();
                buckets.entry(*time_s).or_default().add(key.status, red);
            }
        }
        let metric = |((service, operation), buckets): ((&Arc<str>, Option<&Arc<str>>), _)| Metric {
            labels: operation
                .map(|operation| Label { name: "operation", value: operation.to_string() })
                .into_iter()
                .chain([Label { name: "service_name", value: service.to_string() }])
                .collect(),
            metric_points: points(&buckets, query, gauge),
        };
        Self {
            name: gauge.name(by_operation),
            r#type: "GAUGE",
            help: gauge.help(by_operation),
            metrics: groups.into_iter().map(metric).collect(),
        }
    }
}

/// At each step, the gauge of the window that ends there: of the buckets that start within.
fn points(buckets: &BTreeMap<u64, Red>, query: &MetricsQuery, gauge: Gauge) -> Vec<MetricPoint> {
    let window_s = (query.rate_per_ns as f64 / 1e9).max(1.0);
    let point = |time_ns: u64| {
        let from_s = time_ns.saturating_sub(query.rate_per_ns).div_ceil(1_000_000_000);
        let mut window = Red::default();
        for (_, red) in buckets.range(from_s..time_ns.div_ceil(1_000_000_000).max(from_s)) {
            window.merge(red);
        }
        let millisecond = i64::try_from(time_ns / 1_000_000).unwrap_or(i64::MAX);
        Some(MetricPoint {
            gauge_value: GaugeValue { double_value: gauge.of(&window, window_s)? },
            timestamp: jiff::Timestamp::from_millisecond(millisecond).ok()?.to_string(),
        })
    };
    query.times_ns().filter_map(point).collect()
}

async fn answer(api: &Api, query: MetricsQuery, gauge: Gauge) -> Result<Json<MetricFamily>, JaegerError> {
    let asked = FiguresQuery {
        range: query.range(),
        step_s: Some(query.bucket_s()),
        service: match &*query.services {
            [service] => Some(service.clone()),
            _ => None,
        },
        red: true,
        edges: None,
    };
    let figures = api.store.figures(asked).await?;
    Ok(compute(move || Json(MetricFamily::of(&figures, &query, gauge))).await?)
}

/// A quantile of the durations of spans, in milliseconds.
#[utoipa::path(get, path = "/api/metrics/latencies", tag = "jaeger", operation_id = "jaeger_latencies",
    params(MetricsParams, QuantileParams),
    responses((status = 200, description = "The latencies.", body = MetricFamily), JaegerErrors))]
pub(crate) async fn latencies(
    State(api): State<Arc<Api>>,
    given: Given,
) -> Result<Json<MetricFamily>, JaegerError> {
    let quantile = quantile(&given)?;
    answer(&api, MetricsQuery::of(&given)?, Gauge::Latency { quantile }).await
}

/// How many spans started per second.
#[utoipa::path(get, path = "/api/metrics/calls", tag = "jaeger", operation_id = "jaeger_calls",
    params(MetricsParams),
    responses((status = 200, description = "The rates.", body = MetricFamily), JaegerErrors))]
pub(crate) async fn calls(
    State(api): State<Arc<Api>>,
    given: Given,
) -> Result<Json<MetricFamily>, JaegerError> {
    answer(&api, MetricsQuery::of(&given)?, Gauge::CallRate).await
}

/// Which share of spans reports an error.
#[utoipa::path(get, path = "/api/metrics/errors", tag = "jaeger", operation_id = "jaeger_errors",
    params(MetricsParams),
    responses((status = 200, description = "The shares.", body = MetricFamily), JaegerErrors))]
pub(crate) async fn errors(
    State(api): State<Arc<Api>>,
    given: Given,
) -> Result<Json<MetricFamily>, JaegerError> {
    answer(&api, MetricsQuery::of(&given)?, Gauge::ErrorRate).await
}

/// The shortest step that tells times apart, in milliseconds.
#[utoipa::path(get, path = "/api/metrics/minstep", tag = "jaeger", operation_id = "jaeger_minstep",
    responses((status = 200, description = "The step.", body = Envelope<u64>), JaegerErrors))]
pub(crate) async fn min_step(given: Given) -> Answer<u64> {
    Answer::new(&given, u64::from(laneway_storage::topology::Resolution::TenSeconds.seconds()) * 1000)
}
