//! Sums of contributions, while they are made.

use std::sync::Arc;

use laneway_proto::{Lane, TraceId};

use super::admission::{Admission, OTHER};
use super::contribution::{Contribution, End, Hop};
use super::derive::derive;
use super::figures::{Exemplars, Resolution, TraceAt};
use super::key::{EdgeKey, EdgeLevel, EdgeSide, Outcome, Provenance, RedKey};
use super::node::{Node, NodeKind};
use super::role::{KnownSpan, Place, RoleId, Roles};
use super::totals::{Map, Totals};

/// The name of a caller that is not known.
const UNKNOWN: &str = "unknown";

/// Sums of contributions, in buckets of ten seconds. A ledger belongs to the [`Roles`] of its spans.
#[derive(Debug, Default)]
pub struct Ledger {
    // The numbers of keys, found by what it takes no effort to make of a span or hop.
    red_numbers: Map<(RoleId, bool, Lane), u32>,
    edge_numbers: Map<HopShape, u32>,
    // The minute in which each role was last seen serving.
    seen: Map<RoleId, u64>,
    totals: Totals,
    admission: Option<Admission>,
}

/// All of a hop that a key of a level is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct HopShape {
    level: EdgeLevel,
    source: EndShape,
    target: EndShape,
    protocol: u32,
    lane: Lane,
    source_lane: Lane,
    outcome: Outcome,
    provenance: Provenance,
}

/// All of an end that a key is made of: numbers of its [`Marks`](super::role::Marks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum EndShape {
    Instance(u32),
    Operation(u32, u32),
    Caller(u32),
    Peer(u32),
    Unknown,
    User,
}

impl Ledger {
    /// A ledger that keeps no more different keys than this admits; the rest is counted together, with [`OTHER`] as detail or operation.
    pub fn bounded(admission: Admission) -> Self {
        Self { admission: Some(admission), ..Self::default() }
    }

    /// Gives back what decides about keys.
    pub fn into_admission(&mut self) -> Admission {
        self.admission.take().unwrap_or_default()
    }

    /// Adds what has changed in a trace: of `before`, spans were known; now `fresh` ones are too. `all` is both, ordered by start and span
    /// id, each once.
    pub fn add_trace(&mut self, roles: &Roles, trace_id: TraceId, before: &[KnownSpan], all: &[KnownSpan]) {
        let now = derive(all, roles);
        let mut earlier = before.iter().zip(derive(before, roles)).peekable();
        for (span, contribution) in all.iter().zip(&now) {
            match earlier.next_if(|(known, _)| is_same(known, span)) {
                Some((_, was)) if was == *contribution => {}
                Some((_, was)) => {
                    self.add(roles, trace_id, span, &was, -1);
                    self.add(roles, trace_id, span, contribution, 1);
                }
                None => self.add(roles, trace_id, span, contribution, 1),
            }
        }
    }

    fn add(
        &mut self,
        roles: &Roles,
        trace_id: TraceId,
        span: &KnownSpan,
        contribution: &Contribution,
        sign: i64,
    ) {
        let times = sign * roles.get(span.role).weight(span.span_id);
        let time_s = span.start_unix_ns / 1_000_000_000;
        let bucket_s = Resolution::TenSeconds.floor_s(time_s);
        let key = self.red_number(roles, span, &contribution.lane);
        let is_error = roles.get(span.role).is_error();
        let figures = self.totals.red_mut(key, bucket_s);
        figures.spans += times;
        figures.duration_ns.record_times(span.duration_ns, times);
        if sign > 0 {
            figures.exemplars.merge(&exemplars(trace_id, span.duration_ns, span.start_unix_ns, is_error));
        }
        for hop in [&contribution.arrival, &contribution.departure].into_iter().flatten() {
            for level in [EdgeLevel::Instance, EdgeLevel::Operation] {
                let key = self.edge_number(roles, hop, level);
                let figures = self.totals.edge_mut(key, bucket_s);
                figures.hops += times;
                figures.errors += times * i64::from(hop.is_error);
                figures.duration_ns.record_times(hop.duration_ns, times);
                if let Some(client_ns) = hop.client_duration_ns {
                    figures.client_duration_ns.record_times(client_ns, times);
                }
                if let Some(queueing_ns) = hop.queueing_ns {
                    figures.queueing_ns.record_times(queueing_ns, times);
                }
                if sign > 0 {
                    let stands_out = hop.is_error || hop.outcome.stands_out();
                    let hints = exemplars(trace_id, hop.duration_ns, span.start_unix_ns, stands_out);
                    figures.exemplars.merge(&hints);
                }
            }
        }
        self.see(roles, span.role, time_s);
    }

    fn see(&mut self, roles: &Roles, role: RoleId, time_s: u64) {
        let minute = time_s / u64::from(Resolution::Minute.seconds()) + 1;
        if self.seen.insert(role, minute) == Some(minute) {
            return;
        }
        let role = roles.get(role);
        if role.is_served() {
            self.totals.presence.insert(&role.place.service, &role.place.lane, time_s);
        }
    }

