//! Reading the fields of `tracing` spans and events.
//!
//! A field's `Debug` or `Display` is the user's code and may use `tracing` itself: fields are always read before
//! anything is locked.

use std::error::Error;
use std::fmt::{self, Write};

use laneway_proto::Lane;
use laneway_proto::otlp::field;
use tracing::field::{Field, Visit};

use super::attributes::{Attributes, Value};
use super::limits::{Limits, truncate};
use super::open::{SpanKind, StatusCode};

/// What the fields of a span say.
#[derive(Debug)]
pub(crate) struct SpanFields {
    pub(crate) attributes: Attributes,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<SpanKind>,
    pub(crate) status_code: Option<StatusCode>,
    pub(crate) status_message: Option<String>,
    max_text_bytes: usize,
}

impl SpanFields {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            attributes: Attributes::new(field::span::ATTRIBUTES, limits.attributes, limits.text_bytes),
            name: None,
            kind: None,
            status_code: None,
            status_message: None,
            max_text_bytes: limits.text_bytes,
        }
    }

    pub(crate) fn visitor(&mut self) -> FieldVisitor<'_> {
        let max_text_bytes = self.max_text_bytes;
        FieldVisitor { fields: self, max_text_bytes }
    }
}

impl Fields for SpanFields {
    fn value(&mut self, key: &'static str, value: Value<'_>) {
        match (key, value) {
            ("otel.name", Value::Str(name)) => self.name = Some(name.to_owned()),
            ("otel.kind", Value::Str(kind)) => self.kind = SpanKind::from_name(kind),
            ("otel.status_code", Value::Str(code)) => self.status_code = StatusCode::from_name(code),
            ("otel.status_message" | "otel.status_description", Value::Str(message)) => {
                self.status_message = Some(message.to_owned());
            }
            // The lane of a span is that of its context: a field cannot pretend another.
            (Lane::KEY, _) => self.attributes.drop_one(),
            _ => self.attributes.set(key, value),
        }
    }
}

/// What the fields of an event say.
#[derive(Debug)]
pub(crate) struct EventFields {
    pub(crate) attributes: Attributes,
    pub(crate) message: Option<String>,
    max_text_bytes: usize,
}

impl EventFields {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            attributes: Attributes::new(field::event::ATTRIBUTES, limits.event_attributes, limits.text_bytes),
            message: None,
            max_text_bytes: limits.text_bytes,
        }
    }

    pub(crate) fn visitor(&mut self) -> FieldVisitor<'_> {
        let max_text_bytes = self.max_text_bytes;
        FieldVisitor { fields: self, max_text_bytes }
    }
}

impl Fields for EventFields {
    fn value(&mut self, key: &'static str, value: Value<'_>) {
        match (key, value) {
            ("message", Value::Str(message)) => self.message = Some(message.to_owned()),
            ("error", Value::Str(_)) => self.attributes.set("exception.message", value),
            _ => self.attributes.set(key, value),
        }
    }

    fn error(&mut self, _: &'static str, error: &(dyn Error + 'static)) {
        let limit = self.max_text_bytes;
        let message = Bounded::format(limit, format_args!("{error}"));
        self.attributes.set("exception.message", Value::Str(&message));
        if error.source().is_some() {
            let causes = Bounded::format(limit, format_args!("{}", Causes(error)));
            self.attributes.set("exception.stacktrace", Value::Str(&causes));
        }
    }
}

/// The chain of sources of an error: the nearest to a stack trace that an error value has.
struct Causes<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        // A chain is short; one that never ends is cut off by the length limit at the latest.
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, "\ncaused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Who takes the fields of one kind of thing.
trait Fields {
    fn value(&mut self, key: &'static str, value: Value<'_>);

    fn error(&mut self, key: &'static str, error: &(dyn Error + 'static)) {
        self.value(key, Value::Str(&error.to_string()));
    }
}

/// Brings every type that `tracing` knows to one of OTLP's.
pub(crate) struct FieldVisitor<'a> {
    fields: &'a mut dyn Fields,
    max_text_bytes: usize,
}

impl FieldVisitor<'_> {
    fn text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        let text = Bounded::format(self.max_text_bytes, text);
        self.fields.value(field.name(), Value::Str(&text));
    }

    /// OTLP has signed 64-bit integers only: a larger number is kept as text rather than changed.
    fn integer(&mut self, field: &Field, value: impl TryInto<i64> + fmt::Display + Copy) {
        match value.try_into() {
            Ok(value) => self.fields.value(field.name(), Value::Int(value)),
            Err(_) => self.text(field, format_args!("{value}")),
        }
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.fields.value(field.name(), Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.integer(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.integer(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.integer(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.fields.value(field.name(), Value::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.fields.value(field.name(), Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.value(field.name(), Value::Str(truncate(value, self.max_text_bytes)));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.fields.value(field.name(), Value::Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.fields.error(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

/// A text that stops growing at its limit, however much is formatted into it.
struct Bounded {
    text: String,
    room: usize,
}

impl Bounded {
    fn format(max_bytes: usize, arguments: fmt::Arguments<'_>) -> String {
        let mut bounded = Self { text: String::new(), room: max_bytes };
        // An error means that it is full, or that a `Debug` gave up: what there is, is kept.
        let _: fmt::Result = bounded.write_fmt(arguments);
        bounded.text
    }
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let kept = truncate(part, self.room);
        self.text.push_str(kept);
        self.room -= kept.len();
        if kept.len() == part.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
