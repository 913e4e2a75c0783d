//! What a pass changes figures by.
//!
//! The spans of all traces of which its batches have a span are read; what those contribute of passes up to this one is compared with what they
//! did without this one. A pass is the same for everybody who reads it, so is the difference; it is stored under tokens made of the pass's number.
//! So it is of no importance who derives it, nor how often.

use std::borrow::Cow;
use std::sync::Arc;

use clickhouse::Row;
use clickhouse::error::Error;
use laneway_proto::{Lane, SpanId, TraceId};
use serde::{Deserialize, Serialize};

use super::attributes::TextMap;
use super::batches::{self, Pass};
use super::connection::Connection;
use super::row;
use crate::QueryError;
use crate::model::UNKNOWN_SERVICE;
use crate::model::from_otlp::LANE_ATTRIBUTES;
use crate::topology::{
    Admission, AdmissionLimits, KnownSpan, Ledger, PEER_ATTRIBUTES, Peer, Place, Role, RoleId, Roles, Totals,
    TraceState, calling_span, was_called_by,
};

/// Spans of a trace that started longer before or after all spans of the pass are not looked for.
const WINDOW_NS: i64 = 3600 * 1_000_000_000;

/// Traces in which the pass has a span, trace by trace, in the order in which figures are derived from spans.
const SPANS: &str = "SELECT Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, \
     InstanceId, InstanceLane, Duration, StatusCode, Batch, \
     mapFilter((key, value) -> has({keys:Array(String)}, key), SpanAttributes) AS Said \
     FROM otel_traces \
     WHERE TraceId IN (SELECT TraceId FROM otel_traces WHERE Batch IN {batches:Array(UInt64)} \
         AND Timestamp >= fromUnixTimestamp64Nano({first:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({last:Int64})) \
     AND Timestamp >= fromUnixTimestamp64Nano({first:Int64} - {window:Int64}) \
     AND Timestamp <= fromUnixTimestamp64Nano({last:Int64} + {window:Int64}) \
     AND Batch != 0 ORDER BY TraceId, Timestamp, SpanId, Batch";

/// What figures need of a span.
#[derive(Debug, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleRow<'a> {
    timestamp: i64,
    trace_id: Cow<'a, str>,
    span_id: Cow<'a, str>,
    parent_span_id: Cow<'a, str>,
    #[serde(borrow)]
    trace_state: Cow<'a, str>,
    #[serde(borrow)]
    span_name: Cow<'a, str>,
    #[serde(borrow)]
    span_kind: Cow<'a, str>,
    #[serde(borrow)]
    service_name: Cow<'a, str>,
    #[serde(borrow)]
    instance_id: Cow<'a, str>,
    #[serde(borrow)]
    instance_lane: Cow<'a, str>,
    duration: u64,
    #[serde(borrow)]
    status_code: Cow<'a, str>,
    batch: u64,
    #[serde(borrow)]
    said: TextMap<'a>,
}

/// A span of a trace, and the batch that it came with.
struct Arrived {
    batch: u64,
    span: KnownSpan,
}

