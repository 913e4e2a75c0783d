//! Random spans and filters, from pools so small that queries meet.

use std::ops::Range;
use std::sync::Arc;

use laneway_proto::{Lane, SpanId, TraceId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::builder::EPOCH_UNIX_NS;
use crate::model::{Event, KeyValue, Link, Resource, Scope, Span, SpanKind, StatusCode, Value, from_otlp};
use crate::query::{AttributeScope, SpanFilter};

const KEYS: [&str; 6] = ["http.route", "user.id", "retries", "odd#key", "", "größe"];
const TEXTS: [&str; 6] = ["", "GET /", "7", "true", "2.5", "naïve \u{0} \"text\"\n"];
const SERVICES: [&str; 3] = ["cart", "order", "payment"];
const OPERATIONS: [&str; 3] = ["GET /", "charge", "SELECT \u{1F980}"];
const LANES: [&str; 3] = ["base", "grey-v2", "loadtest"];
const STATUSES: [StatusCode; 3] = [StatusCode::Unset, StatusCode::Ok, StatusCode::Error];

/// Spans of few traces and services, each with an id of its own.
pub(crate) fn spans(count: Range<usize>) -> impl Strategy<Value = Vec<Span>> {
    vec(span(), count).prop_map(|mut spans| {
        for (i, span) in spans.iter_mut().enumerate() {
            span.span_id = SpanId::from_bytes((i as u64 + 1).to_be_bytes()).unwrap_or(span.span_id);
        }
        spans
    })
}

/// A span of any content.
pub(crate) fn span() -> impl Strategy<Value = Span> {
    let identity = (1..6u128, 1..40u64, option::of(1..40u64), 0..5_000u64, -50..3_000i64);
    let what =
        (select(&OPERATIONS[..]), select(&SpanKind::ALL[..]), select(&STATUSES[..]), select(&TEXTS[..]));
    let content = (attributes(0..5), vec(event(), 0..3), vec(link(), 0..2), option::of(select(&LANES[..])));
    let origin = (resource(), scope(), 0..1024u32, (0..3u32, 0..3u32, 0..3u32));
    (identity, what, content, origin).prop_map(
        |((trace, id, parent, start, duration), (name, kind, status, message), content, origin)| {
            let (mut attributes, events, links, lane) = content;
            let (resource, scope, flags, dropped) = origin;
            let start_unix_ns = EPOCH_UNIX_NS + start * 1_000;
            if let Some(lane) = lane {
                attributes
                    .push(KeyValue { key: Lane::KEY.to_owned(), value: Value::String(lane.to_owned()) });
            }
            Span {
                trace_id: TraceId::from_bytes(trace.to_be_bytes()).expect("not zero"),
                span_id: SpanId::from_bytes(id.to_be_bytes()).expect("not zero"),
                parent_span_id: parent.and_then(|parent| SpanId::from_bytes(parent.to_be_bytes())),
                trace_state: message.replace('\n', " "),
                flags,
                name: name.to_owned(),
                kind,
                start_unix_ns,
                end_unix_ns: start_unix_ns.wrapping_add_signed(duration * 1_000),
                lane: from_otlp::named_lane(&attributes).unwrap_or_default(),
                attributes,
                dropped_attributes_count: dropped.0,
                events,
                dropped_events_count: dropped.1,
                links,
                dropped_links_count: dropped.2,
                status,
                status_message: message.to_owned(),
                resource: Arc::new(resource),
                scope: Arc::new(scope),
            }
        },
    )
}

/// A filter of any kind, nested a little.
pub(crate) fn filter() -> impl Strategy<Value = SpanFilter> {
    use SpanFilter::{All, Any, Attribute, Kind, MaxDuration, MinDuration, Not, Operation, Service, Status};
    let places = [
        AttributeScope::Any,
        AttributeScope::Span,
        AttributeScope::Resource,
        AttributeScope::Scope,
        AttributeScope::Event,
        AttributeScope::Link,
    ];
    let text = || select(&TEXTS[..]).prop_map(str::to_owned);
    let one = prop_oneof![
        select(&SERVICES[..]).prop_map(|name| Service(name.to_owned())),
        select(&OPERATIONS[..]).prop_map(|name| Operation(name.to_owned())),
        select(&SpanKind::ALL[..]).prop_map(Kind),
        select(&STATUSES[..]).prop_map(Status),
        text().prop_map(SpanFilter::StatusMessage),
        text().prop_map(SpanFilter::ScopeName),
        text().prop_map(SpanFilter::ScopeVersion),
        select(&LANES[..]).prop_map(|name| SpanFilter::Lane(Lane::new(name).expect("a lane"))),
        (0..3_000_000u64).prop_map(MinDuration),
        (0..3_000_000u64).prop_map(MaxDuration),
        (select(places.to_vec()), select(&KEYS[..]), text()).prop_map(|(scope, key, text)| Attribute {
            scope,
            key: key.to_owned(),
            text
        }),
    ];
    one.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(All),
            vec(inner.clone(), 0..3).prop_map(Any),
            inner.prop_map(|filter| Not(Box::new(filter))),
        ]
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    (option::of(select(&SERVICES[..])), 0..3u8, attributes(0..2), 0..2u32, select(&TEXTS[..])).prop_map(
        |(service, instance, mut attributes, dropped_attributes_count, schema_url)| {
            for (key, value) in
                [("service.name", service.map(str::to_owned)), ("host.name", Some(instance.to_string()))]
            {
                attributes
                    .extend(value.map(|text| KeyValue { key: key.to_owned(), value: Value::String(text) }));
            }
            Resource { attributes, dropped_attributes_count, schema_url: schema_url.to_owned() }
        },
    )
}

