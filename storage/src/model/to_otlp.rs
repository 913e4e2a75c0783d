//! From the model to OTLP bytes.

use std::collections::HashMap;
use std::sync::Arc;

use laneway_proto::otlp::{attribute, field, wire};

use super::{Event, KeyValue, Link, Resource, Scope, Span, StatusCode, Value};

#[cfg(test)]
mod tests;

/// These spans as `TracesData`, which is also an `ExportTraceServiceRequest`. Spans of equal resource and scope stand
/// together, in the order of first appearance.
pub fn traces_data(spans: &[Span]) -> Vec<u8> {
    let mut resources = Groups::default();
    for span in spans {
        let scopes: &mut Groups<Vec<&Span>> =
            resources.group(Arc::as_ptr(&span.resource).addr(), || resource_bytes(&span.resource));
        scopes.group(Arc::as_ptr(&span.scope).addr(), || scope_bytes(&span.scope)).push(span);
    }
    let mut buf = Vec::new();
    for (resource, scopes) in resources.groups {
        wire::message(&mut buf, field::request::RESOURCE_SPANS, |buf| {
            buf.extend_from_slice(&resource);
            for (scope, spans) in scopes.groups {
                wire::message(buf, field::resource_spans::SCOPE_SPANS, |buf| {
                    buf.extend_from_slice(&scope);
                    for one in spans {
                        wire::message(buf, field::scope_spans::SPANS, |buf| span(buf, one));
                    }
                });
            }
        });
    }
    buf
}

/// Groups by encoded header (a resource or a scope), in the order of first appearance.
///
/// The encoded bytes decide, so that equal resources of different requests meet, and each NaN equals itself. The
/// address of a header that was seen spares encoding it again.
struct Groups<T> {
    groups: Vec<(Vec<u8>, T)>,
    by_address: HashMap<usize, usize>,
    by_bytes: HashMap<Vec<u8>, usize>,
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self { groups: Vec::new(), by_address: HashMap::new(), by_bytes: HashMap::new() }
    }
}

impl<T: Default> Groups<T> {
    fn group(&mut self, address: usize, encode: impl FnOnce() -> Vec<u8>) -> &mut T {
        let (groups, by_bytes) = (&mut self.groups, &mut self.by_bytes);
        let index = *self.by_address.entry(address).or_insert_with(|| {
            let bytes = encode();
            *by_bytes.entry(bytes).or_insert_with_key(|bytes| {
                groups.push((bytes.clone(), T::default()));
                groups.len() - 1
            })
        });
        &mut groups[index].1
    }
}

// The fields of the messages; as proto3 has it, what has its default value is left out.

pub(crate) fn resource_bytes(resource: &Resource) -> Vec<u8> {
    let mut buf = Vec::new();
    wire::message(&mut buf, field::resource_spans::RESOURCE, |buf| {
        attributes(buf, field::resource::ATTRIBUTES, &resource.attributes);
        count(buf, field::resource::DROPPED_ATTRIBUTES_COUNT, resource.dropped_attributes_count);
    });
    text(&mut buf, field::resource_spans::SCHEMA_URL, &resource.schema_url);
    buf
}

pub(crate) fn scope_bytes(scope: &Scope) -> Vec<u8> {
    let mut buf = Vec::new();
    wire::message(&mut buf, field::scope_spans::SCOPE, |buf| {
        text(buf, field::scope::NAME, &scope.name);
        text(buf, field::scope::VERSION, &scope.version);
        attributes(buf, field::scope::ATTRIBUTES, &scope.attributes);
        count(buf, field::scope::DROPPED_ATTRIBUTES_COUNT, scope.dropped_attributes_count);
    });
    text(&mut buf, field::scope_spans::SCHEMA_URL, &scope.schema_url);
    buf
}

