//! A request as the reader sees it, in the structs of `opentelemetry-proto`, so that it can be compared.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1 as resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use prost::Message as _;

use crate::otlp::reader::*;

type Read<T> = Result<T, ReadError>;

/// The whole request, every text of it checked. It must be the same whether it is visited or iterated over.
pub(crate) fn request(bytes: &[u8]) -> Read<ExportTraceServiceRequest> {
    let resource_spans = TracesRequest::new(bytes).resource_spans().map(|r| resource_spans(r?));
    let iterated = resource_spans.collect::<Read<_>>();
    let mut visited = Visited::default();
    let visit = TracesRequest::new(bytes).visit(&mut visited);
    assert_eq!(visit.is_ok(), iterated.is_ok(), "{visit:?}, but iterated over: {iterated:?}");
    let iterated = ExportTraceServiceRequest { resource_spans: iterated? };
    let visited = ExportTraceServiceRequest { resource_spans: visited.resource_spans };
    // Encoded, because a NaN is not equal to itself.
    assert_eq!(visited.encode_to_vec(), iterated.encode_to_vec());
    Ok(iterated)
}

#[derive(Default)]
struct Visited {
    spans: Vec<trace::Span>,
    scope_spans: Vec<trace::ScopeSpans>,
    resource_spans: Vec<trace::ResourceSpans>,
}

impl<'a> Visitor<'a> for Visited {
    fn span(&mut self, read: &Span<'a>) -> Read<()> {
        span(read.clone()).map(|span| self.spans.push(span))
    }

    fn scope(&mut self, read: &Scope<'a>, schema_url: Text<'a>) -> Read<()> {
        let spans = std::mem::take(&mut self.spans);
        let (scope, schema_url) = (Some(scope(read)?), text(schema_url)?);
        self.scope_spans.push(trace::ScopeSpans { scope, schema_url, spans });
        Ok(())
    }

    fn resource(&mut self, read: &Resource<'a>, schema_url: Text<'a>) -> Read<()> {
        let scope_spans = std::mem::take(&mut self.scope_spans);
        let (resource, schema_url) = (Some(resource(read)?), text(schema_url)?);
        self.resource_spans.push(trace::ResourceSpans { resource, schema_url, scope_spans });
        Ok(())
    }
}

fn resource_spans(read: ResourceSpans<'_>) -> Read<trace::ResourceSpans> {
    Ok(trace::ResourceSpans {
        resource: Some(resource(&read.resource)?),
        schema_url: text(read.schema_url)?,
        scope_spans: collect(read.scope_spans(), scope_spans)?,
    })
}

fn resource(read: &Resource<'_>) -> Read<resource::Resource> {
    Ok(resource::Resource {
        attributes: attributes(read.attributes())?,
        dropped_attributes_count: read.dropped_attributes_count,
        entity_refs: collect(read.entity_refs(), entity_ref)?,
    })
}

fn scope(read: &Scope<'_>) -> Read<common::InstrumentationScope> {
    Ok(common::InstrumentationScope {
        name: text(read.name)?,
        version: text(read.version)?,
        attributes: attributes(read.attributes())?,
        dropped_attributes_count: read.dropped_attributes_count,
    })
}

fn entity_ref(read: EntityRef<'_>) -> Read<common::EntityRef> {
    Ok(common::EntityRef {
        schema_url: text(read.schema_url)?,
        r#type: text(read.entity_type)?,
        id_keys: collect(read.id_keys(), text)?,
        description_keys: collect(read.description_keys(), text)?,
    })
}

fn scope_spans(read: ScopeSpans<'_>) -> Read<trace::ScopeSpans> {
    Ok(trace::ScopeSpans {
        scope: Some(scope(&read.scope)?),
        schema_url: text(read.schema_url)?,
        spans: collect(read.spans(), span)?,
    })
}

fn span(read: Span<'_>) -> Read<trace::Span> {
    Ok(trace::Span {
        trace_id: read.trace_id.to_vec(),
        span_id: read.span_id.to_vec(),
        parent_span_id: read.parent_span_id.to_vec(),
        trace_state: text(read.trace_state)?,
        flags: read.flags,
        name: text(read.name)?,
        kind: read.kind,
        start_time_unix_nano: read.start_time_unix_nano,
        end_time_unix_nano: read.end_time_unix_nano,
        attributes: foreseen_first(read.attributes())?,
        dropped_attributes_count: read.dropped_attributes_count,
        events: collect(read.events(), event)?,
        dropped_events_count: read.dropped_events_count,
        links: collect(read.links(), link)?,
        dropped_links_count: read.dropped_links_count,
        status: Some(trace::Status { message: text(read.status_message)?, code: read.status_code }),
    })
}

