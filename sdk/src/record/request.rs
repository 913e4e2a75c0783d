//! What the spans of a request say of it.

use laneway_proto::Lane;
use laneway_proto::otlp::{attribute, field, wire};

/// Tracestate and lane as the fields of a span, encoded once for all spans of a request.
///
/// The entry, whose parent is in another process, records its tracestate as it was received. The spans below do not repeat who called
/// that one.
#[derive(Debug)]
pub(crate) struct RequestFields {
    inherited: Box<[u8]>,
    /// Empty when they are the same.
    received: Box<[u8]>,
}

impl RequestFields {
    /// `caller` is the member that names the caller; `tracestate` has the others.
    pub(crate) fn new(caller: &str, tracestate: &str, lane: &Lane) -> Self {
        let received = || encode(&crate::propagation::joined(caller, tracestate), lane);
        Self {
            inherited: encode(tracestate, lane),
            received: if caller.is_empty() { Box::default() } else { received() },
        }
    }

    /// Those of an entry.
    pub(crate) fn received(&self) -> &[u8] {
        if self.received.is_empty() { &self.inherited } else { &self.received }
    }

    /// Those of any other span.
    #[inline]
    pub(crate) fn inherited(&self) -> &[u8] {
        &self.inherited
    }
}

fn encode(tracestate: &str, lane: &Lane) -> Box<[u8]> {
    let mut buf = Vec::new();
    if !tracestate.is_empty() {
        wire::string(&mut buf, field::span::TRACE_STATE, tracestate);
    }
    attribute::string(&mut buf, field::span::ATTRIBUTES, Lane::KEY, lane.as_str());
    buf.into()
}

/// The fields of most requests: those of the baseline that have no tracestate.
pub(crate) const BASELINE_FIELDS: &[u8] = b"\x4a\x0e\x0a\x04lane\x12\x06\x0a\x04base";
