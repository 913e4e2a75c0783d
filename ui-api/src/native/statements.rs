//! `GET /api/v1/services/{service}/statements`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_proto::{Lane, TraceId};
use laneway_storage::model::{Span, SpanKind, Trace, attribute};
use laneway_storage::query::{Histogram, Red};
use laneway_storage::topology::{EdgeLevel, Figures, FiguresQuery, NodeKind, RedFigures, TraceAt};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::error::{ApiError, QueryErrors};
use crate::figures::{RedBody, ms};
use crate::params::{self, FromQuery, Given, Query, Range, Segment};

#[cfg(test)]
mod tests;

/// The most names of calls whose traces are read: some of them may be no statements.
const MAX_EXAMINED: usize = 50;
const DEFAULT_LIMIT: usize = 20;
/// How much of a statement's text is shown, in characters.
const TEXT_CHARS: usize = 4096;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `StatementsQuery` reads")]
struct StatementsParams {
    /// Only requests of this lane.
    lane: Option<String>,
    /// How many statements to return at most, 1 to 50.
    #[param(minimum = 1, maximum = 50, default = 20)]
    limit: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct StatementsQuery {
    lane: Option<Lane>,
    limit: usize,
}

impl FromQuery for StatementsQuery {
    fn names() -> Vec<&'static str> {
        vec!["lane", "limit"]
    }

    fn from_query(given: &Given) -> Result<Self, ApiError> {
        Ok(Self {
            lane: params::lane(given, "lane")?,
            limit: params::limit(given, DEFAULT_LIMIT, MAX_EXAMINED, "narrow the range of time")?,
        })
    }
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Statements {
    /// Those that took most time altogether come first.
    statements: Vec<Statement>,
    /// Names of calls of which a trace was read, to see whether they are statements.
    examined: usize,
    /// Those of them of which no trace is stored any more: they may be statements or not.
    unknown: usize,
    /// Names of calls that were not examined. They took less time altogether than any that was.
    left_out: usize,
}

/// CLIENT spans of one name to a database or cache.
#[derive(Debug, Serialize, ToSchema)]
struct Statement {
    /// The name of the spans: by OpenTelemetry's conventions `db.query.summary`, or operation and target.
    name: String,
    /// `db.system.name` of the slowest.
    #[schema(example = "postgresql")]
    system: String,
    /// `db.namespace` of the slowest.
    namespace: Option<String>,
    /// `db.query.text` of the slowest, its first 4096 characters; null where it has none. Others of the same name may differ.
    text: Option<String>,
    #[serde(flatten)]
    red: RedBody,
    /// The sum of their durations, in milliseconds, at most 6.25 % above the true value.
    total_ms: f64,
    /// How long the slowest took, in milliseconds.
    slowest_ms: f64,
    /// Its trace.
    trace_id: String,
}

/// CLIENT spans of one name.
#[derive(Debug, Default)]
struct Calls {
    red: Red,
    all: RedFigures,
}

impl Calls {
    /// Those of a service, the longest altogether first.
    fn of(figures: &Figures, lane: Option<&Lane>) -> Vec<(String, Self)> {
        let mut calls = BTreeMap::<&str, Self>::new();
        for ((key, _), red) in &figures.red {
            if key.kind == SpanKind::Client && lane.is_none_or(|lane| *lane == key.lane) {
                let calls = calls.entry(&key.operation).or_default();
                calls.red.add(key.status, red);
                calls.all.merge(red);
            }
        }
        let mut calls: Vec<_> = calls.into_iter().map(|(name, calls)| (name.to_owned(), calls)).collect();
        calls.sort_by_key(|(_, calls)| Reverse(total_ns(&calls.all.duration_ns)));
        calls
    }

    /// Where to see one: the slowest, or else one that failed.
    fn traces(&self) -> impl Iterator<Item = TraceId> {
        let exemplars = self.all.exemplars;
        exemplars.slowest.into_iter().chain(exemplars.newest).map(|TraceAt { trace_id, .. }| trace_id)
    }
}

fn total_ns(duration_ns: &Histogram) -> u128 {
    duration_ns.buckets().map(|(upper_ns, count)| u128::from(upper_ns) * u128::from(count)).sum()
}

impl Statement {
    /// `None` when the span is not to a database.
    fn of(name: &str, calls: &Calls, span: &Span) -> Option<Self> {
        let text = |keys: [&str; 2]| {
            let mut values = keys.iter().filter_map(|key| attribute(&span.attributes, key)?.as_str());
            values.find(|value| !value.is_empty()).map(str::to_owned)
        };
        Some(Self {
            name: name.to_owned(),
            system: text(["db.system.name", "db.system"])?,
            namespace: text(["db.namespace", "db.name"]),
            text: text(["db.query.text", "db.statement"]).map(|text| text.chars().take(TEXT_CHARS).collect()),
            red: (&calls.red).into(),
            total_ms: total_ns(&calls.all.duration_ns) as f64 / 1e6,
            slowest_ms: ms(span.duration_ns()),
            trace_id: span.trace_id.to_string(),
        })
    }
}

/// Whether the service called a database or a cache.
fn has_database(figures: &Figures, service: &str) -> bool {
    figures.edges.keys().any(|(edge, _)| {
        let is_database = matches!(edge.target.node.kind, NodeKind::Database | NodeKind::Cache);
        is_database && &*edge.source.node.name == service
    })
}

/// The slowest span of this service, name and kind.
fn slowest<'a>(trace: &'a Trace, service: &str, name: &str) -> Option<&'a Span> {
    let is_call =
        |span: &&Span| span.kind == SpanKind::Client && span.name == name && span.service_name() == service;
    trace.spans.iter().filter(is_call).max_by_key(|span| span.duration_ns())
}

/// The statements that a service spent most time on.
///
/// Figures are those of all its CLIENT spans of one name within the range. What a statement is, and its text, is read from the trace of
/// the slowest of them.
#[utoipa::path(get, path = "/api/v1/services/{service}/statements", tag = "traces",
    params(("service" = String, Path, description = "Name of the service, percent-encoded."), Range, StatementsParams),
    responses((status = 200, description = "The statements.", body = Statements), QueryErrors))]
pub(crate) async fn statements(
    State(api): State<Arc<Api>>,
    Segment(service): Segment,
    Query((range, query)): Query<(Range, StatementsQuery)>,
) -> Result<Json<Statements>, ApiError> {
    let asked = FiguresQuery {
        range: range.as_time_range(),
        step_s: None,
        service: Some(service.clone()),
        red: true,
        edges: Some(EdgeLevel::Instance),
    };
    let figures = api.store.figures(asked).await?;
    let mut answer = Statements::default();
    if !has_database(&figures, &service) {
        return Ok(Json(answer));
    }
    let calls = Calls::of(&figures, query.lane.as_ref());
    for (name, calls) in &calls {
        if answer.examined == MAX_EXAMINED || answer.statements.len() == query.limit {
            break;
        }
        answer.examined += 1;
        let mut is_known = false;
        for id in calls.traces() {
            let Some(trace) = api.store.trace(id, None).await? else { continue };
            let Some(span) = slowest(&trace, &service, name) else { continue };
            answer.statements.extend(Statement::of(name, calls, span));
            is_known = true;
            break;
        }
        answer.unknown += usize::from(!is_known);
    }
    answer.left_out = calls.len() - answer.examined;
    Ok(Json(answer))
}