fn event(read: Event<'_>) -> Read<trace::span::Event> {
    Ok(trace::span::Event {
        time_unix_nano: read.time_unix_nano,
        name: text(read.name)?,
        attributes: attributes(read.attributes())?,
        dropped_attributes_count: read.dropped_attributes_count,
    })
}

fn link(read: Link<'_>) -> Read<trace::span::Link> {
    Ok(trace::span::Link {
        trace_id: read.trace_id.to_vec(),
        span_id: read.span_id.to_vec(),
        trace_state: text(read.trace_state)?,
        attributes: attributes(read.attributes())?,
        dropped_attributes_count: read.dropped_attributes_count,
        flags: read.flags,
    })
}

fn attributes(read: Repeated<'_, KeyValue<'_>>) -> Read<Vec<common::KeyValue>> {
    collect(read, key_value)
}

/// The attributes, those whose value is a short scalar by the fast way, which must be the same as by the general one.
fn foreseen_first(read: Repeated<'_, KeyValue<'_>>) -> Read<Vec<common::KeyValue>> {
    let mut rest = read.clone();
    let mut all = Vec::new();
    for general in read {
        let general = key_value(general?)?;
        assert!(rest.foresee(&KeyPrefix::new(&format!("{}?", general.key))).is_none(), "another key");
        match rest.foresee(&KeyPrefix::new(&general.key)) {
            Some(foreseen) => {
                rest.take_foreseen(foreseen);
                let value = foreseen.value;
                let strings = value.string().map(AnyValue::String);
                let numbers = value.int().map(AnyValue::Int).or(value.double().map(AnyValue::Double));
                for fast in [strings, numbers, value.boolean().map(AnyValue::Bool)].into_iter().flatten() {
                    assert_eq!(format!("{:?}", general.value), format!("{:?}", Some(any_value(fast)?)));
                }
            }
            None => drop(rest.next()),
        }
        all.push(general);
    }
    assert!(rest.is_empty());
    Ok(all)
}

fn key_value(read: KeyValue<'_>) -> Read<common::KeyValue> {
    Ok(common::KeyValue { key: text(read.key)?, value: Some(any_value(read.value)?), key_strindex: 0 })
}

fn any_value(read: AnyValue<'_>) -> Read<common::AnyValue> {
    let value = match read {
        AnyValue::Empty => None,
        AnyValue::String(value) => Some(Value::StringValue(text(value)?)),
        AnyValue::Bool(value) => Some(Value::BoolValue(value)),
        AnyValue::Int(value) => Some(Value::IntValue(value)),
        AnyValue::Double(value) => Some(Value::DoubleValue(value)),
        AnyValue::Bytes(value) => Some(Value::BytesValue(value.to_vec())),
        AnyValue::Array(values) => {
            Some(Value::ArrayValue(common::ArrayValue { values: collect(values, any_value)? }))
        }
        AnyValue::KvList(values) => {
            Some(Value::KvlistValue(common::KeyValueList { values: attributes(values)? }))
        }
    };
    Ok(common::AnyValue { value })
}

/// All items, of which there must be as many as announced.
fn collect<'a, T, U>(read: Repeated<'a, T>, convert: impl Fn(T) -> Read<U>) -> Read<Vec<U>>
where
    Repeated<'a, T>: Iterator<Item = Read<T>>,
{
    let len = read.len();
    let items: Vec<U> = read.map(|item| convert(item?)).collect::<Read<_>>()?;
    assert_eq!(items.len(), len);
    Ok(items)
}

fn text(read: Text<'_>) -> Read<String> {
    read.to_str().map(str::to_owned)
}

/// Takes out of prost's structs what the reader does not tell: whether an empty message was there, and the
/// fields of profiles.
pub(crate) fn normalise(request: &mut ExportTraceServiceRequest) {
    for resource_spans in &mut request.resource_spans {
        let resource = resource_spans.resource.get_or_insert_default();
        normalise_attributes(&mut resource.attributes);
        for scope_spans in &mut resource_spans.scope_spans {
            normalise_attributes(&mut scope_spans.scope.get_or_insert_default().attributes);
            for span in &mut scope_spans.spans {
                span.status.get_or_insert_default();
                normalise_attributes(&mut span.attributes);
                for event in &mut span.events {
                    normalise_attributes(&mut event.attributes);
                }
                for link in &mut span.links {
                    normalise_attributes(&mut link.attributes);
                }
            }
        }
    }
}

fn normalise_attributes(attributes: &mut [common::KeyValue]) {
    for attribute in attributes {
        attribute.key_strindex = 0;
        normalise_value(attribute.value.get_or_insert_default());
    }
}

fn normalise_value(value: &mut common::AnyValue) {
    match &mut value.value {
        Some(Value::StringValueStrindex(_)) => value.value = None,
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(normalise_value),
        Some(Value::KvlistValue(entries)) => normalise_attributes(&mut entries.values),
        _ => {}
    }
}
