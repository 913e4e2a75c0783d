//! What one span adds to figures.

use super::key::{Outcome, Provenance};
use super::role::{KnownSpan, RoleId};
use super::roles::LaneId;

/// What one span adds to figures, given the spans of its trace that are known: all but times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contribution {
    /// Its request lane.
    pub lane: LaneId,
    /// The hop that ends with it.
    pub arrival: Option<Hop>,
    /// The hop that begins with it and ends with something that was not traced.
    pub departure: Option<Hop>,
}

/// An end of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The place of a span, in the service that was entered with another (or the same).
    Span {
        /// Of the span at this end.
        at: RoleId,
        /// Of the span with which the request entered the service.
        entered: RoleId,
    },
    /// Who the span of this role names as its caller.
    Caller(RoleId),
    /// What the span of this role names as its peer.
    Peer(RoleId),
    /// Something that was not traced.
    Unknown,
    /// Who sends the first request of a trace.
    User,
}

/// One call between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hop {
    /// Who called.
    pub source: End,
    /// Who was called.
    pub target: End,
    /// A span that says by which protocol.
    pub protocol: RoleId,
    /// The lane of the request where it arrived, or left if nobody saw that.
    pub lane: LaneId,
    /// The lane of the request where it left, where that is known.
    pub source_lane: LaneId,
    /// Whether it stayed in its lane.
    pub outcome: Outcome,
    /// How its ends are known.
    pub provenance: Provenance,
    /// Whether it failed for the caller or the callee.
    pub is_error: bool,
    /// What its calling half says about time.
    pub calling: Calling,
}

/// The calling half of a hop, by its place among the spans of the trace, where it says something about time. How long the callee took, or
/// the caller where nobody saw the callee, is the duration of the span that the hop belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calling {
    /// It is not known, or belongs to another hop.
    Unknown,
    /// It waited for the callee.
    Waited(u32),
    /// It sent a message, which this hop's span has taken.
    Sent(u32),
}

impl Calling {
    /// How long the caller waited, where the callee is known too.
    pub fn waited_ns(self, spans: &[KnownSpan]) -> Option<u64> {
        if let Self::Waited(call) = self { Some(spans[call as usize].duration_ns) } else { None }
    }

    /// How long a message lay; 0 where clocks disagree. `taken` is the hop's span.
    pub fn queueing_ns(self, spans: &[KnownSpan], taken: &KnownSpan) -> Option<u64> {
        let Self::Sent(call) = self else { return None };
        let sent = &spans[call as usize];
        let sent_unix_ns = sent.start_unix_ns.saturating_add(sent.duration_ns);
        Some(taken.start_unix_ns.saturating_sub(sent_unix_ns))
    }
}
