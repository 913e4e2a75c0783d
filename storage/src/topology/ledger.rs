//! Sums of contributions, while they are made.

use laneway_proto::TraceId;

use super::admission::Admission;
use super::cells::Cells;
use super::contribution::{Contribution, Hop};
use super::derive::Deriver;
use super::figures::{EdgeFigures, Exemplars, RedFigures, Resolution, TraceAt};
use super::numbering::Numbering;
use super::presence::Presence;
use super::role::{KnownSpan, RoleId};
use super::roles::Roles;
use super::totals::Totals;
use crate::query::Counters;

/// Sums of contributions, in buckets of ten seconds. A ledger belongs to the [`Roles`] of its spans.
#[derive(Debug, Default)]
pub struct Ledger {
    numbering: Numbering,
    // The minute in which each role was last seen serving, behind which 1 is added: 0 is never.
    seen: Vec<u64>,
    // Added up at the end, key by key: what is added one by one all over the place mostly waits for memory.
    red: Vec<RedEntry>,
    hops: Vec<HopEntry>,
    traces: Vec<TraceId>,
    presence: Presence,
    scratch: Scratch,
}

/// Memory that is used again.
#[derive(Debug, Default)]
struct Scratch {
    deriver: Deriver,
    before: Vec<Contribution>,
    now: Vec<Contribution>,
}

/// What a span or hop adds to the figures of its key.
#[derive(Debug, Clone, Copy)]
struct Entry {
    // Its place among the traces of the ledger.
    trace: u32,
    // The start of its bucket, in units of its width.
    bucket: u32,
    times: i64,
    start_unix_ns: u64,
    duration_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct RedEntry {
    key: u32,
    is_error: bool,
    entry: Entry,
}

#[derive(Debug, Clone, Copy)]
struct HopEntry {
    keys: [u32; 2],
    is_error: bool,
    stands_out: bool,
    entry: Entry,
    client_duration_ns: Option<u64>,
    queueing_ns: Option<u64>,
}

const BUCKET_S: u64 = Resolution::FINEST.seconds() as u64;

impl Ledger {
    /// A ledger that keeps no more different keys than this admits; the rest is counted together, with [`OTHER`](super::OTHER) as detail or
    /// operation.
    pub fn bounded(admission: Admission) -> Self {
        Self { numbering: Numbering::bounded(admission), ..Self::default() }
    }

    /// It is now this minute, counted from anywhere.
    pub fn set_minute(&mut self, minute: u32) {
        self.numbering.set_minute(minute);
    }

    /// Forgets everything that belongs to the roles so far.
    pub fn forget_roles(&mut self) {
        self.numbering.renew();
        self.seen.clear();
    }

    /// Adds what has changed in a trace: of `before`, spans were known; now `all` are, of which those are some. Both are ordered by start and
    /// span id, each once.
    pub fn add_trace(&mut self, roles: &Roles, trace_id: TraceId, before: &[KnownSpan], all: &[KnownSpan]) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.deriver.derive(all, roles, &mut scratch.now);
        scratch.deriver.derive(before, roles, &mut scratch.before);
        self.traces.push(trace_id);
        let mut earlier = before.iter().zip(&scratch.before).peekable();
        for (span, contribution) in all.iter().zip(&scratch.now) {
            match earlier.next_if(|(known, _)| is_same(known, span)) {
                Some((_, was)) if was == contribution => {}
                Some((_, was)) => {
                    self.add(roles, span, was, -1);
                    self.add(roles, span, contribution, 1);
                }
                None => self.add(roles, span, contribution, 1),
            }
        }
        self.scratch = scratch;
    }

    fn add(&mut self, roles: &Roles, span: &KnownSpan, contribution: &Contribution, sign: i64) {
        let time_s = span.start_unix_ns / 1_000_000_000;
        let entry = Entry {
            trace: self.traces.len() as u32 - 1,
            bucket: (time_s / BUCKET_S) as u32,
            times: sign * roles.weight(span.role, span.span_id),
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns,
        };
        let marks = roles.marks(span.role);
        let is_entry = marks.is_served() || span.parent_span_id == 0;
        let key = self.numbering.red(roles, span.role, is_entry, contribution.lane);
        self.red.push(RedEntry { key, is_error: marks.is_error, entry });
        for hop in [&contribution.arrival, &contribution.departure].into_iter().flatten() {
            let Hop { is_error, duration_ns, client_duration_ns, queueing_ns, .. } = *hop;
            self.hops.push(HopEntry {
                keys: self.numbering.hop(roles, hop),
                is_error,
                stands_out: is_error || hop.outcome.stands_out(),
                entry: Entry { duration_ns, ..entry },
                client_duration_ns,
                queueing_ns,
            });
        }
        if marks.is_served() && !marks.serves.is_base() {
            self.see(roles, span.role, time_s);
        }
    }

    fn see(&mut self, roles: &Roles, role: RoleId, time_s: u64) {
        let minute = time_s / u64::from(Resolution::Minute.seconds()) + 1;
        if self.seen.len() < roles.len() {
            self.seen.resize(roles.len(), 0);
        }
        let seen = &mut self.seen[role.0 as usize];
        if *seen != minute {
            *seen = minute;
            let place = &roles.get(role).place;
            self.presence.insert(&place.service, &place.lane, time_s);
        }
    }

