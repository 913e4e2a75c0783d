//! Lanes and hops of one trace.
//!
//! The rules for spans of different services that meet are those of openzipkin's `DependencyLinker`: halves of a call may share one span id,
//! local spans between two calls are passed over, and what is missing is taken from what the other half says of it.

use super::by_id::ById;
use super::contribution::{Calling, Contribution, End, Hop};
use super::key::{Outcome, Provenance, Verdict};
use super::role::{KnownSpan, RoleId};
use super::roles::{LaneId, Marks, Roles};
use super::shape::{Link, Parent};
use crate::model::SpanKind;

/// Derives contributions, trace after trace, in the same memory.
#[derive(Debug, Default)]
pub struct Deriver {
    by_id: ById,
    // By span.
    links: Vec<Link>,
    kin: Vec<Kin>,
    path: Vec<u32>,
}

/// A span among those of its trace, which are named by their places.
#[derive(Debug, Clone, Copy)]
struct Kin {
    parent: Option<u32>,
    answer: Answer,
    lane: Option<LaneId>,
    /// The span with which the request entered the service that recorded this one, once somebody has asked.
    entered: Option<u32>,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Nobody is known to have received it.
    Unknown,
    /// A call within the same service was made for it, which stands for it.
    Wraps,
    /// This span is the first that served it.
    Served(u32),
}

impl Deriver {
    /// What each span contributes, given that these are all known spans of its trace. They must be ordered by start and span id, each once.
    pub fn derive(&mut self, spans: &[KnownSpan], roles: &Roles, contributions: &mut Vec<Contribution>) {
        self.relate(spans);
        self.derive_related(spans, roles, contributions);
    }

    /// The first step: looks which span is whose parent. Returns the shape of the trace, which contributions are a function of, or `None` if
    /// spans share an id: then it takes roles to tell who belongs to whom.
    pub(super) fn relate(&mut self, spans: &[KnownSpan]) -> Option<&[Link]> {
        self.by_id.index(spans);
        self.links.clear();
        if self.by_id.are_shared() {
            return None;
        }
        for (place, span) in spans.iter().enumerate() {
            let parent = match span.parent_span_id {
                0 => Parent::None,
                id if id == span.span_id => Parent::Missing,
                // Mostly, a span is followed by its first child.
                id if place > 0 && id == spans[place - 1].span_id => Parent::At(place as u32 - 1),
                id => self.by_id.first(spans, id).map_or(Parent::Missing, Parent::At),
            };
            self.links.push(Link::new(span.role, parent));
        }
        self.shape()
    }

    /// The shape of the trace whose spans were related last, as [`relate`](Self::relate) said.
    pub(super) fn shape(&self) -> Option<&[Link]> {
        (!self.by_id.are_shared()).then_some(&self.links)
    }

    /// The second step, for the spans that were related last.
    pub(super) fn derive_related(
        &mut self,
        spans: &[KnownSpan],
        roles: &Roles,
        contributions: &mut Vec<Contribution>,
    ) {
        contributions.clear();
        self.kin.clear();
        let mut family =
            Family { spans, roles, by_id: &self.by_id, kin: &mut self.kin, path: &mut self.path };
        family.find_parents(&self.links);
        family.find_answers();
        family.find_lanes();
        for span in 0..spans.len() {
            let arrival = family.arrival(span);
            let departure = family.departure(span);
            contributions.push(Contribution { lane: family.lane(span), arrival, departure });
        }
    }
}

/// What each span contributes: see [`Deriver::derive`].
pub fn derive(spans: &[KnownSpan], roles: &Roles) -> Vec<Contribution> {
    let mut contributions = Vec::with_capacity(spans.len());
    Deriver::default().derive(spans, roles, &mut contributions);
    contributions
}

struct Family<'a> {
    spans: &'a [KnownSpan],
    roles: &'a Roles,
    by_id: &'a ById,
    kin: &'a mut Vec<Kin>,
    path: &'a mut Vec<u32>,
}

