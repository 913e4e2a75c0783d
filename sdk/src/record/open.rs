//! A span that is open, and how it is encoded when it ends.

use std::borrow::Cow;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use laneway_proto::otlp::{attribute, field, wire};
use laneway_proto::{Lane, SpanId};

use super::attributes::{Attributes, Value};
use super::fields::{EventFields, SpanFields};
use super::limits::{Limits, truncate};
use crate::context::{Context, SpanContext};

/// What the layer knows of a span.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) context: Context,
    /// None when the span is not sampled, and after it ended.
    pub(crate) recording: Option<Box<Recording>>,
}

/// What is recorded of a sampled span.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) parent: Option<Parent>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) clock: Clock,
    pub(crate) attributes: Attributes,
    events: Repeated,
    links: Repeated,
    status: Status,
}

/// Who opened the span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent {
    pub(crate) span_id: SpanId,
    pub(crate) remote: bool,
}

/// OTLP's `SpanKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SpanKind {
    #[default]
    Internal = 1,
    Server = 2,
    Client = 3,
    Producer = 4,
    Consumer = 5,
}

impl SpanKind {
    /// Of either case, as users of `tracing-opentelemetry` write it; an unknown one counts as none.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            ("internal", Self::Internal),
            ("server", Self::Server),
            ("client", Self::Client),
            ("producer", Self::Producer),
            ("consumer", Self::Consumer),
        ]
        .into_iter()
        .find_map(|(known, kind)| known.eq_ignore_ascii_case(name).then_some(kind))
    }
}

/// OTLP's `StatusCode`, without unset. In the order of priority that OpenTelemetry gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StatusCode {
    Error,
    Ok,
}

impl StatusCode {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("ok") {
            Some(Self::Ok)
        } else if name.eq_ignore_ascii_case("error") {
            Some(Self::Error)
        } else {
            None
        }
    }

    const fn to_otlp(self) -> u64 {
        match self {
            Self::Ok => 1,
            Self::Error => 2,
        }
    }
}

#[derive(Debug, Default)]
struct Status {
    code: Option<StatusCode>,
    message: Option<String>,
}

/// A span's own clock: the wall time of its start, and from there on the monotonic clock, so that no clock step
/// makes a span end before it began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start_unix_ns: u64,
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start_unix_ns: saturating_ns(since_epoch.as_nanos()), start: Instant::now() }
    }

    fn now_unix_ns(&self) -> u64 {
        self.start_unix_ns.saturating_add(saturating_ns(self.start.elapsed().as_nanos()))
    }
}

fn saturating_ns(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}

/// Encoded messages of a repeated field.
#[derive(Debug, Default)]
struct Repeated {
    bytes: Vec<u8>,
    count: usize,
    dropped: u32,
}

