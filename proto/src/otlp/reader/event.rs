//! Events and links of a span: `Span.Event` and `Span.Link` in `opentelemetry/proto/trace/v1/trace.proto`.

use super::cursor::{for_each_field, keys};
use super::error::{Place, ReadError};
use super::repeated::{Context, Message, Repeated};
use super::{KeyValue, Text};
use crate::otlp::field;
use crate::{SpanId, TraceId};

/// Something that happened at an instant within a span.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// What.
    pub name: Text<'a>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    attributes: Repeated<'a, KeyValue<'a>>,
    bytes: &'a [u8],
}

/// A reference from a span to another, not its parent.
#[derive(Debug, Clone)]
pub struct Link<'a> {
    /// The other span's trace: 16 bytes, or none.
    pub trace_id: &'a [u8],
    /// The other span: 8 bytes, or none.
    pub span_id: &'a [u8],
    /// W3C tracestate of the link.
    pub trace_state: Text<'a>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// W3C trace flags (bits 0-7) and OTLP's remote bits (8, 9).
    pub flags: u32,
    attributes: Repeated<'a, KeyValue<'a>>,
    bytes: &'a [u8],
}

keys!(
    event = event { TIME_UNIX_NANO: Fixed64, NAME: Len, ATTRIBUTES: Len, DROPPED_ATTRIBUTES_COUNT: Varint }
);
keys!(
    link = link {
        TRACE_ID: Len,
        SPAN_ID: Len,
        TRACE_STATE: Len,
        ATTRIBUTES: Len,
        DROPPED_ATTRIBUTES_COUNT: Varint,
        FLAGS: Fixed32,
    }
);

impl<'a> Event<'a> {
    /// Reads an `Event` message.
    ///
    /// # Errors
    /// When the message is malformed. Attributes have not been looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(bytes, Context::new(Place::Events))
    }

    /// The bytes of the message.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        self.attributes.clone()
    }

    /// Checks everything within.
    ///
    /// # Errors
    /// When something in it is malformed, not UTF-8, or nested too deep.
    pub fn validate(&self) -> Result<(), ReadError> {
        self.name.check(Place::Events.itself(), field::event::NAME)?;
        self.attributes().try_for_each(|attribute| attribute?.check(Place::EventAttributes))
    }
}

impl<'a> Message<'a> for Event<'a> {
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        let path = Place::Events.itself();
        let mut read = Self {
            time_unix_nano: 0,
            name: Text::default(),
            dropped_attributes_count: 0,
            attributes: Repeated::empty(event::ATTRIBUTES, Context::new(Place::EventAttributes)),
            bytes,
        };
        for_each_field(bytes, path, |cursor, key| {
            match key {
                event::TIME_UNIX_NANO => read.time_unix_nano = cursor.fixed64()?,
                event::NAME => cursor.text(&mut read.name)?,
                event::ATTRIBUTES => read.attributes.push(cursor)?,
                event::DROPPED_ATTRIBUTES_COUNT => read.dropped_attributes_count = cursor.uint32()?,
                _ => cursor.skip_unknown(key, path)?,
            }
            Ok(())
        })?;
        Ok(read)
    }
}

impl<'a> Link<'a> {
    /// Reads a `Link` message.
    ///
    /// # Errors
    /// When the message is malformed. Attributes have not been looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(bytes, Context::new(Place::Links))
    }

    /// The bytes of the message.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its attributes.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        self.attributes.clone()
    }

    /// The ids of the other span; `None` for one that is absent or zero.
    #[inline]
    pub fn ids(&self) -> (Option<TraceId>, Option<SpanId>) {
        (super::span::trace_id(self.trace_id), super::span::span_id(self.span_id))
    }

    /// Checks everything within.
    ///
    /// # Errors
    /// When something in it is malformed, not UTF-8, or nested too deep.
    pub fn validate(&self) -> Result<(), ReadError> {
        self.trace_state.check(Place::Links.itself(), field::link::TRACE_STATE)?;
        self.attributes().try_for_each(|attribute| attribute?.check(Place::LinkAttributes))
    }
}

impl<'a> Message<'a> for Link<'a> {
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        let path = Place::Links.itself();
        let mut read = Self {
            trace_id: &[],
            span_id: &[],
            trace_state: Text::default(),
            dropped_attributes_count: 0,
            flags: 0,
            attributes: Repeated::empty(link::ATTRIBUTES, Context::new(Place::LinkAttributes)),
            bytes,
        };
        for_each_field(bytes, path, |cursor, key| {
            match key {
                link::TRACE_ID => read.trace_id = cursor.id::<16>()?,
                link::SPAN_ID => read.span_id = cursor.id::<8>()?,
                link::TRACE_STATE => cursor.text(&mut read.trace_state)?,
                link::ATTRIBUTES => read.attributes.push(cursor)?,
                link::DROPPED_ATTRIBUTES_COUNT => read.dropped_attributes_count = cursor.uint32()?,
                link::FLAGS => read.flags = cursor.fixed32()?,
                _ => cursor.skip_unknown(key, path)?,
            }
            Ok(())
        })?;
        Ok(read)
    }
}