impl<'a> Family<'a> {
    fn marks(&self, span: usize) -> &'a Marks {
        self.roles.marks(self.spans[span].role)
    }

    fn role(&self, span: usize) -> RoleId {
        self.spans[span].role
    }

    fn parent(&self, span: usize) -> Option<usize> {
        self.kin[span].parent.map(|parent| parent as usize)
    }

    fn lane(&self, span: usize) -> LaneId {
        self.kin[span].lane.unwrap_or(LaneId::BASE)
    }

    /// `links` are those of spans of different ids; there are none where some have the same.
    fn find_parents(&mut self, links: &[Link]) {
        if self.by_id.are_shared() {
            for span in 0..self.spans.len() {
                let parent = self.parent_among_halves(span);
                self.push_kin(span, parent);
            }
            return;
        }
        for (span, link) in links.iter().enumerate() {
            let parent = match link.parent() {
                Parent::At(place) => Some(place),
                Parent::None | Parent::Missing => None,
            };
            self.push_kin(span, parent);
        }
    }

    fn push_kin(&mut self, span: usize, parent: Option<u32>) {
        let lane = self.marks(span).lane;
        self.kin.push(Kin { parent, answer: Answer::Unknown, lane, entered: None });
    }

    fn parent_among_halves(&self, span: usize) -> Option<u32> {
        let of_id = |id| self.by_id.all(self.spans, id).filter(move |&other| other as usize != span);
        let marks = self.marks(span);
        // Of a call whose halves share an id, the serving half belongs to the calling half.
        let is_half = |&other: &u32| marks.is_served() && self.marks(other as usize).is_call();
        let shared = of_id(self.spans[span].span_id).find(is_half);
        let parent = match self.spans[span].parent_span_id {
            0 => None,
            id => of_id(id).min_by_key(|&other| {
                let parent = self.marks(other as usize);
                // A span belongs to the half that was recorded where it was, else to the one that served; a served one to the half
                // that called.
                if marks.is_served() {
                    (!parent.is_call(), false)
                } else {
                    (parent.name != marks.name, parent.is_call())
                }
            }),
        };
        shared.or(parent)
    }

    fn find_answers(&mut self) {
        for span in 0..self.spans.len() {
            let Some(parent) = self.parent(span) else { continue };
            let is_arrival = self.is_arrival(span, parent);
            let is_call = self.marks(span).is_call();
            let answer = &mut self.kin[parent].answer;
            if is_arrival {
                if !matches!(answer, Answer::Served(_)) {
                    *answer = Answer::Served(span as u32);
                }
            } else if *answer == Answer::Unknown && is_call {
                *answer = Answer::Wraps;
            }
        }
    }

    fn crosses(&self, span: usize, parent: usize) -> bool {
        self.marks(span).name != self.marks(parent).name
    }

    fn is_arrival(&self, span: usize, parent: usize) -> bool {
        self.crosses(span, parent) || self.marks(span).is_served() && self.marks(parent).is_call()
    }

    /// The lane of every span: its own, else that of the nearest ancestor that names one, else of the caller that it names, else the baseline.
    fn find_lanes(&mut self) {
        for span in 0..self.spans.len() {
            let mut at = span;
            let lane = loop {
                if let Some(lane) = self.kin[at].lane {
                    break lane;
                }
                self.path.push(at as u32);
                match self.parent(at) {
                    // Spans that are each other's ancestors name no lane.
                    Some(parent) if self.path.len() <= self.spans.len() => at = parent,
                    Some(_) => break LaneId::BASE,
                    None => break self.marks(at).calling_lane,
                }
            };
            for passed in self.path.drain(..) {
                self.kin[passed as usize].lane = Some(lane);
            }
        }
    }

    /// The span with which the request entered the service that recorded this one.
    fn entered(&mut self, span: usize) -> usize {
        let mut at = span;
        let entered = loop {
            if let Some(entered) = self.kin[at].entered {
                break entered;
            }
            self.path.push(at as u32);
            match self.parent(at) {
                Some(parent)
                    if self.path.len() <= self.spans.len()
                        && !self.marks(at).is_served()
                        && !self.crosses(at, parent) =>
                {
                    at = parent;
                }
                _ => break at as u32,
            }
        };
        for passed in self.path.drain(..) {
            self.kin[passed as usize].entered = Some(entered);
        }
        entered as usize
    }

    fn end(&mut self, span: usize) -> End {
        let entered = self.entered(span);
        End::Span { at: self.role(span), entered: self.role(entered) }
    }

    /// The hop that ends with this span.
    fn arrival(&mut self, span: usize) -> Option<Hop> {
        let marks = self.marks(span);
        let parent = self.parent(span);
        let (source, source_lane, provenance) = match parent {
            Some(parent) if !self.is_arrival(span, parent) => return None,
            Some(parent) if !marks.has_caller() => {
                (self.end(parent), Some(self.lane(parent)), Provenance::Matched)
            }
            _ if marks.has_caller() => {
                (End::Caller(self.role(span)), Some(marks.calling_lane), Provenance::Declared)
            }
            _ if !marks.is_served() => return None,
            _ => {
                let is_server = marks.kind == SpanKind::Server;
                let source = match self.spans[span].parent_span_id {
                    _ if is_server && marks.has_node => End::Peer(self.role(span)),
                    0 if is_server => End::User,
                    _ => End::Unknown,
                };
                (source, None, Provenance::OneSided)
            }
        };
        let call = parent.filter(|&parent| self.marks(parent).is_call());
        let first = call.filter(|&call| self.kin[call].answer == Answer::Served(span as u32));
        let is_message = marks.kind == SpanKind::Consumer
            || call.is_some_and(|call| self.marks(call).kind == SpanKind::Producer);
        // A message comes from its queue; that it went there is the producer's to say.
        let queue =
            [Some(span), call].into_iter().flatten().find(|&end| is_message && self.marks(end).is_queue);
        let lane = self.lane(span);
        Some(Hop {
            source: queue.map_or(source, |queue| End::Peer(self.role(queue))),
            target: self.end(span),
            protocol: self.role(self.speaks(span, call)),
            outcome: Outcome::of(source_lane, lane, marks.serves),
            source_lane: source_lane.unwrap_or(lane),
            lane,
            provenance,
            is_error: marks.is_error || first.is_some_and(|call| self.marks(call).is_error),
            calling: match (call, first) {
                (Some(call), _) if is_message => Calling::Sent(call as u32),
                (_, Some(call)) => Calling::Waited(call as u32),
                _ => Calling::Unknown,
            },
        })
    }

    /// The hop that begins with this span and ends with something that was not traced.
    fn departure(&mut self, span: usize) -> Option<Hop> {
        let marks = self.marks(span);
        if !marks.is_call() || !marks.has_node {
            return None;
        }
        // To a queue, a message goes whoever takes it from there.
        let is_message = marks.kind == SpanKind::Producer && marks.is_queue;
        if !is_message && self.kin[span].answer != Answer::Unknown {
            return None;
        }
        let lane = self.lane(span);
        Some(Hop {
            source: self.end(span),
            target: End::Peer(self.role(span)),
            protocol: self.role(span),
            source_lane: lane,
            lane,
            outcome: if marks.is_strict_miss { Outcome::Verdict(Verdict::StrictMiss) } else { Outcome::None },
            provenance: Provenance::OneSided,
            is_error: marks.is_error,
            calling: Calling::Unknown,
        })
    }

    /// Of a serving span and the call that it serves, one that says by which protocol.
    fn speaks(&self, span: usize, call: Option<usize>) -> usize {
        let says = |&end: &usize| self.marks(end).has_protocol;
        [Some(span), call].into_iter().flatten().find(says).unwrap_or(span)
    }
}
