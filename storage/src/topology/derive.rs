//! Lanes and hops of one trace.
//!
//! The rules for spans of different services that meet are those of openzipkin's `DependencyLinker`: halves of a call may share one span id,
//! local spans between two calls are passed over, and what is missing is taken from what the other half says of it.

use laneway_proto::Lane;

use super::contribution::{Contribution, End, Hop};
use super::key::{Outcome, Provenance, Verdict};
use super::role::{KnownSpan, Role, RoleId, Roles};
use crate::model::SpanKind;

/// What each span contributes, given that these are all known spans of its trace. They must be ordered by start and span id, each once.
pub fn derive(spans: &[KnownSpan], roles: &Roles) -> Vec<Contribution> {
    let family = Family::of(spans, roles);
    let lanes = family.lanes();
    (0..spans.len())
        .map(|span| Contribution {
            lane: lanes[span].clone(),
            arrival: family.arrival(span, &lanes),
            departure: family.departure(span, &lanes),
        })
        .collect()
}

/// A trace with its parents looked up.
struct Family<'a> {
    spans: &'a [KnownSpan],
    roles: Vec<&'a Role>,
    parents: Vec<Option<usize>>,
    // Whether the callee of a call, or another call that it was made by, is known; and the first span that it led to in another service.
    answered: Vec<Answer>,
}

/// What became of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Nobody is known to have received it.
    Unknown,
    /// A call within the same service was made for it, which stands for it.
    Wraps,
    /// This span is the first that served it.
    Served(usize),
}

impl<'a> Family<'a> {
    fn of(spans: &'a [KnownSpan], roles: &'a Roles) -> Self {
        let roles: Vec<&Role> = spans.iter().map(|span| roles.get(span.role)).collect();
        let mut by_id: Vec<(u64, usize)> = spans.iter().map(|span| span.span_id).zip(0..).collect();
        by_id.sort_unstable();
        let of_id = |id: u64| {
            let first = by_id.partition_point(|&(other, _)| other < id);
            by_id[first..].iter().take_while(move |&&(other, _)| other == id).map(|&(_, span)| span)
        };
        let parents = (0..spans.len())
            .map(|span| {
                let role = roles[span];
                let is_half = |other: &usize| *other != span && roles[*other].is_call();
                // Of a call whose halves share an id, the serving half belongs to the calling half.
                let shared = of_id(spans[span].span_id).find(|other| role.is_served() && is_half(other));
                let parent = match spans[span].parent_span_id {
                    0 => None,
                    id => of_id(id).filter(|&other| other != span).min_by_key(|&other| {
                        let parent = roles[other];
                        let is_near = parent.place.service == role.place.service;
                        // A span belongs to the half that was recorded where it was, else to the one that served; a served one to the half
                        // that called.
                        if role.is_served() {
                            (!parent.is_call(), false)
                        } else {
                            (!is_near, parent.is_call())
                        }
                    }),
                };
                shared.or(parent)
            })
            .collect();
        let mut family = Self { spans, roles, parents, answered: Vec::new() };
        family.answered = family.answers();
        family
    }

    fn answers(&self) -> Vec<Answer> {
        let mut answers = vec![Answer::Unknown; self.spans.len()];
        for span in 0..self.spans.len() {
            let Some(parent) = self.parents[span] else { continue };
            if self.is_arrival(span, parent) {
                if !matches!(answers[parent], Answer::Served(_)) {
                    answers[parent] = Answer::Served(span);
                }
            } else if answers[parent] == Answer::Unknown && self.roles[span].is_call() {
                answers[parent] = Answer::Wraps;
            }
        }
        answers
    }

    fn crosses(&self, span: usize, parent: usize) -> bool {
        self.roles[span].place.service != self.roles[parent].place.service
    }

    fn is_arrival(&self, span: usize, parent: usize) -> bool {
        self.crosses(span, parent) || self.roles[span].is_served() && self.roles[parent].is_call()
    }

