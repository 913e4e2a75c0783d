//! What spans and hops add to the figures of their keys, until it is added up.

use std::sync::Arc;

use laneway_proto::TraceId;

use super::cells::Cells;
use super::figures::{EdgeFigures, Exemplars, RedFigures, Resolution, TraceAt};
use super::key::{EdgeKey, RedKey};
use super::keys::Keys;
use super::plans::{PlannedHop, PlannedSpan};
use super::presence::Presence;
use super::role::{KnownSpan, RoleId};
use super::roles::Roles;
use super::totals::Totals;
use crate::query::{Bucket, Counters};

/// What is to be added up, key by key: what is added one by one all over the place mostly waits for memory.
#[derive(Debug, Default)]
pub(super) struct Entries {
    // The minute in which each role was last seen serving, behind which 1 is added: 0 is never.
    seen: Vec<u64>,
    // The number of each one's key, which is looked at alone.
    red_keys: Vec<u32>,
    red: Vec<RedEntry>,
    // At each level.
    hop_keys: Vec<[u32; 2]>,
    hops: Vec<HopEntry>,
    traces: Vec<TraceId>,
    presence: Presence,
    by_key: ByKey,
}

/// What a span or hop adds to the figures of its key.
#[derive(Debug, Clone, Copy)]
struct Entry {
    // Its place among the traces of the ledger.
    trace: u32,
    // The start of its bucket of time, in units of its width.
    bucket: u32,
    times: i64,
    start_unix_ns: u64,
    duration_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct RedEntry {
    is_error: bool,
    duration: Bucket,
    entry: Entry,
}

#[derive(Debug, Clone, Copy)]
struct HopEntry {
    is_error: bool,
    stands_out: bool,
    duration: Bucket,
    client_duration: Option<Bucket>,
    queueing: Option<Bucket>,
    entry: Entry,
}

const BUCKET_S: u64 = Resolution::FINEST.seconds() as u64;

impl Entries {
    /// Forgets everything that belongs to the roles so far.
    pub(super) fn forget_roles(&mut self) {
        self.seen.clear();
    }

    /// What is added next is of this trace.
    pub(super) fn begin_trace(&mut self, id: TraceId) {
        self.traces.push(id);
    }

    /// Adds all spans of the trace that was begun last.
    pub(super) fn add_all(&mut self, roles: &Roles, spans: &[KnownSpan], plan: &[PlannedSpan]) {
        for (span, planned) in spans.iter().zip(plan) {
            self.add(roles, spans, span, planned, 1);
        }
    }

