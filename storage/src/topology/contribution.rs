//! What one span adds to figures.

use super::key::{Outcome, Provenance};
use super::role::RoleId;
use super::roles::LaneId;

/// What one span adds to figures, given the spans of its trace that are known.
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
    /// How long the callee took, or else the caller waited.
    pub duration_ns: u64,
    /// How long the caller waited, where the callee is known too.
    pub client_duration_ns: Option<u64>,
    /// How long a message lay.
    pub queueing_ns: Option<u64>,
}
