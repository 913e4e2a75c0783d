//! By what figures are kept apart.

use std::sync::Arc;

use laneway_proto::Lane;

use super::node::Node;
use super::roles::LaneId;
use crate::model::{SpanKind, StatusCode};

/// Spans that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedKey {
    /// `service.name`.
    pub service: Arc<str>,
    /// The span's name.
    pub operation: Arc<str>,
    /// Its role in a call.
    pub kind: SpanKind,
    /// Its outcome.
    pub status: StatusCode,
    /// Whether a request enters its service with it: see [`Span::is_entry`](crate::model::Span::is_entry).
    pub is_entry: bool,
    /// Its request lane, inherited where it names none.
    pub lane: Lane,
    /// Its service instance; may be empty.
    pub instance: Arc<str>,
    /// The lane that the instance serves.
    pub instance_lane: Lane,
}

/// What an edge says of its ends beside their nodes. Every hop is counted once at each level: their product would be too many edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeLevel {
    /// [`EdgeSide::detail`] is an instance. The edges between services are the sums of these.
    Instance,
    /// [`EdgeSide::detail`] is an operation: the name of the span with which the request entered the service.
    Operation,
}

/// One end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeSide {
    /// The node.
    pub node: Node,
    /// The instance or operation; empty where it is not known, or the node is no service.
    pub detail: Arc<str>,
    /// The lane that the instance serves; the baseline where the node is no service.
    pub instance_lane: Lane,
}

/// Hops that are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeKey {
    /// Which detail the ends have.
    pub level: EdgeLevel,
    /// Who called.
    pub source: EdgeSide,
    /// Who was called.
    pub target: EdgeSide,
    /// `http`, `grpc`, the name of a database or messaging system, or empty where it is not known.
    pub protocol: Arc<str>,
    /// The lane of the request where it arrived; where it left, if nobody saw it arrive.
    pub lane: Lane,
    /// The lane of the request where it left, or arrived if nobody saw it leave. Differs from `lane` only where it changed on the way.
    pub source_lane: Lane,
    /// Whether the request stayed in its lane.
    pub outcome: Outcome,
    /// How both ends are known.
    pub provenance: Provenance,
}

impl EdgeKey {
    /// Whether these are hops of requests of this lane: those that arrived in it, and those that left in it and lost it. So a hop to or
    /// from another lane is no hop of the baseline.
    pub fn is_of(&self, lane: &Lane) -> bool {
        if lane.is_base() {
            self.lane.is_base() && self.source_lane.is_base()
        } else {
            self.lane == *lane || self.source_lane == *lane
        }
    }
}

/// How the ends of an edge are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provenance {
    /// The callee's span names its caller.
    Declared,
    /// The spans of both were found.
    Matched,
    /// Only one of them was traced, or has arrived so far.
    OneSided,
}

impl Provenance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Declared, Self::Matched, Self::OneSided];

    /// As it stands in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Matched => "matched",
            Self::OneSided => "one_sided",
        }
    }
}

/// What a hop itself shows of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The target is no service instance, so nothing can be said.
    None,
    /// This verdict, whatever else becomes known.
    Verdict(Verdict),
    /// A request of a lane on an instance of the baseline: [`Verdict::Fallback`] or [`Verdict::Misroute`], which depends on the instances
    /// that exist: see [`Presence`](super::Presence). Never part of an answer.
    ToBaseline,
}

/// Whether a request stayed in its lane on a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// A request of a lane reached an instance of that lane.
    InLane,
    /// A request of the baseline reached an instance of the baseline.
    Baseline,
    /// A request of a lane reached an instance of the baseline, and the callee has none of that lane.
    Fallback,
    /// The same, but the callee has one.
    Misroute,
    /// A request of a lane reached an instance of another lane.
    Crossover,
    /// A request of the baseline reached an instance of a lane.
    Contamination,
    /// The request left in a lane, and arrived without one. Wins over all others.
    Lost,
    /// The request was not sent, because the callee has no instance of its lane and the baseline was not wanted.
    StrictMiss,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::InLane,
        Self::Baseline,
        Self::Fallback,
        Self::Misroute,
        Self::Crossover,
        Self::Contamination,
        Self::Lost,
        Self::StrictMiss,
    ];

    /// As it stands in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InLane => "in_lane",
            Self::Baseline => "baseline",
            Self::Fallback => "fallback",
            Self::Misroute => "misroute",
            Self::Crossover => "crossover",
            Self::Contamination => "contamination",
            Self::Lost => "lost",
            Self::StrictMiss => "strict_miss",
        }
    }
}

impl Outcome {
    /// Of a request that left in `source_lane`, where that is known, and arrived in `lane` at an instance that serves `instance_lane`.
    pub fn of(source_lane: Option<LaneId>, lane: LaneId, instance_lane: LaneId) -> Self {
        let verdict = if lane.is_base() {
            match source_lane {
                Some(source) if !source.is_base() => Verdict::Lost,
                _ if instance_lane.is_base() => Verdict::Baseline,
                _ => Verdict::Contamination,
            }
        } else if lane == instance_lane {
            Verdict::InLane
        } else if instance_lane.is_base() {
            return Self::ToBaseline;
        } else {
            Verdict::Crossover
        };
        Self::Verdict(verdict)
    }

    /// Whether somebody may want to see such a hop.
    pub(crate) fn stands_out(self) -> bool {
        !matches!(self, Self::None | Self::Verdict(Verdict::InLane | Verdict::Baseline))
    }
}