    /// Adds a span of the trace that was begun last, and its hops; takes them back where `sign` is -1.
    pub(super) fn add(
        &mut self,
        roles: &Roles,
        spans: &[KnownSpan],
        span: &KnownSpan,
        planned: &PlannedSpan,
        sign: i64,
    ) {
        let time_s = span.start_unix_ns / 1_000_000_000;
        let weight = if planned.is_sampled { roles.get(span.role).weight(span.span_id) } else { 1 };
        let entry = Entry {
            trace: self.traces.len() as u32 - 1,
            bucket: (time_s / BUCKET_S) as u32,
            times: sign * weight,
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns,
        };
        let duration = Bucket::of(span.duration_ns);
        self.red_keys.push(planned.red);
        self.red.push(RedEntry { is_error: planned.is_error, duration, entry });
        for hop in planned.hops.iter().flatten() {
            let PlannedHop { keys, is_error, stands_out, calling } = *hop;
            let client_duration = calling.waited_ns(spans).map(Bucket::of);
            let queueing = calling.queueing_ns(spans, span).map(Bucket::of);
            self.hop_keys.push(keys);
            self.hops.push(HopEntry { is_error, stands_out, duration, client_duration, queueing, entry });
        }
        if planned.is_seen_serving {
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

    /// The sums, in buckets of ten seconds; the entries are gone then.
    pub(super) fn take_totals(
        &mut self,
        (red_keys, edge_keys): (Arc<Keys<RedKey>>, Arc<Keys<EdgeKey>>),
    ) -> Totals {
        let Self { red, hops, traces, by_key, .. } = self;
        let mut durations = Durations::default();
        let mut red_cells = Cells::default();
        by_key.order(&self.red_keys, red_keys.len());
        by_key.each(
            |number| red[number].entry.bucket,
            |at, numbers| {
                let entries = numbers.iter().map(|&number| &red[number as usize]);
                red_cells.push(at, durations.sum_of_spans(traces, entries));
            },
        );
        // Both levels number their keys together: a hop counts twice.
        let mut edge_cells = Cells::default();
        by_key.order(self.hop_keys.as_flattened(), edge_keys.len());
        by_key.each(
            |number| hops[number / 2].entry.bucket,
            |at, numbers| {
                let entries = numbers.iter().map(|&number| &hops[number as usize / 2]);
                edge_cells.push(at, durations.sum_of_hops(traces, entries));
            },
        );
        let presence = std::mem::take(&mut self.presence);
        self.seen.clear();
        self.red_keys.clear();
        self.red.clear();
        self.hop_keys.clear();
        self.hops.clear();
        self.traces.clear();
        Totals { red_keys, edge_keys, red: red_cells, edges: edge_cells, presence }
    }
}

/// Durations of the spans or hops that are being added up.
#[derive(Debug, Default)]
struct Durations {
    own: Counters,
    client: Counters,
    queueing: Counters,
}

impl Durations {
    fn sum_of_spans<'e>(
        &mut self,
        traces: &[TraceId],
        entries: impl Iterator<Item = &'e RedEntry>,
    ) -> RedFigures {
        let mut figures = RedFigures::default();
        for RedEntry { entry, duration, is_error, .. } in entries {
            figures.spans += entry.times;
            self.own.record(*duration, entry.times);
            entry.name_trace(traces, true, *is_error, &mut figures.exemplars);
        }
        RedFigures { duration_ns: self.own.take(), ..figures }
    }

    fn sum_of_hops<'e>(
        &mut self,
        traces: &[TraceId],
        entries: impl Iterator<Item = &'e HopEntry>,
    ) -> EdgeFigures {
        let mut figures = EdgeFigures::default();
        for hop in entries {
            let times = hop.entry.times;
            figures.hops += times;
            figures.errors += times * i64::from(hop.is_error);
            self.own.record(hop.duration, times);
            if let Some(duration) = hop.client_duration {
                self.client.record(duration, times);
            }
            if let Some(queueing) = hop.queueing {
                self.queueing.record(queueing, times);
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

/// Numbers of entries, ordered by key.
#[derive(Debug, Default)]
struct ByKey {
    // Where each key's begin, and the last one's end.
    bounds: Vec<u32>,
    numbers: Vec<u32>,
}

impl ByKey {
    /// Orders the places in a list of keys. Keys are numbered without gaps, so counting sorts.
    fn order(&mut self, keys: &[u32], distinct: usize) {
        self.bounds.clear();
        self.bounds.resize(distinct + 2, 0);
        // One place further on than they end up, for placing moves each bound to that of the next key.
        keys.iter().for_each(|&key| self.bounds[key as usize + 2] += 1);
        let mut sum = 0;
        for bound in &mut self.bounds {
            sum += *bound;
            *bound = sum;
        }
        self.numbers.clear();
        self.numbers.resize(keys.len(), 0);
        for (&key, number) in keys.iter().zip(0..) {
            let next = &mut self.bounds[key as usize + 1];
            self.numbers[*next as usize] = number;
            *next += 1;
        }
    }

    /// Calls `add` with the numbers of each key and bucket of time, in this order.
    fn each(&mut self, bucket: impl Fn(usize) -> u32, mut add: impl FnMut((u32, u64), &[u32])) {
        let bucket = |number: &u32| bucket(*number as usize);
        for (key, bounds) in (0..).zip(self.bounds.windows(2)) {
            let of_key = &mut self.numbers[bounds[0] as usize..bounds[1] as usize];
            let Some(first) = of_key.first().map(bucket) else { continue };
            if of_key.iter().any(|number| bucket(number) != first) {
                of_key.sort_by_key(bucket);
                let of_buckets = of_key.chunk_by(|a, b| bucket(a) == bucket(b));
                of_buckets.for_each(|numbers| add((key, u64::from(bucket(&numbers[0])) * BUCKET_S), numbers));
            } else {
                add((key, u64::from(first) * BUCKET_S), of_key);
            }
        }
    }
}
