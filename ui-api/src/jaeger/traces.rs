//! `GET /api/traces` and `GET /api/traces/{traceID}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use laneway_proto::TraceId;
use laneway_storage::model;
use laneway_storage::query::{self, TimeRange, TraceSummary};
use tokio::task::JoinSet;
use utoipa::IntoParams;

use super::answer::{Answer, Envelope, ErrorItem, JaegerError, JaegerErrors, NoData};
use super::convert;
use super::model::Trace;
use super::params::{TraceQuery, TracesQuery, Wanted};
use crate::api::Api;
use crate::compute::compute;
use crate::error::ApiError;
use crate::params::{Given, Segment};

/// How many traces of one request are read at the same time.
const CONCURRENT_READS: usize = 8;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `TracesQuery` reads")]
pub(crate) struct TracesParams {
    /// Service of the span; required unless `traceID` is given.
    service: Option<String>,
    /// Name of the span.
    operation: Option<String>,
    /// When it started at the earliest, in microseconds since the Unix epoch. By default two days ago.
    start: Option<i64>,
    /// When it started at the latest, likewise. By default now.
    end: Option<i64>,
    /// It took at least this long: `100ms`, `1.5s`, `1m30s`.
    min_duration: Option<String>,
    /// It took at most this long.
    max_duration: Option<String>,
    /// How many traces at most.
    #[param(minimum = 1, maximum = 1500, default = 100)]
    limit: Option<i32>,
    /// `key:value`, repeatable.
    tag: Option<Vec<String>>,
    /// Keys and values as a JSON object, repeatable.
    tags: Option<Vec<String>>,
    /// Not a search: these traces, repeatable.
    #[param(rename = "traceID")]
    trace_id: Option<Vec<String>>,
    /// Without adjustments for readers.
    raw: Option<bool>,
    /// Indented.
    pretty_print: Option<bool>,
}

/// Searches for traces with a span that meets all conditions, or answers the traces of these ids.
#[utoipa::path(get, path = "/api/traces", tag = "jaeger", operation_id = "jaeger_search", params(TracesParams),
    responses((status = 200, description = "The traces.", body = Envelope<Vec<Trace>>), JaegerErrors))]
pub(crate) async fn search(State(api): State<Arc<Api>>, given: Given) -> Result<Response, JaegerError> {
    let query = TracesQuery::of(&given)?;
    let (traces, missing) = match query.wanted {
        Wanted::ById(ids, range) => {
            let traces = read(&api, ids.iter().map(|id| (*id, range)).collect()).await?;
            let missing = ids.iter().zip(&traces).filter(|(_, trace)| trace.is_none());
            let missing = missing.map(|(id, _)| ErrorItem::trace_not_found(convert::trace_id(*id))).collect();
            (traces, missing)
        }
        Wanted::Search { filter, range, limit } => {
            let page = api.store.search(query::TraceQuery { range, filter, limit, cursor: None }).await?;
            let found = page.traces.iter().map(|summary| (summary.trace_id, Some(bounds(summary))));
            (read(&api, found.collect()).await?, Vec::new())
        }
    };
    let answer = compute(move || {
        let traces = traces.iter().flatten().map(|trace| convert::trace(trace, query.view)).collect();
        Answer::<Vec<Trace>>::new(&given, traces).with_errors(missing).into_response()
    });
    Ok(answer.await?)
}

const fn bounds(summary: &TraceSummary) -> TimeRange {
    TimeRange {
        start_unix_ns: summary.start_unix_ns,
        end_unix_ns: summary.start_unix_ns.saturating_add(summary.duration_ns),
    }
}

/// Reads traces, some at a time; the answer is in the order of the question.
async fn read(
    api: &Api,
    wanted: Vec<(TraceId, Option<TimeRange>)>,
) -> Result<Vec<Option<model::Trace>>, JaegerError> {
    let limit = api.limits.spans_per_search;
    let mut traces = vec![None; wanted.len()];
    let mut wanted = wanted.into_iter().enumerate();
    let mut reads = JoinSet::new();
    let mut spans = 0;
    loop {
        while reads.len() < CONCURRENT_READS
            && let Some((place, (id, range))) = wanted.next()
        {
            let store = Arc::clone(&api.store);
            reads.spawn(async move { (place, store.trace(id, range).await) });
        }
        let Some(finished) = reads.join_next().await else { return Ok(traces) };
        let (place, trace) = finished.map_err(|_| ApiError::Internal)?;
        traces[place] = trace?;
        spans += traces[place].as_ref().map_or(0, |trace| trace.spans.len());
        if spans > limit {
            return Err(ApiError::TooManySpans { spans, limit }.into());
        }
    }
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `TraceQuery` reads")]
pub(crate) struct TraceParams {
    /// A hint when its first span started, in microseconds since the Unix epoch.
    start: Option<i64>,
    /// A hint when its last span started.
    end: Option<i64>,
    /// Without adjustments for readers.
    raw: Option<bool>,
    /// Indented.
    pretty_print: Option<bool>,
}

/// A whole trace.
#[utoipa::path(get, path = "/api/traces/{traceID}", tag = "jaeger", operation_id = "jaeger_trace",
    params(("traceID" = String, Path, description = "Up to 32 hexadecimal digits; zeros in front may be left out."), TraceParams),
    responses(
        (status = 200, description = "The trace.", body = Envelope<Vec<Trace>>),
        (status = 404, description = "No span of this trace is stored.", body = Envelope<NoData>),
        JaegerErrors,
    ))]
pub(crate) async fn trace(
    State(api): State<Arc<Api>>,
    id: Result<Segment, ApiError>,
    given: Given,
) -> Result<Response, JaegerError> {
    let query = TraceQuery::of(&id?.0, &given)?;
    let id = query.id.ok_or_else(JaegerError::trace_not_found)?;
    let trace = api.store.trace(id, query.range).await?.ok_or_else(JaegerError::trace_not_found)?;
    let answer =
        compute(move || Answer::new(&given, vec![convert::trace(&trace, query.view)]).into_response());
    Ok(answer.await?)
}
