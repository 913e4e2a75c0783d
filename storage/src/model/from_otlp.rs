//! From OTLP bytes to the model. What is read here was either validated when it was received, or is validated now.

use std::sync::Arc;

use laneway_proto::otlp::reader::{self, AnyValue, ReadError, TracesRequest};
use laneway_proto::{Lane, SpanId, TraceId};

use super::{Event, KeyValue, Link, Resource, Scope, Span, SpanKind, StatusCode, Value};

/// Span attributes that name a request lane, in the order in which they are believed: ours, then those of other
/// lane systems (Polaris, Alibaba MSE, Dubbo, Signadot, Okteto).
pub const LANE_ATTRIBUTES: [&str; 6] =
    [Lane::KEY, "service-lane", "x-mse-tag", "dubbo.tag", "sd-routing-key", "okteto-divert"];

/// The spans of a request, in its order; spans without valid ids are left out.
///
/// # Errors
/// When any part of the request is malformed.
pub fn spans(request: TracesRequest<'_>) -> Result<Vec<Span>, ReadError> {
    let mut spans = Vec::new();
    for resource_spans in request.resource_spans() {
        let resource_spans = resource_spans?;
        let resource = Arc::new(resource(&resource_spans)?);
        for scope_spans in resource_spans.scope_spans() {
            let scope_spans = scope_spans?;
            let scope = Arc::new(scope(&scope_spans)?);
            for span in scope_spans.spans() {
                spans.extend(self::span(&span?, &resource, &scope)?);
            }
        }
    }
    Ok(spans)
}

/// The resource of a group of spans.
pub(crate) fn resource(group: &reader::ResourceSpans<'_>) -> Result<Resource, ReadError> {
    Ok(Resource {
        attributes: key_values(group.resource.attributes())?,
        dropped_attributes_count: group.resource.dropped_attributes_count,
        schema_url: group.schema_url.to_str()?.to_owned(),
    })
}

/// The instrumentation scope of a group of spans.
pub(crate) fn scope(group: &reader::ScopeSpans<'_>) -> Result<Scope, ReadError> {
    Ok(Scope {
        name: group.scope.name.to_str()?.to_owned(),
        version: group.scope.version.to_str()?.to_owned(),
        attributes: key_values(group.scope.attributes())?,
        dropped_attributes_count: group.scope.dropped_attributes_count,
        schema_url: group.schema_url.to_str()?.to_owned(),
    })
}

fn span(
    span: &reader::Span<'_>,
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
) -> Result<Option<Span>, ReadError> {
    let attributes = key_values(span.attributes())?;
    let events = span.events().map(|event| self::event(&event?)).collect::<Result<_, _>>()?;
    let links = span.links().map(|link| self::link(&link?)).collect::<Result<_, _>>()?;
    let (trace_state, name) = (span.trace_state.to_str()?, span.name.to_str()?);
    let status_message = span.status_message.to_str()?;
    let Some((trace_id, span_id)) = span.ids() else { return Ok(None) };
    Ok(Some(Span {
        trace_id,
        span_id,
        parent_span_id: span.parent_id(),
        trace_state: trace_state.to_owned(),
        flags: span.flags,
        name: name.to_owned(),
        kind: SpanKind::from_otlp(span.kind),
        start_unix_ns: span.start_time_unix_nano,
        end_unix_ns: span.end_time_unix_nano,
        lane: named_lane(&attributes).unwrap_or_default(),
        attributes,
        dropped_attributes_count: span.dropped_attributes_count,
        events,
        dropped_events_count: span.dropped_events_count,
        links,
        dropped_links_count: span.dropped_links_count,
        status: StatusCode::from_otlp(span.status_code),
        status_message: status_message.to_owned(),
        resource: Arc::clone(resource),
        scope: Arc::clone(scope),
    }))
}

/// The lane that attributes name: the first of [`LANE_ATTRIBUTES`] with a lane name as its value.
pub(crate) fn named_lane(attributes: &[KeyValue]) -> Option<Lane> {
    LANE_ATTRIBUTES.iter().find_map(|key| Lane::new(super::attribute(attributes, key)?.as_str()?).ok())
}

/// Attributes, in order.
pub(crate) fn key_values<'a>(
    attributes: impl Iterator<Item = Result<reader::KeyValue<'a>, ReadError>>,
) -> Result<Vec<KeyValue>, ReadError> {
    attributes.map(|attribute| key_value(&attribute?)).collect()
}

/// An attribute.
pub(crate) fn key_value(attribute: &reader::KeyValue<'_>) -> Result<KeyValue, ReadError> {
    Ok(KeyValue { key: attribute.key.to_str()?.to_owned(), value: value(&attribute.value)? })
}

/// A value of any kind. The reader bounds how deep values nest.
pub(crate) fn value(any: &AnyValue<'_>) -> Result<Value, ReadError> {
    Ok(match any {
        AnyValue::Empty => Value::Empty,
        AnyValue::String(text) => Value::String(text.to_str()?.to_owned()),
        AnyValue::Bool(value) => Value::Bool(*value),
        AnyValue::Int(value) => Value::Int(*value),
        AnyValue::Double(value) => Value::Double(*value),
        AnyValue::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        AnyValue::Array(values) => {
            Value::Array(values.clone().map(|item| value(&item?)).collect::<Result<_, _>>()?)
        }
        AnyValue::KvList(entries) => Value::KvList(key_values(entries.clone())?),
    })
}

/// An event.
pub(crate) fn event(event: &reader::Event<'_>) -> Result<Event, ReadError> {
    Ok(Event {
        time_unix_ns: event.time_unix_nano,
        name: event.name.to_str()?.to_owned(),
        attributes: key_values(event.attributes())?,
        dropped_attributes_count: event.dropped_attributes_count,
    })
}

/// A link.
pub(crate) fn link(link: &reader::Link<'_>) -> Result<Link, ReadError> {
    Ok(Link {
        trace_id: link.trace_id.try_into().ok().and_then(TraceId::from_bytes),
        span_id: link.span_id.try_into().ok().and_then(SpanId::from_bytes),
        trace_state: link.trace_state.to_str()?.to_owned(),
        attributes: key_values(link.attributes())?,
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    })
}
