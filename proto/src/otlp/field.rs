//! The field numbers of OTLP's trace messages, one module a message.
//!
//! Taken from opentelemetry-proto 1.x: `collector/trace/v1/trace_service.proto`, `trace/v1/trace.proto`,
//! `resource/v1/resource.proto`, `common/v1/common.proto`. The comment behind a number is its protobuf type.

#[cfg(test)]
mod tests;

macro_rules! fields {
    ($($(#[$doc:meta])* $message:ident { $($name:ident = $number:literal: $type:literal,)* })*) => {
        $(
            $(#[$doc])*
            pub mod $message {
                $(
                    #[doc = concat!("`", $type, "`")]
                    pub const $name: u32 = $number;
                )*

                /// Name of the constant of this number here; `None` for a number that the message does not
                /// define.
                #[allow(dead_code)] // Nothing reads the answers of a server by name.
                pub(crate) const fn name(number: u32) -> Option<&'static str> {
                    match number {
                        $( $number => Some(stringify!($name)), )*
                        _ => None,
                    }
                }
            }
        )*
    };
}

fields! {
    /// `ExportTraceServiceRequest`, and `TracesData`, which is the same on the wire.
    request {
        RESOURCE_SPANS = 1: "repeated ResourceSpans",
    }

    /// `ExportTraceServiceResponse`.
    response {
        PARTIAL_SUCCESS = 1: "ExportTracePartialSuccess",
    }

    /// `ExportTracePartialSuccess`.
    partial_success {
        REJECTED_SPANS = 1: "int64",
        ERROR_MESSAGE = 2: "string",
    }

    /// `ResourceSpans`.
    resource_spans {
        RESOURCE = 1: "Resource",
        SCOPE_SPANS = 2: "repeated ScopeSpans",
        SCHEMA_URL = 3: "string",
    }

    /// `Resource`.
    resource {
        ATTRIBUTES = 1: "repeated KeyValue",
        DROPPED_ATTRIBUTES_COUNT = 2: "uint32",
        ENTITY_REFS = 3: "repeated EntityRef",
    }

    /// `EntityRef`.
    entity_ref {
        SCHEMA_URL = 1: "string",
        TYPE = 2: "string",
        ID_KEYS = 3: "repeated string",
        DESCRIPTION_KEYS = 4: "repeated string",
    }

    /// `ScopeSpans`.
    scope_spans {
        SCOPE = 1: "InstrumentationScope",
        SPANS = 2: "repeated Span",
        SCHEMA_URL = 3: "string",
    }

    /// `InstrumentationScope`.
    scope {
        NAME = 1: "string",
        VERSION = 2: "string",
        ATTRIBUTES = 3: "repeated KeyValue",
        DROPPED_ATTRIBUTES_COUNT = 4: "uint32",
    }

    /// `Span`.
    span {
        TRACE_ID = 1: "bytes",
        SPAN_ID = 2: "bytes",
        TRACE_STATE = 3: "string",
        PARENT_SPAN_ID = 4: "bytes",
        NAME = 5: "string",
        KIND = 6: "enum SpanKind",
        START_TIME_UNIX_NANO = 7: "fixed64",
        END_TIME_UNIX_NANO = 8: "fixed64",
        ATTRIBUTES = 9: "repeated KeyValue",
        DROPPED_ATTRIBUTES_COUNT = 10: "uint32",
        EVENTS = 11: "repeated Event",
        DROPPED_EVENTS_COUNT = 12: "uint32",
        LINKS = 13: "repeated Link",
        DROPPED_LINKS_COUNT = 14: "uint32",
        STATUS = 15: "Status",
        FLAGS = 16: "fixed32",
    }

    /// `Span.Event`.
    event {
        TIME_UNIX_NANO = 1: "fixed64",
        NAME = 2: "string",
        ATTRIBUTES = 3: "repeated KeyValue",
        DROPPED_ATTRIBUTES_COUNT = 4: "uint32",
    }

    /// `Span.Link`.
    link {
        TRACE_ID = 1: "bytes",
        SPAN_ID = 2: "bytes",
        TRACE_STATE = 3: "string",
        ATTRIBUTES = 4: "repeated KeyValue",
        DROPPED_ATTRIBUTES_COUNT = 5: "uint32",
        FLAGS = 6: "fixed32",
    }

    /// `Status`; field 1 was a deprecated code and is reserved.
    status {
        MESSAGE = 2: "string",
        CODE = 3: "enum StatusCode",
    }

    /// `KeyValue`.
    key_value {
        KEY = 1: "string",
        VALUE = 2: "AnyValue",
        KEY_STRINDEX = 3: "int32",
    }

    /// `AnyValue`: all of them belong to one oneof, so the last one of a message counts.
    any_value {
        STRING_VALUE = 1: "string",
        BOOL_VALUE = 2: "bool",
        INT_VALUE = 3: "int64",
        DOUBLE_VALUE = 4: "double",
        ARRAY_VALUE = 5: "ArrayValue",
        KVLIST_VALUE = 6: "KeyValueList",
        BYTES_VALUE = 7: "bytes",
        STRING_VALUE_STRINDEX = 8: "int32",
    }

    /// `ArrayValue`.
    array_value {
        VALUES = 1: "repeated AnyValue",
    }

    /// `KeyValueList`.
    key_value_list {
        VALUES = 1: "repeated KeyValue",
    }
}
