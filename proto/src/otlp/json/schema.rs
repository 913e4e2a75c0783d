//! The messages of a trace request, with the names that their fields have in JSON.

use crate::otlp::field;

/// A kind of message.
pub(super) struct Message {
    pub(super) fields: &'static [Field],
    /// Whether it is `AnyValue`, whose fields are one oneof: one of them at most, and it counts also when it
    /// is zero or empty.
    pub(super) is_value: bool,
}

/// A field of a message.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
}

/// What a field contains.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Scalar(Scalar),
    Texts,
    Message(&'static Message),
    Messages(&'static Message),
}

/// The types of single values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    TraceId,
    SpanId,
    Text,
    Bytes,
    Bool,
    Enum,
    Uint32,
    Fixed32,
    Fixed64,
    Int64,
    Double,
}

use Kind::{Messages, Texts};
use Scalar::{Bool, Bytes, Double, Enum, Fixed32, Fixed64, Int64, SpanId, Text, TraceId, Uint32};

const fn message(fields: &'static [Field]) -> Message {
    Message { fields, is_value: false }
}

const fn field(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind }
}

const fn scalar(name: &'static str, number: u32, scalar: Scalar) -> Field {
    field(name, number, Kind::Scalar(scalar))
}

pub(super) static REQUEST: Message =
    message(&[field("resourceSpans", field::request::RESOURCE_SPANS, Messages(&RESOURCE_SPANS))]);

static RESOURCE_SPANS: Message = message(&[
    field("resource", field::resource_spans::RESOURCE, Kind::Message(&RESOURCE)),
    field("scopeSpans", field::resource_spans::SCOPE_SPANS, Messages(&SCOPE_SPANS)),
    scalar("schemaUrl", field::resource_spans::SCHEMA_URL, Text),
]);

static RESOURCE: Message = message(&[
    field("attributes", field::resource::ATTRIBUTES, Messages(&KEY_VALUE)),
    scalar("droppedAttributesCount", field::resource::DROPPED_ATTRIBUTES_COUNT, Uint32),
    field("entityRefs", field::resource::ENTITY_REFS, Messages(&ENTITY_REF)),
]);

static ENTITY_REF: Message = message(&[
    scalar("schemaUrl", field::entity_ref::SCHEMA_URL, Text),
    scalar("type", field::entity_ref::TYPE, Text),
    field("idKeys", field::entity_ref::ID_KEYS, Texts),
    field("descriptionKeys", field::entity_ref::DESCRIPTION_KEYS, Texts),
]);

static SCOPE_SPANS: Message = message(&[
    field("scope", field::scope_spans::SCOPE, Kind::Message(&SCOPE)),
    field("spans", field::scope_spans::SPANS, Messages(&SPAN)),
    scalar("schemaUrl", field::scope_spans::SCHEMA_URL, Text),
]);

static SCOPE: Message = message(&[
    scalar("name", field::scope::NAME, Text),
    scalar("version", field::scope::VERSION, Text),
    field("attributes", field::scope::ATTRIBUTES, Messages(&KEY_VALUE)),
    scalar("droppedAttributesCount", field::scope::DROPPED_ATTRIBUTES_COUNT, Uint32),
]);

static SPAN: Message = message(&[
    scalar("traceId", field::span::TRACE_ID, TraceId),
    scalar("spanId", field::span::SPAN_ID, SpanId),
    scalar("traceState", field::span::TRACE_STATE, Text),
    scalar("parentSpanId", field::span::PARENT_SPAN_ID, SpanId),
    scalar("name", field::span::NAME, Text),
    scalar("kind", field::span::KIND, Enum),
    scalar("startTimeUnixNano", field::span::START_TIME_UNIX_NANO, Fixed64),
    scalar("endTimeUnixNano", field::span::END_TIME_UNIX_NANO, Fixed64),
    field("attributes", field::span::ATTRIBUTES, Messages(&KEY_VALUE)),
    scalar("droppedAttributesCount", field::span::DROPPED_ATTRIBUTES_COUNT, Uint32),
    field("events", field::span::EVENTS, Messages(&EVENT)),
    scalar("droppedEventsCount", field::span::DROPPED_EVENTS_COUNT, Uint32),
    field("links", field::span::LINKS, Messages(&LINK)),
    scalar("droppedLinksCount", field::span::DROPPED_LINKS_COUNT, Uint32),
    field("status", field::span::STATUS, Kind::Message(&STATUS)),
    scalar("flags", field::span::FLAGS, Fixed32),
]);

static EVENT: Message = message(&[
    scalar("timeUnixNano", field::event::TIME_UNIX_NANO, Fixed64),
    scalar("name", field::event::NAME, Text),
    field("attributes", field::event::ATTRIBUTES, Messages(&KEY_VALUE)),
    scalar("droppedAttributesCount", field::event::DROPPED_ATTRIBUTES_COUNT, Uint32),
]);

static LINK: Message = message(&[
    scalar("traceId", field::link::TRACE_ID, TraceId),
    scalar("spanId", field::link::SPAN_ID, SpanId),
    scalar("traceState", field::link::TRACE_STATE, Text),
    field("attributes", field::link::ATTRIBUTES, Messages(&KEY_VALUE)),
    scalar("droppedAttributesCount", field::link::DROPPED_ATTRIBUTES_COUNT, Uint32),
    scalar("flags", field::link::FLAGS, Fixed32),
]);

static STATUS: Message =
    message(&[scalar("message", field::status::MESSAGE, Text), scalar("code", field::status::CODE, Enum)]);

static KEY_VALUE: Message = message(&[
    scalar("key", field::key_value::KEY, Text),
    field("value", field::key_value::VALUE, Kind::Message(&ANY_VALUE)),
]);

static ANY_VALUE: Message = Message {
    is_value: true,
    fields: &[
        scalar("stringValue", field::any_value::STRING_VALUE, Text),
        scalar("boolValue", field::any_value::BOOL_VALUE, Bool),
        scalar("intValue", field::any_value::INT_VALUE, Int64),
        scalar("doubleValue", field::any_value::DOUBLE_VALUE, Double),
        field("arrayValue", field::any_value::ARRAY_VALUE, Kind::Message(&ARRAY_VALUE)),
        field("kvlistValue", field::any_value::KVLIST_VALUE, Kind::Message(&KEY_VALUE_LIST)),
        scalar("bytesValue", field::any_value::BYTES_VALUE, Bytes),
    ],
};

static ARRAY_VALUE: Message = message(&[field("values", field::array_value::VALUES, Messages(&ANY_VALUE))]);

static KEY_VALUE_LIST: Message =
    message(&[field("values", field::key_value_list::VALUES, Messages(&KEY_VALUE))]);
