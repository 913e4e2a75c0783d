//! Reading the fields of `tracing` spans and events.
//!
//! A field's `Debug` or `Display` is the user's code and may use `tracing` itself: fields are always read before anything is
//! locked.

use std::error::Error;
use std::fmt::{self, Write};

use tracing::Metadata;
use tracing::field::{Field, Visit};

use crate::record::{
    Draft, Event, Keys, Limits, PaddedKey, Recording, SpanKind, StatusCode, Value, truncate,
};

/// Who takes the fields of one kind of thing.
pub(super) trait Fields {
    fn value(&mut self, key: &'static str, value: Value<'_>);

    fn error(&mut self, key: &'static str, error: &(dyn Error + 'static));

    fn limits(&self) -> &Limits;
}

/// The fields of a span.
pub(super) struct SpanFields<'a> {
    pub(super) draft: &'a mut Draft,
    pub(super) keys: Keys,
    pub(super) limits: &'a Limits,
}

impl Fields for SpanFields<'_> {
    #[inline(always)]
    fn value(&mut self, key: &'static str, value: Value<'_>) {
        if let (b'o', Value::Str(text)) = (first_byte(key), value)
            && let Some(field) = key.strip_prefix("otel.")
            && self.lift(field, text)
        {
            return;
        }
        self.draft.set(key, value, self.keys, self.limits);
    }

    fn error(&mut self, key: &'static str, error: &(dyn Error + 'static)) {
        let text = Bounded::format(self.limits.text_bytes, format_args!("{error}"));
        self.value(key, Value::Str(&text));
    }

    fn limits(&self) -> &Limits {
        self.limits
    }
}

/// Tells most names apart from one that is looked for.
#[inline]
fn first_byte(name: &str) -> u8 {
    name.as_bytes().first().copied().unwrap_or_default()
}

impl SpanFields<'_> {
    /// The `otel.*` fields that are no attributes; false for any other.
    fn lift(&mut self, field: &str, text: &str) -> bool {
        match field {
            "name" => self.draft.rename(text, self.limits),
            "kind" => {
                if let Some(kind) = SpanKind::from_name(text) {
                    self.draft.set_kind(kind);
                }
            }
            "status_code" => {
                if let Some(code) = StatusCode::from_name(text) {
                    self.draft.state(code);
                }
            }
            "status_message" | "status_description" => self.draft.describe_status(text, self.limits),
            _ => return false,
        }
        true
    }
}

/// The fields of an event.
pub(super) struct EventFields<'a> {
    pub(super) event: Event<'a>,
    pub(super) limits: &'a Limits,
}

impl EventFields<'_> {
    /// The attributes that every event has.
    pub(super) fn describe(&mut self, metadata: &Metadata<'static>) {
        self.event.set("level", Value::Str(metadata.level().as_str()));
        self.event.set("target", Value::Str(metadata.target()));
    }
}

impl Fields for EventFields<'_> {
    fn value(&mut self, key: &'static str, value: Value<'_>) {
        match (key, value) {
            ("message", Value::Str(message)) => self.event.set_message(message),
            ("error", Value::Str(_)) => self.event.set("exception.message", value),
            _ => self.event.set(key, value),
        }
    }

    fn error(&mut self, _: &'static str, error: &(dyn Error + 'static)) {
        record_exception(&mut self.event, error, self.limits);
    }

    fn limits(&self) -> &Limits {
        self.limits
    }
}

/// An error by OpenTelemetry's conventions for exceptions.
pub(crate) fn record_exception(event: &mut Event<'_>, error: &dyn Error, limits: &Limits) {
    let message = Bounded::format(limits.text_bytes, format_args!("{error}"));
    event.set("exception.message", Value::Str(&message));
    if error.source().is_some() {
        let causes = Bounded::format(limits.text_bytes, format_args!("{}", Causes(error)));
        event.set("exception.stacktrace", Value::Str(&causes));
    }
}

/// The chain of sources of an error: the nearest to a stack trace that an error value has.
struct Causes<'a>(&'a dyn Error);

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

/// Brings every type that `tracing` knows to one of OTLP's.
pub(super) struct FieldVisitor<'a, F>(pub(super) &'a mut F);

impl<F: Fields> FieldVisitor<'_, F> {
    fn text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        // A literal, such as most messages are, needs no formatting.
        if let Some(text) = text.as_str() {
            return self.0.value(field.name(), Value::Str(text));
        }
        let text = Bounded::format(self.0.limits().text_bytes, text);
        self.0.value(field.name(), Value::Str(&text));
    }

    /// OTLP has signed 64-bit integers only: a larger number is kept as text rather than changed.
    fn integer(&mut self, field: &Field, value: impl TryInto<i64> + fmt::Display + Copy) {
        match value.try_into() {
            Ok(value) => self.0.value(field.name(), Value::Int(value)),
            Err(_) => self.text(field, format_args!("{value}")),
        }
    }
}

impl<F: Fields> Visit for FieldVisitor<'_, F> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.value(field.name(), Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.value(field.name(), Value::Uint(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.integer(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.integer(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.value(field.name(), Value::Double(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.value(field.name(), Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.value(field.name(), Value::Str(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.0.value(field.name(), Value::Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.0.error(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

/// The fields of a span whose callsite is known: short values are written behind names that are encoded already.
pub(super) struct PlainFields<'a> {
    pub(super) recording: &'a mut Recording,
    pub(super) names: &'a [PaddedKey],
}

impl PlainFields<'_> {
    #[inline(always)]
    fn int(&mut self, field: &Field, value: u64) -> bool {
        self.names
            .get(field.index())
            .is_some_and(|name| self.recording.draft_mut().add_short_int(name, value))
    }

    /// Everything that is not short.
    #[inline(never)]
    fn slowly(&mut self, field: &Field, value: Value<'_>) {
        self.any().value(field.name(), value);
    }

    #[inline(never)]
    fn int_slowly(&mut self, field: &Field, value: i64) {
        self.slowly(field, Value::Int(value));
    }

    #[inline(never)]
    fn text_slowly(&mut self, field: &Field, text: &str) {
        self.slowly(field, Value::Str(text));
    }

    fn any(&mut self) -> SpanFields<'_> {
        let (draft, limits) = self.recording.draft_and_limits();
        SpanFields { draft, keys: Keys::Distinct, limits }
    }
}

impl Visit for PlainFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let name = self.names.get(field.index());
        if !name.is_some_and(|name| self.recording.draft_mut().add_short_text(name, value)) {
            self.text_slowly(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if !self.int(field, value as u64) {
            self.int_slowly(field, value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if !self.int(field, value) {
            self.slowly(field, Value::Uint(value));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if !self.names.get(field.index()).is_some_and(|name| self.recording.draft_mut().add_bool(name, value))
        {
            self.slowly(field, Value::Bool(value));
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        FieldVisitor(&mut self.any()).record_i128(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        FieldVisitor(&mut self.any()).record_u128(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.slowly(field, Value::Double(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.slowly(field, Value::Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        FieldVisitor(&mut self.any()).record_error(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        FieldVisitor(&mut self.any()).record_debug(field, value);
    }
}

/// A text that stops growing at its limit, however much is formatted into it.
pub(crate) struct Bounded {
    text: String,
    room: usize,
}

impl Bounded {
    pub(crate) fn format(max_bytes: usize, arguments: fmt::Arguments<'_>) -> String {
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
