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
    red_numbers: Map<(RoleId, bool, u32), u32>,
    edge_numbers: Map<HopShape, u32>,
    // Lanes by number, which are few.
    lanes: Vec<Lane>,
    // The minute in which each role was last seen serving.
    seen: Map<RoleId, u64>,
    // Added up at the end, key by key: what is added one by one all over the place mostly waits for memory.
    red: Vec<RedEntry>,
    edges: Vec<EdgeEntry>,
    traces: Vec<TraceId>,
    totals: Totals,
    admission: Option<Admission>,
}

/// All of a hop that a key of a level is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct HopShape {
    level: EdgeLevel,
    source: EndShape,
    target: EndShape,
    protocol: u32,
    lane: u32,
    source_lane: u32,
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
    pub fn take_admission(&mut self) -> Admission {
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
        if self.traces.last() != Some(&trace_id) {
            self.traces.push(trace_id);
        }
        let entry = Entry {
            key: self.red_number(roles, span, &contribution.lane),
            trace: self.traces.len() as u32 - 1,
            bucket_s,
            times,
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns,
            stands_out: roles.get(span.role).is_error(),
        };
        self.red.push(RedEntry(entry));
        for hop in [&contribution.arrival, &contribution.departure].into_iter().flatten() {
            for level in [EdgeLevel::Instance, EdgeLevel::Operation] {
                let entry = Entry {
                    key: self.edge_number(roles, hop, level),
                    duration_ns: hop.duration_ns,
                    stands_out: hop.is_error || hop.outcome.stands_out(),
                    ..entry
                };
                let Hop { is_error, client_duration_ns, queueing_ns, .. } = *hop;
                self.edges.push(EdgeEntry { entry, is_error, client_duration_ns, queueing_ns });
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
        let shape = (span.role, is_entry, self.lane_number(lane));
        if let Some(&number) = self.red_numbers.get(&shape) {
            return number;
        }
        let named = (span.role, is_entry, lane);
        let is_admitted = self.admission.as_mut().is_none_or(|admission| admission.admit_red(&named));
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
            lane: self.lane_number(&hop.lane),
            source_lane: self.lane_number(&hop.source_lane),
            outcome: hop.outcome,
            provenance: hop.provenance,
        };
        if let Some(&number) = self.edge_numbers.get(&shape) {
            return number;
        }
        // Numbers of lanes mean nothing to another ledger.
        let named = (HopShape { lane: 0, source_lane: 0, ..shape }, &hop.lane, &hop.source_lane);
        let is_admitted = self.admission.as_mut().is_none_or(|admission| admission.admit_edge(level, &named));
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

    fn lane_number(&mut self, lane: &Lane) -> u32 {
        let known = self.lanes.iter().position(|known| known == lane);
        known.unwrap_or_else(|| {
            self.lanes.push(lane.clone());
            self.lanes.len() - 1
        }) as u32
    }

    /// The sums, in buckets of ten seconds.
    pub fn into_totals(self) -> Totals {
        let Self { red, edges, traces, mut totals, .. } = self;
        let (red_keys, edge_keys) = (totals.red_keys.iter().len(), totals.edge_keys.iter().len());
        add_up(
            &red,
            red_keys,
            |entry: &RedEntry| &entry.0,
            |key, bucket_s, entries| {
                let figures = totals.red_mut(key, bucket_s);
                figures
                    .duration_ns
                    .record_all(entries.iter().map(|&entry| (entry.0.duration_ns, entry.0.times)));
                for RedEntry(entry) in entries {
                    figures.spans += entry.times;
                    entry.name_trace(&traces, true, &mut figures.exemplars);
                }
            },
        );
        add_up(
            &edges,
            edge_keys,
            |entry: &EdgeEntry| &entry.entry,
            |key, bucket_s, entries| {
                let figures = totals.edge_mut(key, bucket_s);
                let all = || entries.iter().map(|edge| (edge, edge.entry.times));
                figures.duration_ns.record_all(all().map(|(edge, times)| (edge.entry.duration_ns, times)));
                let client = all().filter_map(|(edge, times)| Some((edge.client_duration_ns?, times)));
                figures.client_duration_ns.record_all(client);
                let queueing = all().filter_map(|(edge, times)| Some((edge.queueing_ns?, times)));
                figures.queueing_ns.record_all(queueing);
                for (edge, times) in all() {
                    figures.hops += times;
                    figures.errors += times * i64::from(edge.is_error);
                    edge.entry.name_trace(&traces, edge.entry.stands_out, &mut figures.exemplars);
                }
            },
        );
        totals
    }
}

/// What a span or hop adds to the figures of a key.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key: u32,
    // Its place among the traces of the ledger.
    trace: u32,
    bucket_s: u64,
    times: i64,
    start_unix_ns: u64,
    duration_ns: u64,
    stands_out: bool,
}

#[derive(Debug, Clone, Copy)]
struct RedEntry(Entry);

#[derive(Debug, Clone, Copy)]
struct EdgeEntry {
    entry: Entry,
    is_error: bool,
    client_duration_ns: Option<u64>,
    queueing_ns: Option<u64>,
}

impl Entry {
    /// Names its trace as an example; as a slow one only where those are wanted: ids take more space than all other figures.
    fn name_trace(&self, traces: &[TraceId], if_slow: bool, exemplars: &mut Exemplars) {
        let trace_id = traces[self.trace as usize];
        let at = |at_ns| Some(TraceAt { at_ns, trace_id });
        if self.times > 0 {
            let newest = at(self.start_unix_ns).filter(|_| self.stands_out);
            let slowest = at(self.duration_ns).filter(|_| if_slow);
            exemplars.merge(&Exemplars { slowest, newest });
        }
    }
}

/// Calls `add` with the entries of each key and bucket of time.
fn add_up<'e, E>(
    entries: &'e [E],
    keys: usize,
    entry: impl Fn(&E) -> &Entry,
    mut add: impl FnMut(u32, u64, &[&'e E]),
) {
    // Keys are numbered without gaps, so counting sorts them.
    let mut ends = vec![0u32; keys + 1];
    entries.iter().for_each(|one| ends[entry(one).key as usize + 1] += 1);
    for key in 0..keys {
        ends[key + 1] += ends[key];
    }
    let mut sorted: Vec<Option<&E>> = vec![None; entries.len()];
    for one in entries {
        let place = &mut ends[entry(one).key as usize];
        sorted[*place as usize] = Some(one);
        *place += 1;
    }
    let mut sorted: Vec<&E> = sorted.into_iter().flatten().collect();
    for of_key in sorted.chunk_by_mut(|a, b| entry(a).key == entry(b).key) {
        of_key.sort_by_key(|one| entry(one).bucket_s);
        for of_bucket in of_key.chunk_by(|a, b| entry(a).bucket_s == entry(b).bucket_s) {
            let Entry { key, bucket_s, .. } = *entry(of_bucket[0]);
            add(key, bucket_s, of_bucket);
        }
    }
}

/// Whether both are the same span, sent twice.
pub(crate) fn is_same(a: &KnownSpan, b: &KnownSpan) -> bool {
    (a.start_unix_ns, a.span_id) == (b.start_unix_ns, b.span_id)
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