fn span(buf: &mut Vec<u8>, span: &Span) {
    wire::bytes(buf, field::span::TRACE_ID, span.trace_id.as_bytes());
    wire::bytes(buf, field::span::SPAN_ID, span.span_id.as_bytes());
    text(buf, field::span::TRACE_STATE, &span.trace_state);
    if let Some(parent) = span.parent_span_id {
        wire::bytes(buf, field::span::PARENT_SPAN_ID, parent.as_bytes());
    }
    text(buf, field::span::NAME, &span.name);
    if span.kind.to_otlp() != 0 {
        wire::int64(buf, field::span::KIND, span.kind.to_otlp().into());
    }
    wire::fixed64(buf, field::span::START_TIME_UNIX_NANO, span.start_unix_ns);
    wire::fixed64(buf, field::span::END_TIME_UNIX_NANO, span.end_unix_ns);
    attributes(buf, field::span::ATTRIBUTES, &span.attributes);
    count(buf, field::span::DROPPED_ATTRIBUTES_COUNT, span.dropped_attributes_count);
    for one in &span.events {
        wire::message(buf, field::span::EVENTS, |buf| event(buf, one));
    }
    count(buf, field::span::DROPPED_EVENTS_COUNT, span.dropped_events_count);
    for one in &span.links {
        wire::message(buf, field::span::LINKS, |buf| link(buf, one));
    }
    count(buf, field::span::DROPPED_LINKS_COUNT, span.dropped_links_count);
    if span.status != StatusCode::Unset || !span.status_message.is_empty() {
        wire::message(buf, field::span::STATUS, |buf| {
            text(buf, field::status::MESSAGE, &span.status_message);
            if span.status != StatusCode::Unset {
                wire::int64(buf, field::status::CODE, span.status.to_otlp().into());
            }
        });
    }
    flags(buf, field::span::FLAGS, span.flags);
}

pub(crate) fn event(buf: &mut Vec<u8>, event: &Event) {
    wire::fixed64(buf, field::event::TIME_UNIX_NANO, event.time_unix_ns);
    text(buf, field::event::NAME, &event.name);
    attributes(buf, field::event::ATTRIBUTES, &event.attributes);
    count(buf, field::event::DROPPED_ATTRIBUTES_COUNT, event.dropped_attributes_count);
}

pub(crate) fn link(buf: &mut Vec<u8>, link: &Link) {
    if let Some(id) = link.trace_id {
        wire::bytes(buf, field::link::TRACE_ID, id.as_bytes());
    }
    if let Some(id) = link.span_id {
        wire::bytes(buf, field::link::SPAN_ID, id.as_bytes());
    }
    text(buf, field::link::TRACE_STATE, &link.trace_state);
    attributes(buf, field::link::ATTRIBUTES, &link.attributes);
    count(buf, field::link::DROPPED_ATTRIBUTES_COUNT, link.dropped_attributes_count);
    flags(buf, field::link::FLAGS, link.flags);
}

pub(crate) fn attributes(buf: &mut Vec<u8>, field: u32, attributes: &[KeyValue]) {
    for one in attributes {
        attribute::any(buf, field, &one.key, |buf| any_value(buf, &one.value));
    }
}

fn any_value(buf: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Empty => {}
        Value::String(value) => wire::string(buf, field::any_value::STRING_VALUE, value),
        Value::Bool(value) => wire::boolean(buf, field::any_value::BOOL_VALUE, *value),
        Value::Int(value) => wire::int64(buf, field::any_value::INT_VALUE, *value),
        Value::Double(value) => wire::double(buf, field::any_value::DOUBLE_VALUE, *value),
        Value::Bytes(value) => wire::bytes(buf, field::any_value::BYTES_VALUE, value),
        Value::Array(values) => wire::message(buf, field::any_value::ARRAY_VALUE, |buf| {
            for value in values {
                wire::message(buf, field::array_value::VALUES, |buf| any_value(buf, value));
            }
        }),
        Value::KvList(entries) => wire::message(buf, field::any_value::KVLIST_VALUE, |buf| {
            attributes(buf, field::key_value_list::VALUES, entries);
        }),
    }
}

fn text(buf: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        wire::string(buf, field, text);
    }
}

pub(crate) fn count(buf: &mut Vec<u8>, field: u32, count: u32) {
    if count != 0 {
        wire::uint64(buf, field, count.into());
    }
}

fn flags(buf: &mut Vec<u8>, field: u32, flags: u32) {
    if flags != 0 {
        wire::fixed32(buf, field, flags);
    }
}
