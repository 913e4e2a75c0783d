//! Protobuf to JSON: each message writes its own object.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ids::encode_hex;
use crate::otlp::reader::{
    AnyValue, EntityRef, Event, KeyValue, Link, ReadError, Resource, ResourceSpans, Scope, ScopeSpans, Span,
    Text, TracesRequest,
};

type Written = Result<(), ReadError>;

pub(super) fn request(request: TracesRequest<'_>) -> Result<Vec<u8>, ReadError> {
    // JSON is about twice as long.
    let mut out = Vec::with_capacity(2 * request.bytes().len());
    object(&mut out, |object| object.list("resourceSpans", request.resource_spans(), resource_spans))?;
    Ok(out)
}

fn resource_spans(out: &mut Vec<u8>, read: ResourceSpans<'_>) -> Written {
    object(out, |object| {
        resource(object.key("resource"), &read.resource)?;
        object.list("scopeSpans", read.scope_spans(), scope_spans)?;
        object.text("schemaUrl", read.schema_url)
    })
}

fn resource(out: &mut Vec<u8>, read: &Resource<'_>) -> Written {
    object(out, |object| {
        object.list("attributes", read.attributes(), key_value)?;
        object.number("droppedAttributesCount", read.dropped_attributes_count.into());
        object.list("entityRefs", read.entity_refs(), entity_ref)
    })
}

fn entity_ref(out: &mut Vec<u8>, read: EntityRef<'_>) -> Written {
    object(out, |object| {
        object.text("schemaUrl", read.schema_url)?;
        object.text("type", read.entity_type)?;
        object.list("idKeys", read.id_keys(), string)?;
        object.list("descriptionKeys", read.description_keys(), string)
    })
}

fn scope_spans(out: &mut Vec<u8>, read: ScopeSpans<'_>) -> Written {
    object(out, |object| {
        scope(object.key("scope"), &read.scope)?;
        object.list("spans", read.spans(), span)?;
        object.text("schemaUrl", read.schema_url)
    })
}

fn scope(out: &mut Vec<u8>, read: &Scope<'_>) -> Written {
    object(out, |object| {
        object.text("name", read.name)?;
        object.text("version", read.version)?;
        object.list("attributes", read.attributes(), key_value)?;
        object.number("droppedAttributesCount", read.dropped_attributes_count.into());
        Ok(())
    })
}

fn span(out: &mut Vec<u8>, read: Span<'_>) -> Written {
    object(out, |object| {
        object.id("traceId", read.trace_id);
        object.id("spanId", read.span_id);
        object.text("traceState", read.trace_state)?;
        object.id("parentSpanId", read.parent_span_id);
        object.number("flags", read.flags.into());
        object.text("name", read.name)?;
        object.number("kind", read.kind.into());
        object.uint64("startTimeUnixNano", read.start_time_unix_nano);
        object.uint64("endTimeUnixNano", read.end_time_unix_nano);
        object.list("attributes", read.attributes(), key_value)?;
        object.number("droppedAttributesCount", read.dropped_attributes_count.into());
        object.list("events", read.events(), event)?;
        object.number("droppedEventsCount", read.dropped_events_count.into());
        object.list("links", read.links(), link)?;
        object.number("droppedLinksCount", read.dropped_links_count.into());
        self::object(object.key("status"), |object| {
            object.text("message", read.status_message)?;
            object.number("code", read.status_code.into());
            Ok(())
        })
    })
}

fn event(out: &mut Vec<u8>, read: Event<'_>) -> Written {
    object(out, |object| {
        object.uint64("timeUnixNano", read.time_unix_nano);
        object.text("name", read.name)?;
        object.list("attributes", read.attributes(), key_value)?;
        object.number("droppedAttributesCount", read.dropped_attributes_count.into());
        Ok(())
    })
}

fn link(out: &mut Vec<u8>, read: Link<'_>) -> Written {
    object(out, |object| {
        object.id("traceId", read.trace_id);
        object.id("spanId", read.span_id);
        object.text("traceState", read.trace_state)?;
        object.list("attributes", read.attributes(), key_value)?;
        object.number("droppedAttributesCount", read.dropped_attributes_count.into());
        object.number("flags", read.flags.into());
        Ok(())
    })
}

fn key_value(out: &mut Vec<u8>, read: KeyValue<'_>) -> Written {
    object(out, |object| {
        object.text("key", read.key)?;
        any_value(object.key("value"), read.value)
    })
}

// The recursion ends with the reader's limit on nesting.
fn any_value(out: &mut Vec<u8>, read: AnyValue<'_>) -> Written {
    object(out, |object| {
        match read {
            AnyValue::Empty => {}
            AnyValue::String(text) => string(object.key("stringValue"), text)?,
            AnyValue::Bool(value) => json(object.key("boolValue"), &value),
            AnyValue::Int(value) => json(object.key("intValue"), &format_args!("{value}")),
            AnyValue::Double(value) => double(object.key("doubleValue"), value),
            AnyValue::Bytes(bytes) => json(object.key("bytesValue"), &STANDARD.encode(bytes)),
            AnyValue::Array(values) => {
                self::object(object.key("arrayValue"), |object| {
                    list(object.key("values"), values, any_value)
                })?;
            }
            AnyValue::KvList(entries) => {
                self::object(object.key("kvlistValue"), |object| {
                    list(object.key("values"), entries, key_value)
                })?;
            }
        }
        Ok(())
    })
}

fn double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        json(out, &value);
    } else if value.is_nan() {
        json(out, "NaN");
    } else {
        json(out, if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
}

fn string(out: &mut Vec<u8>, text: Text<'_>) -> Written {
    json(out, text.to_str()?);
    Ok(())
}

/// A single value, as serde_json writes it.
fn json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // Numbers, strings and booleans always have a form in JSON, and a Vec takes every byte.
    drop(serde_json::to_writer(out, value));
}

fn list<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = Result<T, ReadError>>,
    write: impl Fn(&mut Vec<u8>, T) -> Written,
) -> Written {
    out.push(b'[');
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item?)?;
    }
    out.push(b']');
    Ok(())
}

fn object(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>) -> Written) -> Written {
    out.push(b'{');
    write(&mut Object { out, is_empty: true })?;
    out.push(b'}');
    Ok(())
}

/// An object that is being written. Members that are zero or empty are left out.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl Object<'_> {
    /// Begins a member: the caller writes its value, whatever it is.
    fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        // The names of OTLP's fields need no escapes.
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    fn text(&mut self, key: &str, text: Text<'_>) -> Written {
        if text.is_empty() { Ok(()) } else { string(self.key(key), text) }
    }

    fn number(&mut self, key: &str, value: i64) {
        if value != 0 {
            json(self.key(key), &value);
        }
    }

    fn uint64(&mut self, key: &str, value: u64) {
        if value != 0 {
            json(self.key(key), &format_args!("{value}"));
        }
    }

    fn id(&mut self, key: &str, id: &[u8]) {
        if !id.is_empty() {
            json(self.key(key), encode_hex(id, &mut [0; 2 * crate::TraceId::LEN]));
        }
    }

    fn list<T>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = Result<T, ReadError>>,
        write: impl Fn(&mut Vec<u8>, T) -> Written,
    ) -> Written {
        let mut items = items.peekable();
        if items.peek().is_none() { Ok(()) } else { list(self.key(key), items, write) }
    }
}
