//! A span as a row of `otel_traces`.

use std::borrow::Cow;
use std::sync::Arc;

use clickhouse::Row;
use laneway_proto::{Lane, SpanId, TraceId};
use serde::{Deserialize, Serialize};

use super::attributes::{self, TextMap};
use super::rest::Rest;
use crate::QueryError;
use crate::model::{Event, Link, Resource, Scope, Span, SpanKind, StatusCode};

#[cfg(test)]
mod tests;

/// The latest time that every type of the schema can say, in nanoseconds since the Unix epoch: `DateTime` ends in 2106.
pub(super) const MAX_UNIX_NS: u64 = u32::MAX as u64 * 1_000_000_000;

#[derive(Debug, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SpanRow<'a> {
    timestamp: i64,
    pub(super) trace_id: Cow<'a, str>,
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
    resource_attributes: TextMap<'a>,
    #[serde(borrow)]
    scope_name: Cow<'a, str>,
    #[serde(borrow)]
    scope_version: Cow<'a, str>,
    #[serde(borrow)]
    span_attributes: TextMap<'a>,
    duration: u64,
    #[serde(borrow)]
    status_code: Cow<'a, str>,
    #[serde(borrow)]
    status_message: Cow<'a, str>,
    #[serde(rename = "Events.Timestamp")]
    event_timestamps: Vec<i64>,
    #[serde(borrow, rename = "Events.Name")]
    event_names: Vec<Cow<'a, str>>,
    #[serde(borrow, rename = "Events.Attributes")]
    event_attributes: Vec<TextMap<'a>>,
    #[serde(rename = "Links.TraceId")]
    link_trace_ids: Vec<String>,
    #[serde(rename = "Links.SpanId")]
    link_span_ids: Vec<String>,
    #[serde(borrow, rename = "Links.TraceState")]
    link_trace_states: Vec<Cow<'a, str>>,
    #[serde(borrow, rename = "Links.Attributes")]
    link_attributes: Vec<TextMap<'a>>,
    #[serde(borrow)]
    lane: Cow<'a, str>,
    instance_lane: String,
    #[serde(borrow)]
    instance_id: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
    flags: u32,
    span_attribute_types: String,
    resource_attribute_types: String,
    #[serde(borrow)]
    scope_attributes: TextMap<'a>,
    #[serde(with = "serde_bytes")]
    rest: Vec<u8>,
    batch: u64,
}

impl<'a> SpanRow<'a> {
    /// The row of a span that is written with this batch.
    pub(super) fn of(span: &'a Span, batch: u64) -> Self {
        let id = |id: Option<String>| Cow::Owned(id.unwrap_or_default());
        Self {
            timestamp: timestamp(span.start_unix_ns),
            trace_id: Cow::Owned(span.trace_id.to_string()),
            span_id: Cow::Owned(span.span_id.to_string()),
            parent_span_id: id(span.parent_span_id.map(|id| id.to_string())),
            trace_state: (&*span.trace_state).into(),
            span_name: (&*span.name).into(),
            span_kind: kind_name(span.kind).into(),
            service_name: span.service_name().into(),
            resource_attributes: attributes::texts(&span.resource.attributes),
            scope_name: (&*span.scope.name).into(),
            scope_version: (&*span.scope.version).into(),
            span_attributes: attributes::texts(&span.attributes),
            duration: span.duration_ns(),
            status_code: status_name(span.status).into(),
            status_message: (&*span.status_message).into(),
            event_timestamps: span.events.iter().map(|event| timestamp(event.time_unix_ns)).collect(),
            event_names: span.events.iter().map(|event| (&*event.name).into()).collect(),
            event_attributes: span.events.iter().map(|event| attributes::texts(&event.attributes)).collect(),
            link_trace_ids: span.links.iter().map(|link| text(link.trace_id)).collect(),
            link_span_ids: span.links.iter().map(|link| text(link.span_id)).collect(),
            link_trace_states: span.links.iter().map(|link| (&*link.trace_state).into()).collect(),
            link_attributes: span.links.iter().map(|link| attributes::texts(&link.attributes)).collect(),
            lane: span.lane.as_str().into(),
            instance_lane: span.resource.instance_lane().to_string(),
            instance_id: span.resource.instance_id().into(),
            region: span.resource.region().into(),
            flags: span.flags,
            span_attribute_types: attributes::types(&span.attributes),
            resource_attribute_types: attributes::types(&span.resource.attributes),
            scope_attributes: attributes::texts(&span.scope.attributes),
            rest: Rest::of(span).encode(),
            batch,
        }
    }

