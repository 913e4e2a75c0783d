use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::*;

/// Asserts that prost writes this message with this one field, by the first key of its bytes.
#[track_caller]
fn check<M: Message + std::fmt::Debug>(field: u32, message: M) {
    let bytes = message.encode_to_vec();
    let key = prost::encoding::decode_varint(&mut bytes.as_slice()).unwrap();
    assert_eq!(key >> 3, u64::from(field), "{message:?}");
}

/// `check(field, Message { name: value, ..default })` for each.
macro_rules! check {
    ($($field:path: $message:ident { $name:ident: $value:expr };)*) => {
        $( check($field, $message { $name: $value, ..Default::default() }); )*
    };
}

#[test]
#[allow(clippy::needless_update)] // Some messages have one field only.
fn numbers_are_those_of_the_official_messages() {
    let text = || String::from("x");
    check! {
        request::RESOURCE_SPANS: ExportTraceServiceRequest { resource_spans: vec![Default::default()] };
        response::PARTIAL_SUCCESS: ExportTraceServiceResponse { partial_success: Some(Default::default()) };
        partial_success::REJECTED_SPANS: ExportTracePartialSuccess { rejected_spans: 1 };
        partial_success::ERROR_MESSAGE: ExportTracePartialSuccess { error_message: text() };
        resource_spans::RESOURCE: ResourceSpans { resource: Some(Default::default()) };
        resource_spans::SCOPE_SPANS: ResourceSpans { scope_spans: vec![Default::default()] };
        resource_spans::SCHEMA_URL: ResourceSpans { schema_url: text() };
        resource::ATTRIBUTES: Resource { attributes: vec![Default::default()] };
        resource::DROPPED_ATTRIBUTES_COUNT: Resource { dropped_attributes_count: 1 };
        resource::ENTITY_REFS: Resource { entity_refs: vec![Default::default()] };
        entity_ref::SCHEMA_URL: EntityRef { schema_url: text() };
        entity_ref::TYPE: EntityRef { r#type: text() };
        entity_ref::ID_KEYS: EntityRef { id_keys: vec![text()] };
        entity_ref::DESCRIPTION_KEYS: EntityRef { description_keys: vec![text()] };
        scope_spans::SCOPE: ScopeSpans { scope: Some(Default::default()) };
        scope_spans::SPANS: ScopeSpans { spans: vec![Default::default()] };
        scope_spans::SCHEMA_URL: ScopeSpans { schema_url: text() };
        scope::NAME: InstrumentationScope { name: text() };
        scope::VERSION: InstrumentationScope { version: text() };
        scope::ATTRIBUTES: InstrumentationScope { attributes: vec![Default::default()] };
        scope::DROPPED_ATTRIBUTES_COUNT: InstrumentationScope { dropped_attributes_count: 1 };
        span::TRACE_ID: Span { trace_id: vec![1] };
        span::SPAN_ID: Span { span_id: vec![1] };
        span::TRACE_STATE: Span { trace_state: text() };
        span::PARENT_SPAN_ID: Span { parent_span_id: vec![1] };
        span::NAME: Span { name: text() };
        span::KIND: Span { kind: 1 };
        span::START_TIME_UNIX_NANO: Span { start_time_unix_nano: 1 };
        span::END_TIME_UNIX_NANO: Span { end_time_unix_nano: 1 };
        span::ATTRIBUTES: Span { attributes: vec![Default::default()] };
        span::DROPPED_ATTRIBUTES_COUNT: Span { dropped_attributes_count: 1 };
        span::EVENTS: Span { events: vec![Default::default()] };
        span::DROPPED_EVENTS_COUNT: Span { dropped_events_count: 1 };
        span::LINKS: Span { links: vec![Default::default()] };
        span::DROPPED_LINKS_COUNT: Span { dropped_links_count: 1 };
        span::STATUS: Span { status: Some(Default::default()) };
        span::FLAGS: Span { flags: 1 };
        event::TIME_UNIX_NANO: Event { time_unix_nano: 1 };
        event::NAME: Event { name: text() };
        event::ATTRIBUTES: Event { attributes: vec![Default::default()] };
        event::DROPPED_ATTRIBUTES_COUNT: Event { dropped_attributes_count: 1 };
        link::TRACE_ID: Link { trace_id: vec![1] };
        link::SPAN_ID: Link { span_id: vec![1] };
        link::TRACE_STATE: Link { trace_state: text() };
        link::ATTRIBUTES: Link { attributes: vec![Default::default()] };
        link::DROPPED_ATTRIBUTES_COUNT: Link { dropped_attributes_count: 1 };
        link::FLAGS: Link { flags: 1 };
        status::MESSAGE: Status { message: text() };
        status::CODE: Status { code: 1 };
        key_value::KEY: KeyValue { key: text() };
        key_value::VALUE: KeyValue { value: Some(Default::default()) };
        key_value::KEY_STRINDEX: KeyValue { key_strindex: 1 };
    }
    for (field, value) in [
        (any_value::STRING_VALUE, Value::StringValue(text())),
        (any_value::BOOL_VALUE, Value::BoolValue(true)),
        (any_value::INT_VALUE, Value::IntValue(1)),
        (any_value::DOUBLE_VALUE, Value::DoubleValue(1.0)),
        (any_value::ARRAY_VALUE, Value::ArrayValue(ArrayValue::default())),
        (any_value::KVLIST_VALUE, Value::KvlistValue(KeyValueList::default())),
        (any_value::BYTES_VALUE, Value::BytesValue(vec![1])),
        (any_value::STRING_VALUE_STRINDEX, Value::StringValueStrindex(1)),
    ] {
        check(field, AnyValue { value: Some(value) });
    }
    check(array_value::VALUES, ArrayValue { values: vec![AnyValue::default()] });
    check(key_value_list::VALUES, KeyValueList { values: vec![KeyValue::default()] });
}
