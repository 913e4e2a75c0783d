//! Spans: `Span` and `Status` in `opentelemetry/proto/trace/v1/trace.proto`.

use super::cursor::{Cursor, for_each_field, keys};
use super::error::{Place, ReadError};
use super::repeated::{Context, Message, Repeated};
use super::{Event, KeyValue, Link, Text};
use crate::otlp::field;
use crate::{SpanId, TraceId};

/// A span. An absent field reads as zero or as empty.
#[derive(Debug, Clone)]
pub struct Span<'a> {
    /// The trace that it belongs to: 16 bytes, or none.
    pub trace_id: &'a [u8],
    /// Its own id: 8 bytes, or none.
    pub span_id: &'a [u8],
    /// Its parent: 8 bytes, or none. Zeros mean none as well.
    pub parent_span_id: &'a [u8],
    /// W3C tracestate.
    pub trace_state: Text<'a>,
    /// W3C trace flags (bits 0-7) and OTLP's remote bits (8, 9).
    pub flags: u32,
    /// The operation.
    pub name: Text<'a>,
    /// `SpanKind`, which may be a number that OTLP does not define.
    pub kind: i32,
    /// Start in nanoseconds since the Unix epoch.
    pub start_time_unix_nano: u64,
    /// End in nanoseconds since the Unix epoch.
    pub end_time_unix_nano: u64,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Events that the sender dropped.
    pub dropped_events_count: u32,
    /// Links that the sender dropped.
    pub dropped_links_count: u32,
    /// `StatusCode`, which may be a number that OTLP does not define.
    pub status_code: i32,
    /// What the sender says of the outcome.
    pub status_message: Text<'a>,
    attributes: Repeated<'a, KeyValue<'a>>,
    events: Repeated<'a, Event<'a>>,
    links: Repeated<'a, Link<'a>>,
    bytes: &'a [u8],
}

keys!(
    span = span {
        TRACE_ID: Len,
        SPAN_ID: Len,
        TRACE_STATE: Len,
        PARENT_SPAN_ID: Len,
        NAME: Len,
        KIND: Varint,
        START_TIME_UNIX_NANO: Fixed64,
        END_TIME_UNIX_NANO: Fixed64,
        ATTRIBUTES: Len,
        DROPPED_ATTRIBUTES_COUNT: Varint,
        EVENTS: Len,
        DROPPED_EVENTS_COUNT: Varint,
        LINKS: Len,
        DROPPED_LINKS_COUNT: Varint,
        STATUS: Len,
        FLAGS: Fixed32,
    }
);
keys!(status = status { MESSAGE: Len, CODE: Varint });

/// The trace id of these bytes, unless they are none or zeros.
#[inline]
pub(super) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    TraceId::from_bytes(bytes.try_into().ok()?)
}

/// The span id of these bytes, unless they are none or zeros.
#[inline]
pub(super) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    SpanId::from_bytes(bytes.try_into().ok()?)
}

impl<'a> Span<'a> {
    /// Reads a `Span` message.
    ///
    /// # Errors
    /// When the message is malformed. Attributes, events and links have not been looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(bytes, Context::new(Place::Span))
    }

    /// The bytes of the message.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its trace id and its own; `None` when one of them is absent or zero, which makes the span invalid.
    #[inline]
    pub fn ids(&self) -> Option<(TraceId, SpanId)> {
        Some((trace_id(self.trace_id)?, span_id(self.span_id)?))
    }

    /// Its parent's id; `None` when that is absent or zero: a root span.
    #[inline]
    pub fn parent_id(&self) -> Option<SpanId> {
        span_id(self.parent_span_id)
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        self.attributes.clone()
    }

    /// Its events.
    #[inline]
    pub fn events(&self) -> Repeated<'a, Event<'a>> {
        self.events.clone()
    }

    /// Its links.
    #[inline]
    pub fn links(&self) -> Repeated<'a, Link<'a>> {
        self.links.clone()
    }

    /// Checks everything within.
    ///
    /// # Errors
    /// When something in it is malformed, not UTF-8, or nested too deep.
    pub fn validate(&self) -> Result<(), ReadError> {
        let path = Place::Span.itself();
        self.trace_state.check(path, field::span::TRACE_STATE)?;
        self.name.check(path, field::span::NAME)?;
        self.status_message.check(Place::Status.itself(), field::status::MESSAGE)?;
        self.attributes().try_for_each(|attribute| attribute?.check(Place::SpanAttributes))?;
        self.events().try_for_each(|event| event?.validate())?;
        self.links().try_for_each(|link| link?.validate())
    }

    #[inline(always)]
    pub(super) fn empty(bytes: &'a [u8]) -> Self {
        Self {
            trace_id: &[],
            span_id: &[],
            parent_span_id: &[],
            trace_state: Text::default(),
            flags: 0,
            name: Text::default(),
            kind: 0,
            start_time_unix_nano: 0,
            end_time_unix_nano: 0,
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            status_code: 0,
            status_message: Text::default(),
            attributes: Repeated::empty(span::ATTRIBUTES, Context::new(Place::SpanAttributes)),
            events: Repeated::empty(span::EVENTS, Context::new(Place::Events)),
            links: Repeated::empty(span::LINKS, Context::new(Place::Links)),
            bytes,
        }
    }

    /// A second status replaces those fields of the first that it has, as protobuf merges messages.
    fn read_status(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ReadError> {
        let path = Place::Status.itself();
        for_each_field(cursor.len_delimited()?, path, |cursor, key| {
            match key {
                status::MESSAGE => cursor.text(&mut self.status_message)?,
                status::CODE => self.status_code = cursor.uint32()? as i32,
                _ => cursor.skip_unknown(key, path)?,
            }
            Ok(())
        })
    }

    /// Reads the message into a span that is [`empty`](Self::empty).
    #[inline(always)]
    pub(super) fn fill(&mut self) -> Result<(), ReadError> {
        let path = Place::Span.itself();
        for_each_field(self.bytes, path, |cursor, key| {
            match key {
                span::TRACE_ID => self.trace_id = cursor.id::<16>()?,
                span::SPAN_ID => self.span_id = cursor.id::<8>()?,
                span::TRACE_STATE => cursor.text(&mut self.trace_state)?,
                span::PARENT_SPAN_ID => self.parent_span_id = cursor.id::<8>()?,
                span::NAME => cursor.text(&mut self.name)?,
                span::KIND => self.kind = cursor.uint32()? as i32,
                span::START_TIME_UNIX_NANO => self.start_time_unix_nano = cursor.fixed64()?,
                span::END_TIME_UNIX_NANO => self.end_time_unix_nano = cursor.fixed64()?,
                span::ATTRIBUTES => self.attributes.push(cursor)?,
                span::DROPPED_ATTRIBUTES_COUNT => self.dropped_attributes_count = cursor.uint32()?,
                span::EVENTS => self.events.push(cursor)?,
                span::DROPPED_EVENTS_COUNT => self.dropped_events_count = cursor.uint32()?,
                span::LINKS => self.links.push(cursor)?,
                span::DROPPED_LINKS_COUNT => self.dropped_links_count = cursor.uint32()?,
                span::STATUS => self.read_status(cursor)?,
                span::FLAGS => self.flags = cursor.fixed32()?,
                _ => cursor.skip_unknown(key, path)?,
            }
            Ok(())
        })
    }
}

impl<'a> Message<'a> for Span<'a> {
    #[inline]
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        let mut read = Self::empty(bytes);
        read.fill()?;
        Ok(read)
    }
}