    /// The sums, in buckets of ten seconds; the ledger is empty then, and may be used again.
    pub fn take_totals(&mut self) -> Totals {
        let (red_keys, edge_keys) = self.numbering.keys();
        let traces = &self.traces;
        let mut durations = Durations::default();
        let mut red = Cells::default();
        add_up(
            &self.red,
            red_keys.len(),
            |entry| (entry.key, entry.entry.bucket),
            |at, entries| {
                red.push(at, durations.sum_of_spans(traces, entries));
            },
        );
        // Both levels number their keys together.
        let mut edges = Cells::default();
        let mut levels = Vec::with_capacity(self.hops.len() * 2);
        self.hops.iter().for_each(|hop| levels.extend(hop.keys.map(|key| Leveled { key, hop })));
        add_up(
            &levels,
            edge_keys.len(),
            |edge| (edge.key, edge.hop.entry.bucket),
            |at, entries| {
                edges.push(at, durations.sum_of_hops(traces, entries));
            },
        );
        let presence = std::mem::take(&mut self.presence);
        self.seen.clear();
        self.red.clear();
        self.hops.clear();
        self.traces.clear();
        Totals { red_keys, edge_keys, red, edges, presence }
    }
}

/// A hop at one level.
#[derive(Clone, Copy)]
struct Leveled<'a> {
    key: u32,
    hop: &'a HopEntry,
}

/// Durations of the spans or hops that are being added up.
#[derive(Debug, Default)]
struct Durations {
    own: Counters,
    client: Counters,
    queueing: Counters,
}

impl Durations {
    fn sum_of_spans(&mut self, traces: &[TraceId], entries: &[&RedEntry]) -> RedFigures {
        let mut figures = RedFigures::default();
        for RedEntry { entry, is_error, .. } in entries {
            figures.spans += entry.times;
            self.own.record_times(entry.duration_ns, entry.times);
            entry.name_trace(traces, true, *is_error, &mut figures.exemplars);
        }
        RedFigures { duration_ns: self.own.take(), ..figures }
    }

    fn sum_of_hops(&mut self, traces: &[TraceId], entries: &[&Leveled<'_>]) -> EdgeFigures {
        let mut figures = EdgeFigures::default();
        for Leveled { hop, .. } in entries {
            let times = hop.entry.times;
            figures.hops += times;
            figures.errors += times * i64::from(hop.is_error);
            self.own.record_times(hop.entry.duration_ns, times);
            if let Some(duration_ns) = hop.client_duration_ns {
                self.client.record_times(duration_ns, times);
            }
            if let Some(queueing_ns) = hop.queueing_ns {
                self.queueing.record_times(queueing_ns, times);
            }
            hop.entry.name_trace(traces, hop.stands_out, hop.stands_out, &mut figures.exemplars);
        }
        EdgeFigures {
            duration_ns: self.own.take(),
            client_duration_ns: self.client.take(),
            queueing_ns: self.queueing.take(),
            ..figures
        }
    }
}

impl Entry {
    /// Names its trace as an example, as a slow one and as the newest only where those are wanted: ids take more space than all other
    /// figures.
    fn name_trace(&self, traces: &[TraceId], if_slow: bool, if_newest: bool, exemplars: &mut Exemplars) {
        let is_slower = if_slow && exemplars.slowest.is_none_or(|slowest| slowest.at_ns <= self.duration_ns);
        if self.times <= 0 || !(is_slower || if_newest) {
            return;
        }
        let trace_id = traces[self.trace as usize];
        let at = |at_ns| Some(TraceAt { at_ns, trace_id });
        let newest = at(self.start_unix_ns).filter(|_| if_newest);
        let slowest = at(self.duration_ns).filter(|_| if_slow);
        exemplars.merge(&Exemplars { slowest, newest });
    }
}

/// Calls `add` with the entries of each key and bucket of time, in this order.
fn add_up<'e, E>(
    entries: &'e [E],
    keys: usize,
    place: impl Fn(&E) -> (u32, u32),
    mut add: impl FnMut((u32, u64), &[&'e E]),
) {
    // Keys are numbered without gaps, so counting sorts them.
    let mut ends = vec![0u32; keys + 1];
    entries.iter().for_each(|one| ends[place(one).0 as usize + 1] += 1);
    for key in 0..keys {
        ends[key + 1] += ends[key];
    }
    let mut sorted: Vec<Option<&E>> = vec![None; entries.len()];
    for one in entries {
        let end = &mut ends[place(one).0 as usize];
        sorted[*end as usize] = Some(one);
        *end += 1;
    }
    let mut sorted: Vec<&E> = sorted.into_iter().flatten().collect();
    for of_key in sorted.chunk_by_mut(|a, b| place(a).0 == place(b).0) {
        of_key.sort_by_key(|one| place(one).1);
        for of_bucket in of_key.chunk_by(|a, b| place(a).1 == place(b).1) {
            let (key, bucket) = place(of_bucket[0]);
            add((key, u64::from(bucket) * BUCKET_S), of_bucket);
        }
    }
}

/// Whether both are the same span, sent twice.
pub(crate) fn is_same(a: &KnownSpan, b: &KnownSpan) -> bool {
    (a.start_unix_ns, a.span_id) == (b.start_unix_ns, b.span_id)
}
