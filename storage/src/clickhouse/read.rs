//! Reading spans and names: what is here, and what ClickHouse has.
//!
//! The local view is taken first. A span that is shipped meanwhile is in both, which [`Trace::new`] undoes; it cannot be in neither.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::error::Error;
use laneway_proto::TraceId;

use super::connection::Connection;
use super::row::SpanRow;
use crate::QueryError;
use crate::embedded::LocalView;
use crate::model::{Span, Trace, UNKNOWN_SERVICE};

/// Where the spans of some traces are, by the lookup table: no partition is read in vain. The bounds are made the column's type: of a
/// `DateTime`, the engine's index analysis (26.9) leaves out rows that lie between two seconds.
const SPANS: &str = "SELECT ?fields FROM otel_traces WHERE TraceId IN {ids:Array(String)} \
     AND Timestamp >= (SELECT toDateTime64(min(Start), 9) FROM otel_traces_trace_id_ts WHERE TraceId IN {ids:Array(String)}) \
     AND Timestamp < (SELECT toDateTime64(max(End) + 1, 9) FROM otel_traces_trace_id_ts WHERE TraceId IN {ids:Array(String)})";

/// Some traces, each whole; those of which there is no span are left out.
pub(super) async fn traces(
    connection: &Connection,
    local: &LocalView,
    trace_ids: Vec<TraceId>,
) -> Result<BTreeMap<TraceId, Trace>, QueryError> {
    let mut spans = local.spans(trace_ids.clone()).await?;
    spans.extend(stored(connection, &trace_ids).await?);
    let mut by_trace = BTreeMap::<TraceId, Vec<Span>>::new();
    for span in spans {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    Ok(by_trace.into_iter().filter_map(|(id, spans)| Some((id, Trace::new(spans)?))).collect())
}

/// The spans of some traces that ClickHouse has, in no order, maybe more than once.
async fn stored(connection: &Connection, trace_ids: &[TraceId]) -> Result<Vec<Span>, QueryError> {
    let ids: Vec<String> = trace_ids.iter().map(ToString::to_string).collect();
    let failed = |error| connection.query_error(error);
    let mut rows = connection.query(SPANS).param("ids", ids).fetch::<SpanRow<'_>>().map_err(failed)?;
    let (mut spans, mut bytes) = (Vec::new(), 0);
    let limit_bytes = connection.query_memory_bytes();
    loop {
        let row = tokio::time::timeout(connection.patience(), rows.next()).await;
        let Some(row) = row.unwrap_or(Err(Error::TimedOut)).map_err(failed)? else { return Ok(spans) };
        let span = row.into_span()?;
        bytes += span.memory_bytes();
        if bytes > limit_bytes {
            return Err(QueryError::TooLarge { limit_bytes });
        }
        spans.push(span);
    }
}

/// The names of all services.
pub(super) async fn service_names(
    connection: &Connection,
    local: &LocalView,
) -> Result<Vec<String>, QueryError> {
    let mut names: BTreeSet<String> = local.service_names().await?.into_iter().collect();
    let query = connection.query("SELECT DISTINCT ServiceName FROM laneway_operations");
    let known = connection.rows::<String>(query).await?;
    names.extend(known.into_iter().map(|name| match name.is_empty() {
        true => UNKNOWN_SERVICE.to_owned(),
        false => name,
    }));
    Ok(names.into_iter().collect())
}

/// The names of a service's operations.
pub(super) async fn operation_names(
    connection: &Connection,
    local: &LocalView,
    service: &str,
) -> Result<Vec<String>, QueryError> {
    let mut names: BTreeSet<String> = local.operation_names(service.to_owned()).await?.into_iter().collect();
    let or_empty = if service == UNKNOWN_SERVICE { " OR ServiceName = ''" } else { "" };
    let query = format!(
        "SELECT DISTINCT SpanName FROM laneway_operations WHERE ServiceName = {{service:String}}{or_empty}"
    );
    let query = connection.query(&query).param("service", service);
    names.extend(connection.rows::<String>(query).await?);
    Ok(names.into_iter().collect())
}
