//! What the spans of a request say of it.

use laneway_proto::Lane;
use laneway_proto::otlp::{attribute, field, wire};

/// Tracestate and lane as the fields of a span, encoded once for all spans of a request.
///
/// The entry, whose parent is in another process, records its tracestate as it was received. The spans below do not repeat who called
/// that one.
#[derive(Debug)]
pub(crate) struct RequestFields {
    /// The tracestate as received; then, when that names a caller, without it; then the lane.
    buf: Box<[u8]>,
    received_end: usize,
    inherited_at: usize,
    lane_at: usize,
}

impl RequestFields {
    /// `caller` is the member that names the caller; `tracestate` has the others.
    pub(crate) fn new(caller: &str, tracestate: &str, lane: &Lane) -> Self {
        let mut buf = Vec::new();
        if !caller.is_empty() {
            wire::string(&mut buf, field::span::TRACE_STATE, &crate::propagation::joined(caller, tracestate));
        }
        let inherited_at = buf.len();
        if !tracestate.is_empty() {
            wire::string(&mut buf, field::span::TRACE_STATE, tracestate);
        }
        let lane_at = buf.len();
        let received_end = if caller.is_empty() { lane_at } else { inherited_at };
        attribute::string(&mut buf, field::span::ATTRIBUTES, Lane::KEY, lane.as_str());
        Self { buf: buf.into(), received_end, inherited_at, lane_at }
    }

    /// Those of an entry.
    pub(crate) fn received(&self) -> [&[u8]; 2] {
        [&self.buf[..self.received_end], &self.buf[self.lane_at..]]
    }

    /// Those of any other span.
    #[inline]
    pub(crate) fn inherited(&self) -> &[u8] {
        &self.buf[self.inherited_at..]
    }
}

/// The fields of most requests: those of the baseline that have no tracestate.
pub(crate) const BASELINE_FIELDS: &[u8] = b"\x4a\x0e\x0a\x04lane\x12\x06\x0a\x04base";
