//! Who called: Laneway's own member of the W3C `tracestate` header.
//!
//! The SDK puts it in front of `tracestate` with every call within the fleet. The span of whoever is called records that header as
//! its OTLP `trace_state`, and so one span names both ends of its hop: nobody has to wait for the other end to tell an edge of the
//! topology.
//!
//! ```text
//! laneway=1;<span id>;<service>;<instance>;<operation>;<instance lane>;<request lane>
//! ```
//!
//! | field | what it holds | at most |
//! | --- | --- | --- |
//! | `1` | the version | |
//! | span id | the span that makes the call, 16 hexadecimal digits | |
//! | service | its `service.name` | 64 bytes |
//! | instance | its `service.instance.id`; empty when that is longer | 48 bytes |
//! | operation | the name of its entry: the span with which the request entered the process; cut where it is longer | 96 bytes |
//! | instance lane | the lane that the instance serves | 64 bytes |
//! | request lane | the lane that the request is in | 64 bytes |
//!
//! Texts are percent-encoded but for letters, digits and `.`, `_`, `/`, `-`. The value is at most 256 bytes, as W3C has it: what is
//! too long is cut in the operation first. Fields that follow are of later writers, and are ignored.
//!
//! A service that knows nothing of this passes the member on although it makes a span of its own. So a member is believed only by
//! the child of the span that it names: [`Caller::of_child`].

use std::borrow::Cow;
use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{Lane, SpanId};

#[cfg(test)]
mod tests;

/// Name of the member.
pub const KEY: &str = "laneway";
/// The longest service name that is sent, in bytes before they are encoded. One with a longer name sends no member.
pub const MAX_SERVICE_LEN: usize = 64;
/// The longest instance id that is sent, in bytes before they are encoded.
pub const MAX_INSTANCE_LEN: usize = 48;
/// The longest operation that is sent, in bytes before they are encoded.
pub const MAX_OPERATION_LEN: usize = 96;
/// The longest value of a member of `tracestate`, in bytes.
pub const MAX_VALUE_LEN: usize = 256;

const VERSION: &str = "1";
/// Everything of a value but service, instance, operation and the lanes: version, span id, and six semicolons.
const FRAME_LEN: usize = VERSION.len() + 2 * SpanId::LEN + 6;
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'/').remove(b'-');

/// The other end of a hop, as it named itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The span that made the call.
    pub span_id: SpanId,
    /// Its service; never empty.
    pub service: Cow<'a, str>,
    /// Its instance; empty when it is not told.
    pub instance: Cow<'a, str>,
    /// The entry that it was working on; empty when it is not told.
    pub operation: Cow<'a, str>,
    /// The lane that the instance serves: the name of a lane.
    pub instance_lane: &'a str,
    /// The lane that the request was in when it was sent: the name of a lane.
    pub request_lane: &'a str,
}

impl<'a> Caller<'a> {
    /// The caller that a `tracestate` names; `None` when there is no such member, or it breaks the format.
    ///
    /// Whether it is to be believed is another question: see [`of_child`](Self::of_child).
    pub fn parse(tracestate: &'a str) -> Option<Self> {
        Self::parse_if(tracestate, |_| true)
    }

    /// The caller of a span that has this `tracestate` and this parent: only a member that names the parent tells of this hop.
    pub fn of_child(tracestate: &'a str, parent_span_id: SpanId) -> Option<Self> {
        Self::parse_if(tracestate, |span_id| span_id == parent_span_id)
    }

    fn parse_if(tracestate: &'a str, is_wanted: impl FnOnce(SpanId) -> bool) -> Option<Self> {
        let value = tracestate.split(',').find_map(value_of).filter(|value| value.len() <= MAX_VALUE_LEN)?;
        let mut fields = value.split(';');
        if fields.next() != Some(VERSION) {
            return None;
        }
        let span_id = SpanId::from_hex(fields.next()?).ok().filter(|&span_id| is_wanted(span_id))?;
        let mut text = || percent_decode_str(fields.next()?).decode_utf8().ok();
        let (service, instance, operation) = (text()?, text()?, text()?);
        let mut lane = || fields.next().filter(|lane| Lane::is_name(lane.as_bytes()));
        let (instance_lane, request_lane) = (lane()?, lane()?);
        (!service.is_empty()).then_some(Self {
            span_id,
            service,
            instance,
            operation,
            instance_lane,
            request_lane,
        })
    }
}

/// The span id of the calling span that a `tracestate` names, and the text on both sides of it, which all calls of one [`Origin`] in one lane
/// share; `None` when there is no such member, or it does not begin as it should.
pub fn around_span_id(tracestate: &str) -> Option<(SpanId, [&str; 2])> {
    let mut begin = 0;
    for member in tracestate.split(',') {
        let Some(value) = value_of(member) else {
            begin += member.len() + 1;
            continue;
        };
        let digits = value.strip_prefix(VERSION)?.strip_prefix(';')?.split(';').next()?;
        let span_id = SpanId::from_hex(digits).ok()?;
        let from = begin + member.find(digits)?;
        return Some((span_id, [&tracestate[..from], &tracestate[from + digits.len()..]]));
    }
    None
}

/// The value of a member, when it is ours.
pub fn value_of(member: &str) -> Option<&str> {
    member.trim_matches([' ', '\t']).strip_prefix(KEY)?.strip_prefix('=')
}

/// What all calls from one operation of an instance have in common, encoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `;service;instance;operation;instance lane;`
    encoded: Box<str>,
}

impl Origin {
    /// An operation of an instance. `None` for a service that is too long to be named, or has no name.
    ///
    /// Service and instance are whole or not there at all: a part of either would name another one.
    pub fn new(service: &str, instance: &str, operation: &str, instance_lane: &Lane) -> Option<Self> {
        if service.is_empty() || service.len() > MAX_SERVICE_LEN {
            return None;
        }
        // The lane of a request is not known yet: there is room for any.
        let room = MAX_VALUE_LEN - FRAME_LEN - instance_lane.as_str().len() - Lane::MAX_LEN;
        let service = encode(service);
        let room = room.checked_sub(service.len())?;
        let instance = Some(instance).filter(|instance| instance.len() <= MAX_INSTANCE_LEN).map(encode);
        let instance = instance.filter(|instance| instance.len() <= room).unwrap_or_default();
        let operation = encode_within(operation, room - instance.len());
        Some(Self { encoded: format!(";{service};{instance};{operation};{instance_lane};").into() })
    }

    /// Appends the member, key and value, for a call that this span makes for a request of this lane.
    pub fn write(&self, span_id: SpanId, request_lane: &Lane, out: &mut String) {
        out.reserve(self.member_len(request_lane));
        // Writing into a string cannot fail.
        let _ = write!(out, "{KEY}={VERSION};{span_id}");
        out.push_str(&self.encoded);
        out.push_str(request_lane.as_str());
    }

    /// Bytes of the member.
    pub fn member_len(&self, request_lane: &Lane) -> usize {
        KEY.len() + "=1;".len() + 2 * SpanId::LEN + self.encoded.len() + request_lane.as_str().len()
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// As many of the first characters as have room once they are encoded.
fn encode_within(text: &str, room: usize) -> String {
    let mut encoded = String::new();
    for (at, char) in text.char_indices() {
        let end = at + char.len_utf8();
        let len = encoded.len();
        encoded.extend(utf8_percent_encode(&text[at..end], ENCODED));
        if end > MAX_OPERATION_LEN || encoded.len() > room {
            encoded.truncate(len);
            break;
        }
    }
    encoded
}