    /// The span of a row.
    ///
    /// # Errors
    /// When it is none: its ids are no ids, or columns do not fit together.
    pub(super) fn into_span(self) -> Result<Span, QueryError> {
        let corrupt = |what: &str| QueryError::Corrupt(format!("a row of otel_traces: {what}"));
        let rest = Rest::decode(&self.rest)?;
        let start_unix_ns = match rest.start_unix_ns {
            0 => u64::try_from(self.timestamp).unwrap_or_default(),
            later => later,
        };
        let end_unix_ns = match rest.negative_duration_ns {
            0 => start_unix_ns.wrapping_add(self.duration),
            before => start_unix_ns.wrapping_sub(before),
        };
        let events = match rest.events.is_empty() {
            true => events(self.event_timestamps, self.event_names, self.event_attributes)?,
            false => rest.events,
        };
        let links = match rest.links.is_empty() {
            true => links(
                &self.link_trace_ids,
                &self.link_span_ids,
                self.link_trace_states,
                self.link_attributes,
            )?,
            false => rest.links,
        };
        let scope_attributes = match rest.scope.attributes.is_empty() {
            true => attributes::attributes(self.scope_attributes, "", Vec::new())?,
            false => rest.scope.attributes,
        };
        Ok(Span {
            trace_id: TraceId::from_hex(&self.trace_id).map_err(|_| corrupt("a trace id is none"))?,
            span_id: SpanId::from_hex(&self.span_id).map_err(|_| corrupt("a span id is none"))?,
            parent_span_id: SpanId::from_hex(&self.parent_span_id).ok(),
            trace_state: self.trace_state.into_owned(),
            flags: self.flags,
            name: self.span_name.into_owned(),
            kind: kind(&self.span_kind),
            start_unix_ns,
            end_unix_ns,
            attributes: attributes::attributes(
                self.span_attributes,
                &self.span_attribute_types,
                rest.attributes,
            )?,
            dropped_attributes_count: rest.dropped_attributes_count,
            events,
            dropped_events_count: rest.dropped_events_count,
            links,
            dropped_links_count: rest.dropped_links_count,
            status: status(&self.status_code),
            status_message: self.status_message.into_owned(),
            resource: Arc::new(Resource {
                attributes: attributes::attributes(
                    self.resource_attributes,
                    &self.resource_attribute_types,
                    rest.resource.attributes,
                )?,
                ..rest.resource
            }),
            scope: Arc::new(Scope {
                name: self.scope_name.into_owned(),
                version: self.scope_version.into_owned(),
                attributes: scope_attributes,
                ..rest.scope
            }),
            lane: Lane::new(&self.lane).unwrap_or_default(),
        })
    }
}

/// A time as `DateTime64(9)` says it.
pub(super) fn timestamp(unix_ns: u64) -> i64 {
    unix_ns.min(MAX_UNIX_NS) as i64
}

/// The exporter's name of a kind.
pub(super) const fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "Unspecified",
        SpanKind::Internal => "Internal",
        SpanKind::Server => "Server",
        SpanKind::Client => "Client",
        SpanKind::Producer => "Producer",
        SpanKind::Consumer => "Consumer",
    }
}

/// The exporter's name of a status.
pub(super) const fn status_name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::Unset => "Unset",
        StatusCode::Ok => "Ok",
        StatusCode::Error => "Error",
    }
}

pub(super) fn kind(name: &str) -> SpanKind {
    SpanKind::ALL.into_iter().find(|kind| kind_name(*kind) == name).unwrap_or_default()
}

pub(super) fn status(name: &str) -> StatusCode {
    let all = [StatusCode::Unset, StatusCode::Ok, StatusCode::Error];
    all.into_iter().find(|status| status_name(*status) == name).unwrap_or_default()
}

fn text(id: Option<impl ToString>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn events(
    timestamps: Vec<i64>,
    names: Vec<Cow<'_, str>>,
    texts: Vec<TextMap<'_>>,
) -> Result<Vec<Event>, QueryError> {
    let rows = timestamps.into_iter().zip(names).zip(texts);
    rows.map(|((timestamp, name), texts)| {
        Ok(Event {
            time_unix_ns: u64::try_from(timestamp).unwrap_or_default(),
            name: name.into_owned(),
            attributes: attributes::attributes(texts, "", Vec::new())?,
            dropped_attributes_count: 0,
        })
    })
    .collect()
}

fn links(
    trace_ids: &[String],
    span_ids: &[String],
    trace_states: Vec<Cow<'_, str>>,
    texts: Vec<TextMap<'_>>,
) -> Result<Vec<Link>, QueryError> {
    let rows = trace_ids.iter().zip(span_ids).zip(trace_states).zip(texts);
    rows.map(|(((trace_id, span_id), trace_state), texts)| {
        Ok(Link {
            trace_id: TraceId::from_hex(trace_id).ok(),
            span_id: SpanId::from_hex(span_id).ok(),
            trace_state: trace_state.into_owned(),
            attributes: attributes::attributes(texts, "", Vec::new())?,
            dropped_attributes_count: 0,
            flags: 0,
        })
    })
    .collect()
}