fn scope() -> impl Strategy<Value = Scope> {
    let text = || select(&TEXTS[..]).prop_map(str::to_owned);
    (text(), text(), attributes(0..2), 0..2u32, text()).prop_map(
        |(name, version, attributes, dropped_attributes_count, schema_url)| Scope {
            name,
            version,
            attributes,
            dropped_attributes_count,
            schema_url,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), select(&TEXTS[..]), attributes(0..3), 0..2u32).prop_map(
        |(time_unix_ns, name, attributes, dropped_attributes_count)| Event {
            time_unix_ns,
            name: name.to_owned(),
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (any::<u128>(), any::<u64>(), select(&TEXTS[..]), attributes(0..3), any::<u32>()).prop_map(
        |(trace, span, trace_state, attributes, flags)| Link {
            trace_id: TraceId::from_bytes(trace.to_be_bytes()),
            span_id: SpanId::from_bytes(span.to_be_bytes()),
            trace_state: trace_state.to_owned(),
            attributes,
            dropped_attributes_count: 0,
            flags,
        },
    )
}

fn attributes(count: Range<usize>) -> impl Strategy<Value = Vec<KeyValue>> {
    vec((select(&KEYS[..]), value()), count).prop_map(|pairs| {
        pairs.into_iter().map(|(key, value)| KeyValue { key: key.to_owned(), value }).collect()
    })
}

fn value() -> impl Strategy<Value = Value> {
    let one = prop_oneof![
        1 => Just(Value::Empty),
        6 => select(&TEXTS[..]).prop_map(|text| Value::String(text.to_owned())),
        2 => any::<bool>().prop_map(Value::Bool),
        3 => prop_oneof![Just(7), Just(i64::MIN), any::<i64>()].prop_map(Value::Int),
        3 => prop_oneof![Just(2.5), Just(7.0), Just(-0.0), any::<f64>()].prop_map(Value::Double),
        1 => vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
    ];
    one.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((select(&KEYS[..]), inner), 0..3).prop_map(|entries| {
                Value::KvList(
                    entries.into_iter().map(|(key, value)| KeyValue { key: key.to_owned(), value }).collect(),
                )
            }),
        ]
    })
}