impl Repeated {
    fn push(&mut self, max_count: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.count < max_count {
            self.count += 1;
            write(&mut self.bytes);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

/// Bits 8 and 9 of OTLP's span flags: whether the parent's remoteness is known, and the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

impl Recording {
    pub(crate) fn new(parent: Option<Parent>, name: &'static str, fields: SpanFields) -> Self {
        let mut recording = Self {
            parent,
            name: Cow::Borrowed(name),
            kind: SpanKind::default(),
            clock: Clock::start(),
            attributes: Attributes::new(field::span::ATTRIBUTES, 0, 0),
            events: Repeated::default(),
            links: Repeated::default(),
            status: Status::default(),
        };
        recording.lift(&fields);
        recording.attributes = fields.attributes;
        recording
    }

    /// Takes over fields that were recorded later.
    pub(crate) fn record(&mut self, fields: &SpanFields) {
        self.lift(fields);
        self.attributes.merge(&fields.attributes);
    }

    /// The `otel.*` fields, which are no attributes.
    fn lift(&mut self, fields: &SpanFields) {
        if let Some(name) = &fields.name {
            self.name = Cow::Owned(name.clone());
        }
        if let Some(kind) = fields.kind {
            self.kind = kind;
        }
        if let Some(code) = fields.status_code {
            self.status.code = self.status.code.max(Some(code));
        }
        if let Some(message) = &fields.status_message {
            self.status.message = Some(message.clone());
        }
    }

    /// Marks the span as failed, unless its status was stated.
    pub(crate) fn fail(&mut self, message: Option<&str>) {
        if self.status.code.is_none() {
            self.status.code = Some(StatusCode::Error);
            if self.status.message.is_none() {
                self.status.message = message.map(str::to_owned);
            }
        }
    }

    /// Adds an event that happens now.
    pub(crate) fn add_event(&mut self, fallback_name: &str, fields: &EventFields, limits: &Limits) {
        let time_unix_ns = self.clock.now_unix_ns();
        let attributes = &fields.attributes;
        self.events.push(limits.events, |buf| {
            wire::message_sized(buf, field::span::EVENTS, attributes.encoded().len() + 64, |buf| {
                wire::fixed64(buf, field::event::TIME_UNIX_NANO, time_unix_ns);
                wire::string(buf, field::event::NAME, fields.message.as_deref().unwrap_or(fallback_name));
                buf.extend_from_slice(attributes.encoded());
                count(buf, field::event::DROPPED_ATTRIBUTES_COUNT, attributes.dropped());
            });
        });
    }

    /// Adds a link to the span of another context; nothing when that has none.
    pub(crate) fn add_link(&mut self, target: &Context, limits: &Limits) {
        let Some(span) = target.span() else { return };
        self.links.push(limits.links, |buf| {
            wire::message(buf, field::span::LINKS, |buf| {
                wire::bytes(buf, field::link::TRACE_ID, span.trace_id.as_bytes());
                wire::bytes(buf, field::link::SPAN_ID, span.span_id.as_bytes());
                if !target.tracestate().is_empty() {
                    wire::string(buf, field::link::TRACE_STATE, target.tracestate());
                }
                wire::fixed32(buf, field::link::FLAGS, flags(span, Some(span.remote)));
            });
        });
    }

    /// Encodes the span, which ends now, as a `spans` field of `ScopeSpans`.
    pub(crate) fn encode(&self, context: &Context, limits: &Limits) -> Vec<u8> {
        let end_unix_ns = self.clock.now_unix_ns();
        let Some(span) = context.span() else { return Vec::new() };
        let name = truncate(&self.name, limits.text_bytes);
        let variable_len = name.len()
            + context.tracestate().len()
            + context.lane().as_str().len()
            + self.attributes.encoded().len()
            + self.events.bytes.len()
            + self.links.bytes.len()
            + self.status.message.as_ref().map_or(0, String::len);
        // Ids, times, flags, and what stands before each field.
        const FIXED_LEN: usize = 112;
        let mut buf = Vec::with_capacity(FIXED_LEN + variable_len + wire::MAX_VARINT_LEN);
        wire::message_sized(&mut buf, field::scope_spans::SPANS, FIXED_LEN + variable_len, |buf| {
            wire::bytes(buf, field::span::TRACE_ID, span.trace_id.as_bytes());
            wire::bytes(buf, field::span::SPAN_ID, span.span_id.as_bytes());
            if !context.tracestate().is_empty() {
                wire::string(buf, field::span::TRACE_STATE, context.tracestate());
            }
            if let Some(parent) = &self.parent {
                wire::bytes(buf, field::span::PARENT_SPAN_ID, parent.span_id.as_bytes());
            }
            wire::fixed32(buf, field::span::FLAGS, flags(span, self.parent.map(|parent| parent.remote)));
            wire::string(buf, field::span::NAME, name);
            wire::uint64(buf, field::span::KIND, self.kind as u64);
            wire::fixed64(buf, field::span::START_TIME_UNIX_NANO, self.clock.start_unix_ns);
            wire::fixed64(buf, field::span::END_TIME_UNIX_NANO, end_unix_ns);
            attribute::string(buf, field::span::ATTRIBUTES, Lane::KEY, context.lane().as_str());
            buf.extend_from_slice(self.attributes.encoded());
            count(buf, field::span::DROPPED_ATTRIBUTES_COUNT, self.attributes.dropped());
            buf.extend_from_slice(&self.events.bytes);
            count(buf, field::span::DROPPED_EVENTS_COUNT, self.events.dropped);
            buf.extend_from_slice(&self.links.bytes);
            count(buf, field::span::DROPPED_LINKS_COUNT, self.links.dropped);
            self.encode_status(buf, limits);
        });
        buf
    }

    fn encode_status(&self, buf: &mut Vec<u8>, limits: &Limits) {
        let Some(code) = self.status.code else { return };
        wire::message(buf, field::span::STATUS, |buf| {
            // OpenTelemetry keeps a description for errors only.
            if let (StatusCode::Error, Some(message)) = (code, &self.status.message) {
                wire::string(buf, field::status::MESSAGE, truncate(message, limits.text_bytes));
            }
            wire::uint64(buf, field::status::CODE, code.to_otlp());
        });
    }
}

fn flags(span: &SpanContext, remote: Option<bool>) -> u32 {
    let remoteness = match remote {
        Some(true) => HAS_IS_REMOTE | IS_REMOTE,
        _ => HAS_IS_REMOTE,
    };
    u32::from(span.flags.bits()) | remoteness
}

/// A count of what was dropped; zero is left out, as proto3 wants it.
fn count(buf: &mut Vec<u8>, field: u32, count: u32) {
    if count > 0 {
        wire::uint64(buf, field, u64::from(count));
    }
}

impl EventFields {
    /// The attributes that every event has.
    pub(crate) fn describe(&mut self, metadata: &tracing::Metadata<'static>) {
        self.attributes.set("level", Value::Str(metadata.level().as_str()));
        self.attributes.set("target", Value::Str(metadata.target()));
    }
}
