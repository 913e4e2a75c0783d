//! `GET /api/v1/traces`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_storage::model::StatusCode;
use laneway_storage::query::{SpanFilter, TraceCursor, TraceQuery, TraceSummary};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::error::{ApiError, QueryErrors};
use crate::params::{self, FromQuery, Given, Query, Range, duration};
use crate::tags::tag_filter;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 1000;

/// Conditions on one span, which it meets all at once; traces with such a span are found.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `Search` reads")]
struct SearchParams {
    /// Its service.
    service: Option<String>,
    /// Its name.
    operation: Option<String>,
    /// Its request lane.
    lane: Option<String>,
    /// Its status: `ok`, `error` or `unset`.
    status: Option<String>,
    /// It took at least this long: `250us`, `100ms`, `1.5s`, `1m30s` (ns, us, ms, s, m, h).
    #[param(example = "100ms")]
    min_duration: Option<String>,
    /// It took at most this long.
    max_duration: Option<String>,
    /// `key=value`, repeatable: an attribute of the span, its resource, scope, events or links. Also
    /// `error=true`, `span.kind=server`, `otel.status_code=ERROR`, and `lane=...`.
    #[param(example = "http.request.method=GET")]
    tag: Option<Vec<String>>,
    /// How many traces to return at most, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 20)]
    limit: Option<u32>,
    /// `nextCursor` of the page before; everything else stays the same.
    cursor: Option<String>,
    /// TraceQL. This version does not know it: answered with 400 and code `unsupported`.
    q: Option<String>,
}

/// The conditions of a search, checked.
#[derive(Debug)]
pub(crate) struct Search {
    filter: SpanFilter,
    limit: usize,
    cursor: Option<TraceCursor>,
}

impl FromQuery for Search {
    fn names() -> Vec<&'static str> {
        vec![
            "service",
            "operation",
            "lane",
            "status",
            "minDuration",
            "maxDuration",
            "tag",
            "limit",
            "cursor",
            "q",
        ]
    }

    fn from_query(given: &Given) -> Result<Self, ApiError> {
        if given.first("q").is_some() {
            return Err(ApiError::Unsupported {
                what: "TraceQL ('q')",
                hint: "search by service, operation, lane, status, minDuration, maxDuration and tag",
            });
        }
        Ok(Self {
            filter: filter(given)?,
            limit: params::limit(given, DEFAULT_LIMIT, MAX_LIMIT, "page with 'cursor'")?,
            cursor: cursor(given)?,
        })
    }
}

fn filter(given: &Given) -> Result<SpanFilter, ApiError> {
    let mut filters = Vec::new();
    filters.extend(given.one("service")?.map(|name| SpanFilter::Service(name.to_owned())));
    filters.extend(given.one("operation")?.map(|name| SpanFilter::Operation(name.to_owned())));
    filters.extend(params::lane(given, "lane")?.map(SpanFilter::Lane));
    if let Some(name) = given.one("status")? {
        let status = StatusCode::from_name(name)
            .ok_or_else(|| ApiError::bad("status", "not a status", "ok, error or unset"))?;
        filters.push(SpanFilter::Status(status));
    }
    let (min, max) = (duration_ns(given, "minDuration")?, duration_ns(given, "maxDuration")?);
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err(ApiError::bad("minDuration", "is longer than 'maxDuration'", "swap them"));
    }
    filters.extend(min.map(SpanFilter::MinDuration));
    filters.extend(max.map(SpanFilter::MaxDuration));
    for tag in given.all("tag") {
        let (key, value) = tag
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| ApiError::bad("tag", "not key=value", "such as tag=http.request.method=GET"))?;
        filters.push(tag_filter(key, value));
    }
    Ok(SpanFilter::All(filters))
}

fn duration_ns(given: &Given, name: &'static str) -> Result<Option<u64>, ApiError> {
    let Some(text) = given.one(name)? else { return Ok(None) };
    match duration::parse(text) {
        Ok(Some(ns)) => Ok(Some(ns)),
        Ok(None) => Err(ApiError::bad(name, "is negative", duration::HINT)),
        Err(problem) => Err(ApiError::bad(name, problem.to_string(), duration::HINT)),
    }
}

fn cursor(given: &Given) -> Result<Option<TraceCursor>, ApiError> {
    let Some(text) = given.one("cursor")? else { return Ok(None) };
    text.parse().map(Some).map_err(|problem: laneway_storage::query::InvalidCursor| {
        ApiError::bad("cursor", problem.to_string(), "take 'nextCursor' of the page before")
    })
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TraceList {
    /// Newest first, by the start of the newest matching span.
    traces: Vec<TraceItem>,
    /// Where the next page begins; null when this is the last.
    next_cursor: Option<String>,
}

/// A whole trace in brief, not only its matching spans.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TraceItem {
    trace_id: String,
    root_span_id: String,
    /// Service of the root span.
    root_service: String,
    /// Operation of the root span.
    root_operation: String,
    /// Whether the real root was received; else the root is the first span without a known parent.
    root_received: bool,
    /// The earliest start.
    start_time_unix_nano: u64,
    /// From the earliest start to the latest end.
    duration_nano: u64,
    span_count: usize,
    /// How many spans report an error.
    error_count: usize,
    /// Names of the services that took part.
    services: Vec<String>,
    /// Request lanes of its spans.
    lanes: Vec<String>,
    /// The share of each of `services`.
    service_counts: Vec<ServiceCount>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceCount {
    name: String,
    span_count: usize,
    error_count: usize,
}

impl From<&TraceSummary> for TraceItem {
    fn from(summary: &TraceSummary) -> Self {
        Self {
            trace_id: summary.trace_id.to_string(),
            root_span_id: summary.root_span_id.to_string(),
            root_service: summary.root_service.clone(),
            root_operation: summary.root_operation.clone(),
            root_received: summary.root_received,
            start_time_unix_nano: summary.start_unix_ns,
            duration_nano: summary.duration_ns,
            span_count: summary.span_count,
            error_count: summary.error_count,
            services: summary.services.iter().map(|service| service.name.clone()).collect(),
            lanes: summary.lanes.iter().map(ToString::to_string).collect(),
            service_counts: summary
                .services
                .iter()
                .map(|service| ServiceCount {
                    name: service.name.clone(),
                    span_count: service.span_count,
                    error_count: service.error_count,
                })
                .collect(),
        }
    }
}

/// Searches for traces.
#[utoipa::path(get, path = "/api/v1/traces", tag = "traces", params(Range, SearchParams),
    responses((status = 200, description = "A page of traces.", body = TraceList), QueryErrors))]
pub(crate) async fn search(
    State(api): State<Arc<Api>>,
    Query((range, search)): Query<(Range, Search)>,
) -> Result<Json<TraceList>, ApiError> {
    let page = api
        .store
        .search(TraceQuery {
            range: range.as_time_range(),
            filter: search.filter,
            limit: search.limit,
            cursor: search.cursor,
        })
        .await?;
    Ok(Json(TraceList {
        traces: page.traces.iter().map(TraceItem::from).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}