/// What a pass changes figures by, at the finest resolution.
///
/// # Errors
/// When ClickHouse does not answer.
pub(super) async fn figures_of(
    connection: &Connection,
    limits: AdmissionLimits,
    pass: &Pass,
) -> Result<Totals, QueryError> {
    let (mut roles, mut traces) = (Roles::default(), Vec::<(TraceId, Vec<Arrived>)>::new());
    let mut batches = Vec::new();
    let mut rows = query(connection, pass)?;
    loop {
        let row = tokio::time::timeout(connection.patience(), rows.next()).await;
        let row = row.unwrap_or(Err(Error::TimedOut)).map_err(|error| connection.query_error(error))?;
        let Some(row) = row else { break };
        let Some((trace_id, arrived)) = arrived(&row, &mut roles) else { continue };
        batches.push(arrived.batch);
        match traces.last_mut() {
            Some((last, spans)) if *last == trace_id => spans.push(arrived),
            _ => traces.push((trace_id, vec![arrived])),
        }
    }
    batches.sort_unstable();
    batches.dedup();
    let known = batches::known_batches(connection, pass, &batches).await?;
    // Admission begins anew with each pass: it must not depend on who derives.
    let mut ledger = Ledger::bounded(Admission::new(limits));
    for (trace_id, mut spans) in traces {
        // What came with later passes is not there yet.
        let is_of_pass = |arrived: &Arrived| {
            let found = known.binary_search_by_key(&arrived.batch, |&(batch, _)| batch).ok()?;
            Some(known[found].1)
        };
        spans.retain(|arrived| is_of_pass(arrived).is_some());
        let only = |wanted: bool| spans.iter().filter(move |arrived| is_of_pass(arrived) == Some(wanted));
        let before: Vec<KnownSpan> = once(only(false).map(|arrived| arrived.span));
        // Of two that are the same, the one of the earlier pass counts.
        let all = once(only(false).chain(only(true)).map(|arrived| arrived.span));
        ledger.add_trace(&roles, trace_id, &before, &all);
    }
    Ok(ledger.take_totals())
}

/// By start and span id, each once: the first.
fn once(spans: impl Iterator<Item = KnownSpan>) -> Vec<KnownSpan> {
    let mut spans: Vec<KnownSpan> = spans.collect();
    spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
    spans.dedup_by_key(|span| (span.start_unix_ns, span.span_id));
    spans
}

fn query(
    connection: &Connection,
    pass: &Pass,
) -> Result<clickhouse::query::RowCursor<RoleRow<'static>>, QueryError> {
    let (first, last) = pass.range();
    let batches: Vec<u64> = pass.batches.iter().map(|batch| batch.batch).collect();
    let keys: Vec<&str> = PEER_ATTRIBUTES.iter().chain(&LANE_ATTRIBUTES).copied().collect();
    connection
        .query(SPANS)
        // Spans of a trace are on one shard.
        .with_setting("distributed_product_mode", "local")
        .param("keys", keys)
        .param("batches", batches)
        .param("first", first)
        .param("last", last)
        .param("window", WINDOW_NS)
        .fetch()
        .map_err(|error| connection.query_error(error))
}

fn arrived(row: &RoleRow<'_>, roles: &mut Roles) -> Option<(TraceId, Arrived)> {
    let id = |text: &str| SpanId::from_hex(text).map_or(0, |id| u64::from_be_bytes(id.to_bytes()));
    let parent_span_id = id(&row.parent_span_id);
    let span = KnownSpan {
        span_id: id(&row.span_id),
        parent_span_id,
        start_unix_ns: u64::try_from(row.timestamp).unwrap_or_default(),
        duration_ns: row.duration,
        role: role(row, parent_span_id, roles),
    };
    Some((TraceId::from_hex(&row.trace_id).ok()?, Arrived { batch: row.batch, span }))
}

fn role(row: &RoleRow<'_>, parent_span_id: u64, roles: &mut Roles) -> RoleId {
    let kind = row::kind(&row.span_kind);
    let said = |key: &str| row.said.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone());
    let service = if row.service_name.is_empty() { UNKNOWN_SERVICE } else { &row.service_name };
    let state = TraceState::of(&row.trace_state);
    let calling_span_id = calling_span(&row.trace_state).0;
    roles.intern(Role {
        place: Arc::new(Place {
            service: service.into(),
            instance: row.instance_id.as_ref().into(),
            lane: Lane::new(&row.instance_lane).unwrap_or_default(),
        }),
        operation: row.span_name.as_ref().into(),
        kind,
        status: row::status(&row.status_code),
        lane: LANE_ATTRIBUTES.iter().find_map(|key| Lane::new(&said(key)?).ok()),
        peer: Peer::of(kind, said).map(Arc::new),
        caller: state.caller.filter(|_| was_called_by(calling_span_id, kind, parent_span_id)),
        threshold: state.threshold,
    })
}