    /// The lane of every span: its own, else that of the nearest ancestor that names one, else of the caller that it names, else the baseline.
    fn lanes(&self) -> Vec<Lane> {
        let mut lanes: Vec<Option<Lane>> = self.roles.iter().map(|role| role.lane.clone()).collect();
        let mut path = Vec::new();
        for span in 0..lanes.len() {
            let mut at = span;
            let lane = loop {
                if let Some(lane) = &lanes[at] {
                    break lane.clone();
                }
                path.push(at);
                match self.parents[at] {
                    // Spans that are each other's ancestors name no lane.
                    Some(parent) if path.len() <= lanes.len() => at = parent,
                    Some(_) => break Lane::base(),
                    None => {
                        let caller = self.roles[at].caller.as_ref();
                        break caller.map_or_else(Lane::base, |caller| caller.lane.clone());
                    }
                }
            };
            for passed in path.drain(..) {
                lanes[passed] = Some(lane.clone());
            }
        }
        lanes.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// The span with which the request entered the service that recorded this one.
    fn entered(&self, span: usize) -> usize {
        let mut at = span;
        for _ in 0..self.spans.len() {
            match self.parents[at] {
                Some(parent) if !self.roles[at].is_served() && !self.crosses(at, parent) => at = parent,
                _ => break,
            }
        }
        at
    }

    fn end(&self, span: usize) -> End {
        End::Span { at: self.role(span), entered: self.role(self.entered(span)) }
    }

    fn role(&self, span: usize) -> RoleId {
        self.spans[span].role
    }

    fn has_queue(&self, span: usize) -> bool {
        self.roles[span].peer.as_ref().is_some_and(|peer| peer.is_queue())
    }

    /// The hop that ends with this span.
    fn arrival(&self, span: usize, lanes: &[Lane]) -> Option<Hop> {
        let role = self.roles[span];
        let parent = self.parents[span];
        let (source, source_lane, provenance) = match (parent, &role.caller) {
            (Some(parent), _) if !self.is_arrival(span, parent) => return None,
            (Some(parent), None) => (self.end(parent), Some(&lanes[parent]), Provenance::Matched),
            (_, Some(caller)) => (End::Caller(self.role(span)), Some(&caller.lane), Provenance::Declared),
            (None, None) if !role.is_served() => return None,
            (None, None) => {
                let names_caller = role.kind == SpanKind::Server
                    && role.peer.as_ref().is_some_and(|peer| peer.node.is_some());
                let source = match self.spans[span].parent_span_id {
                    _ if names_caller => End::Peer(self.role(span)),
                    0 if role.kind == SpanKind::Server => End::User,
                    _ => End::Unknown,
                };
                (source, None, Provenance::OneSided)
            }
        };
        let call = parent.filter(|&parent| self.roles[parent].is_call());
        let first = call.filter(|&call| self.answered[call] == Answer::Served(span));
        let is_message = role.kind == SpanKind::Consumer
            || call.is_some_and(|call| self.roles[call].kind == SpanKind::Producer);
        // A message comes from its queue; that it went there is the producer's to say.
        let queue = [Some(span), call].into_iter().flatten().find(|&end| is_message && self.has_queue(end));
        let lane = lanes[span].clone();
        Some(Hop {
            source: queue.map_or(source, |queue| End::Peer(self.role(queue))),
            target: self.end(span),
            protocol: self.role(self.speaks(span, call)),
            outcome: Outcome::of(source_lane, &lane, &role.place.lane),
            source_lane: source_lane.unwrap_or(&lane).clone(),
            lane,
            provenance,
            is_error: role.is_error() || first.is_some_and(|call| self.roles[call].is_error()),
            duration_ns: self.spans[span].duration_ns,
            client_duration_ns: first.filter(|_| !is_message).map(|call| self.spans[call].duration_ns),
            queueing_ns: call.filter(|_| is_message).map(|call| {
                let sent = &self.spans[call];
                let sent_unix_ns = sent.start_unix_ns.saturating_add(sent.duration_ns);
                self.spans[span].start_unix_ns.saturating_sub(sent_unix_ns)
            }),
        })
    }

    /// The hop that begins with this span and ends with something that was not traced.
    fn departure(&self, span: usize, lanes: &[Lane]) -> Option<Hop> {
        let role = self.roles[span];
        let peer = role.peer.as_ref().filter(|peer| role.is_call() && peer.node.is_some())?;
        // To a queue, a message goes whoever takes it from there.
        let is_message = role.kind == SpanKind::Producer && peer.is_queue();
        if !is_message && self.answered[span] != Answer::Unknown {
            return None;
        }
        let lane = lanes[span].clone();
        Some(Hop {
            source: self.end(span),
            target: End::Peer(self.role(span)),
            protocol: self.role(span),
            source_lane: lane.clone(),
            lane,
            outcome: if peer.is_strict_miss { Outcome::Verdict(Verdict::StrictMiss) } else { Outcome::None },
            provenance: Provenance::OneSided,
            is_error: role.is_error(),
            duration_ns: self.spans[span].duration_ns,
            client_duration_ns: None,
            queueing_ns: None,
        })
    }

    /// Of a serving span and the call that it serves, one that says by which protocol.
    fn speaks(&self, span: usize, call: Option<usize>) -> usize {
        let says = |&end: &usize| self.roles[end].peer.as_ref().is_some_and(|peer| !peer.protocol.is_empty());
        [Some(span), call].into_iter().flatten().find(says).unwrap_or(span)
    }
}
