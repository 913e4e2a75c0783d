//! Events of a span.

use std::ops::Range;

use laneway_proto::otlp::field;
use laneway_proto::otlp::wire::{self, WireType};

use super::attributes::Open;
use super::draft::{Draft, Keys};
use super::limits::{Limits, truncate};
use super::span::count;
use super::value::{Value, key, len_delimited};

const ATTRIBUTE: u8 = key(field::event::ATTRIBUTES, WireType::Len);

/// An event under construction, apart from its span: while its fields are formatted, nothing is locked.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    draft: &'a mut Draft,
    limits: &'a Limits,
    /// Where its message is in the draft, when there is one: it becomes the event's name.
    message: Option<Range<usize>>,
}

impl<'a> Event<'a> {
    /// An event of this moment, in an empty draft.
    pub(crate) fn begin(draft: &'a mut Draft, limits: &'a Limits, time_unix_ns: u64) -> Self {
        Open::begin(&mut draft.buf, key(field::span::EVENTS, WireType::Len));
        wire::fixed64(&mut draft.buf, field::event::TIME_UNIX_NANO, time_unix_ns);
        draft.fields_at = draft.buf.len();
        Self { draft, limits, message: None }
    }

    /// Gives an attribute its value, in place of an earlier one.
    pub(crate) fn set(&mut self, name: &str, value: Value<'_>) {
        let limits = self.limits;
        let removed =
            self.draft.put(ATTRIBUTE, name, value, Keys::Any, limits.event_attributes, limits.text_bytes);
        if let (Some(removed), Some(message)) = (removed, &mut self.message)
            && removed.start < message.start
        {
            *message = message.start - removed.len()..message.end - removed.len();
        }
    }

    /// The message; the first one counts.
    pub(crate) fn set_message(&mut self, message: &str) {
        if self.message.is_none() {
            let message = truncate(message, self.limits.text_bytes);
            len_delimited(&mut self.draft.buf, field::event::NAME, message.as_bytes());
            let end = self.draft.buf.len();
            self.message = Some(end - message.len()..end);
        }
    }

    /// Completes it, as a field of its span, with this name when it has no message. Gives the message too.
    pub(crate) fn end(mut self, fallback_name: &str) -> (&'a [u8], Option<&'a str>) {
        let message = self.message.clone();
        if message.is_none() {
            self.set_message(fallback_name);
        }
        let (buf, before) = (&mut self.draft.buf, BODY_AT);
        count(buf, field::event::DROPPED_ATTRIBUTES_COUNT, self.draft.attributes.dropped);
        let len = buf.len();
        Open::at(before).end(buf);
        // A body of 16 KiB or more made its length wider.
        let moved = buf.len() - len;
        let message = message.and_then(|at| std::str::from_utf8(&buf[at.start + moved..at.end + moved]).ok());
        (buf, message)
    }
}

/// Where the body of the field begins: behind its key and two bytes of length.
const BODY_AT: usize = 3;
