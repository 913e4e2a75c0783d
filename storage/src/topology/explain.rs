//! The lanes and hops of one trace, for whoever looks at it.

use laneway_proto::{Lane, SpanId};

use super::batch::known_spans;
use super::contribution::Hop;
use super::derive::derive;
use super::key::{EdgeLevel, EdgeSide, Outcome, Provenance, Verdict};
use super::numbering::side;
use super::presence::Presence;
use super::roles::Roles;
use crate::model::Span;

/// What was derived of a span from its trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedSpan {
    /// Its id; both halves of a call may have the same.
    pub span_id: SpanId,
    /// Its start, in nanoseconds since the Unix epoch, which tells such halves apart.
    pub start_unix_ns: u64,
    /// Its request lane.
    pub lane: Lane,
    /// The hop that ends with it, and the one that begins with it and ends with something that was not traced.
    pub hops: Vec<ExplainedHop>,
}

/// One call between two nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedHop {
    /// Who called; its detail is an operation.
    pub source: EdgeSide,
    /// Who was called.
    pub target: EdgeSide,
    /// The lane of the request where it left.
    pub source_lane: Lane,
    /// The lane of the request where it arrived.
    pub lane: Lane,
    /// Whether it stayed in its lane; `None` where the target is no service instance.
    pub verdict: Option<Verdict>,
    /// How its ends are known.
    pub provenance: Provenance,
}

/// The lanes and hops of these spans, which are all known ones of their trace, by start. `presence` covers their time, and
/// [`PRESENCE_WINDOW`](super::PRESENCE_WINDOW) before.
pub fn explain(spans: &[Span], presence: &Presence) -> Vec<ExplainedSpan> {
    let mut roles = Roles::default();
    let mut explained = Vec::with_capacity(spans.len());
    for known in known_spans(spans, &mut roles).into_values() {
        for (span, contribution) in known.iter().zip(derive(&known, &roles)) {
            let Some(span_id) = SpanId::from_bytes(span.span_id.to_be_bytes()) else { continue };
            let time_s = span.start_unix_ns / 1_000_000_000;
            let hops = [contribution.arrival, contribution.departure].into_iter().flatten();
            explained.push(ExplainedSpan {
                span_id,
                start_unix_ns: span.start_unix_ns,
                lane: roles.lane(contribution.lane).clone(),
                hops: hops.map(|hop| explain_hop(hop, &roles, presence, time_s)).collect(),
            });
        }
    }
    explained
}

fn explain_hop(hop: Hop, roles: &Roles, presence: &Presence, time_s: u64) -> ExplainedHop {
    let target = side(roles, hop.target, EdgeLevel::Operation);
    ExplainedHop {
        source: side(roles, hop.source, EdgeLevel::Operation),
        verdict: match hop.outcome {
            Outcome::None => None,
            Outcome::Verdict(verdict) => Some(verdict),
            Outcome::ToBaseline => Some(presence.judge(&target.node.name, roles.lane(hop.lane), time_s)),
        },
        target,
        source_lane: roles.lane(hop.source_lane).clone(),
        lane: roles.lane(hop.lane).clone(),
        provenance: hop.provenance,
    }
}