    fn red_number(&mut self, roles: &Roles, span: &KnownSpan, lane: &Lane) -> u32 {
        let role = roles.get(span.role);
        let is_entry = role.is_served() || span.parent_span_id == 0;
        let shape = (span.role, is_entry, lane.clone());
        if let Some(&number) = self.red_numbers.get(&shape) {
            return number;
        }
        let is_admitted = self.admission.as_mut().is_none_or(|admission| admission.admit_red(&shape));
        let number = self.totals.number_red(RedKey {
            service: Arc::clone(&role.place.service),
            operation: if is_admitted { Arc::clone(&role.operation) } else { OTHER.into() },
            kind: role.kind,
            status: role.status,
            is_entry,
            lane: lane.clone(),
            instance: Arc::clone(&role.place.instance),
            instance_lane: role.place.lane.clone(),
        });
        self.red_numbers.insert(shape, number);
        number
    }

    fn edge_number(&mut self, roles: &Roles, hop: &Hop, level: EdgeLevel) -> u32 {
        let shape = HopShape {
            level,
            source: end_shape(roles, hop.source, level),
            target: end_shape(roles, hop.target, level),
            protocol: roles.marks(hop.protocol).protocol,
            lane: hop.lane.clone(),
            source_lane: hop.source_lane.clone(),
            outcome: hop.outcome,
            provenance: hop.provenance,
        };
        if let Some(&number) = self.edge_numbers.get(&shape) {
            return number;
        }
        let is_admitted = self.admission.as_mut().is_none_or(|admission| admission.admit_edge(level, &shape));
        let side = |end| {
            let side = side(roles, end, level);
            let is_other = !is_admitted && !side.detail.is_empty();
            if is_other { EdgeSide { detail: OTHER.into(), ..side } } else { side }
        };
        let protocol = roles.get(hop.protocol).peer.as_ref();
        let number = self.totals.number_edge(EdgeKey {
            level,
            source: side(hop.source),
            target: side(hop.target),
            protocol: protocol.map_or_else(|| "".into(), |peer| Arc::clone(&peer.protocol)),
            lane: hop.lane.clone(),
            source_lane: hop.source_lane.clone(),
            outcome: hop.outcome,
            provenance: hop.provenance,
        });
        self.edge_numbers.insert(shape, number);
        number
    }

    /// The sums so far, in buckets of ten seconds.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}

fn end_shape(roles: &Roles, end: End, level: EdgeLevel) -> EndShape {
    let is_instance = level == EdgeLevel::Instance;
    match end {
        End::Span { at, .. } if is_instance => EndShape::Instance(roles.marks(at).place),
        End::Span { at, entered } => {
            EndShape::Operation(roles.marks(at).service, roles.marks(entered).operation)
        }
        End::Caller(of) if is_instance => EndShape::Caller(roles.marks(of).caller),
        End::Caller(of) => {
            let (service, operation) = roles.marks(of).calling;
            EndShape::Operation(service, operation)
        }
        End::Peer(of) => EndShape::Peer(roles.marks(of).peer),
        End::Unknown => EndShape::Unknown,
        End::User => EndShape::User,
    }
}

/// Whether both are the same span, sent twice.
pub(crate) fn is_same(a: &KnownSpan, b: &KnownSpan) -> bool {
    (a.start_unix_ns, a.span_id) == (b.start_unix_ns, b.span_id)
}

fn exemplars(trace_id: TraceId, duration_ns: u64, start_unix_ns: u64, stands_out: bool) -> Exemplars {
    let at = |at_ns| Some(TraceAt { at_ns, trace_id });
    Exemplars { slowest: at(duration_ns), newest: at(start_unix_ns).filter(|_| stands_out) }
}

/// The end of a hop, at a level.
pub(super) fn side(roles: &Roles, end: End, level: EdgeLevel) -> EdgeSide {
    let service = |place: &Place, operation: &Arc<str>| EdgeSide {
        node: Node::service(Arc::clone(&place.service)),
        detail: Arc::clone(match level {
            EdgeLevel::Instance => &place.instance,
            EdgeLevel::Operation => operation,
        }),
        instance_lane: place.lane.clone(),
    };
    let bare = |node| EdgeSide { node, detail: "".into(), instance_lane: Lane::base() };
    let unknown = || bare(Node::new(NodeKind::External, UNKNOWN));
    match end {
        End::Span { at, entered } => service(&roles.get(at).place, &roles.get(entered).operation),
        End::Caller(of) => match &roles.get(of).caller {
            Some(caller) => service(&caller.place, &caller.operation),
            None => unknown(),
        },
        End::Peer(of) => match roles.get(of).peer.as_ref().and_then(|peer| peer.node.clone()) {
            Some(node) => bare(node),
            None => unknown(),
        },
        End::Unknown => unknown(),
        End::User => bare(Node::new(NodeKind::User, "user")),
    }
}
