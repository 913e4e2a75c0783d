//! What spans and hops add to the figures of their keys, until it is added up.

use laneway_proto::TraceId;

use super::cells::At;
use super::figures::{Exemplars, Resolution, TraceAt};
use super::key::{EdgeKey, RedKey};
use super::keys::Keys;
use super::plans::Plan;
use super::presence::Presence;
use super::role::{KnownSpan, RoleId};
use super::roles::Roles;
use super::sums::{Durations, EdgeSum, RedSum, TakeSums};
use crate::query::Bucket;

/// What is to be added up, key by key: what is added one by one all over the place mostly waits for memory.
#[derive(Debug, Default)]
pub(super) struct Entries {
    // The minute in which each role was last seen serving, behind which 1 is added: 0 is never.
    seen: Vec<u64>,
    // The number of each one's key, which is looked at alone.
    red_keys: Vec<u32>,
    red: Vec<Entry>,
    // At each level.
    hop_keys: Vec<[u32; 2]>,
    hops: Vec<Entry>,
    traces: Vec<TraceId>,
    presence: Presence,
    by_key: ByKey,
    durations: Durations,
}

/// What a span or hop adds to the figures of its key. As little as can be, half a cache line: adding up mostly waits for these.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start_unix_ns: u64,
    duration_ns: u64,
    // Its place among the traces of the ledger.
    trace: u32,
    times: i32,
    duration: Bucket,
    // Of hops.
    client_duration: Option<Bucket>,
    queueing: Option<Bucket>,
    is_error: bool,
    // Whether its trace is named as an example whatever its duration.
    stands_out: bool,
}

/// The width of a bucket of time.
const BUCKET_NS: u64 = Resolution::FINEST.seconds() as u64 * 1_000_000_000;

impl Entries {
    /// Forgets everything that belongs to the roles so far.
    pub(super) fn forget_roles(&mut self) {
        self.seen.clear();
    }

    /// What is added next is of this trace.
    pub(super) fn begin_trace(&mut self, id: TraceId) {
        self.traces.push(id);
    }

    /// Adds planned spans and hops of the trace that was begun last, whose spans are `spans`; takes them back where `sign` is -1.
    pub(super) fn add(&mut self, roles: &Roles, spans: &[KnownSpan], plan: &Plan, sign: i32) {
        let trace = self.traces.len() as u32 - 1;
        let first = self.red.len();
        self.red_keys.extend(plan.spans.iter().map(|planned| planned.red));
        self.red.extend(plan.spans.iter().map(|planned| {
            let span = &spans[planned.place as usize];
            let weight = if planned.is_sampled { roles.get(span.role).weight(span.span_id) } else { 1 };
            Entry {
                start_unix_ns: span.start_unix_ns,
                duration_ns: span.duration_ns,
                trace,
                times: sign * weight,
                duration: Bucket::of(span.duration_ns),
                client_duration: None,
                queueing: None,
                is_error: planned.is_error,
                stands_out: planned.is_error,
            }
        }));
        let red = &self.red[first..];
        self.hop_keys.extend(plan.hops.iter().map(|hop| hop.keys));
        self.hops.extend(plan.hops.iter().map(|hop| {
            let taken = &spans[plan.spans[hop.span as usize].place as usize];
            Entry {
                client_duration: hop.calling.waited_ns(spans).map(Bucket::of),
                queueing: hop.calling.queueing_ns(spans, taken).map(Bucket::of),
                is_error: hop.is_error,
                stands_out: hop.stands_out,
                ..red[hop.span as usize]
            }
        }));
        for planned in plan.spans.iter().filter(|planned| planned.is_seen_serving) {
            let span = &spans[planned.place as usize];
            self.see(roles, span.role, span.start_unix_ns / 1_000_000_000);
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

    /// Hands over the sums, in buckets of ten seconds, and returns which lanes had instances; the entries are gone then.
    pub(super) fn take(
        &mut self,
        red_keys: &Keys<RedKey>,
        edge_keys: &Keys<EdgeKey>,
        to: &mut impl TakeSums,
    ) -> Presence {
        let Self { red, hops, traces, by_key, durations, .. } = self;
        by_key.order(&self.red_keys, red_keys.len());
        by_key.each(
            |number| red[number].bucket(),
            |at, numbers| {
                let entries = numbers.iter().map(|&number| &red[number as usize]);
                let sum = sum_of_spans(durations, traces, entries);
                if !sum.is_nothing() {
                    to.take_red(red_keys, at, sum);
                }
            },
        );
        // Both levels number their keys together: a hop counts twice.
        by_key.order(self.hop_keys.as_flattened(), edge_keys.len());
        by_key.each(
            |number| hops[number / 2].bucket(),
            |at, numbers| {
                let entries = numbers.iter().map(|&number| &hops[number as usize / 2]);
                let sum = sum_of_hops(durations, traces, entries);
                if !sum.is_nothing() {
                    to.take_edge(edge_keys, at, sum);
                }
            },
        );
        self.seen.clear();
        self.red_keys.clear();
        self.red.clear();
        self.hop_keys.clear();
        self.hops.clear();
        self.traces.clear();
        std::mem::take(&mut self.presence)
    }
}

fn sum_of_spans<'d, 'e>(
    durations: &'d mut Durations,
    traces: &[TraceId],
    entries: impl Iterator<Item = &'e Entry>,
) -> RedSum<'d> {
    let (mut spans, mut exemplars) = (0, Exemplars::default());
    for entry in entries {
        let times = i64::from(entry.times);
        spans += times;
        durations.own.record(entry.duration, times);
        entry.name_trace(traces, true, &mut exemplars);
    }
    durations.red_sum(spans, exemplars)
}

fn sum_of_hops<'d, 'e>(
    durations: &'d mut Durations,
    traces: &[TraceId],
    entries: impl Iterator<Item = &'e Entry>,
) -> EdgeSum<'d> {
    let (mut hops, mut errors, mut exemplars) = (0, 0, Exemplars::default());
    for hop in entries {
        let times = i64::from(hop.times);
        hops += times;
        errors += times * i64::from(hop.is_error);
        durations.own.record(hop.duration, times);
        if let Some(duration) = hop.client_duration {
            durations.client.record(duration, times);
        }
        if let Some(queueing) = hop.queueing {
            durations.queueing.record(queueing, times);
        }
        hop.name_trace(traces, hop.stands_out, &mut exemplars);
    }
    durations.edge_sum(hops, errors, exemplars)
}

impl Entry {
    /// The number of its bucket of time.
    fn bucket(&self) -> u32 {
        (self.start_unix_ns / BUCKET_NS) as u32
    }

    /// Names its trace as an example: as a slow one only where that is wanted, as the newest where it stands out. Ids take more space than all
    /// other figures.
    fn name_trace(&self, traces: &[TraceId], if_slow: bool, exemplars: &mut Exemplars) {
        let is_slower = if_slow && exemplars.slowest.is_none_or(|slowest| slowest.at_ns <= self.duration_ns);
        if self.times <= 0 || !(is_slower || self.stands_out) {
            return;
        }
        let trace_id = traces[self.trace as usize];
        let at = |at_ns| Some(TraceAt { at_ns, trace_id });
        let newest = at(self.start_unix_ns).filter(|_| self.stands_out);
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
    fn each(&mut self, bucket: impl Fn(usize) -> u32, mut add: impl FnMut(At, &[u32])) {
        let bucket = |number: &u32| bucket(*number as usize);
        let start_s = |bucket: u32| u64::from(bucket) * u64::from(Resolution::FINEST.seconds());
        for (key, bounds) in (0..).zip(self.bounds.windows(2)) {
            let of_key = &mut self.numbers[bounds[0] as usize..bounds[1] as usize];
            let Some(first) = of_key.first().map(bucket) else { continue };
            if of_key.iter().any(|number| bucket(number) != first) {
                of_key.sort_by_key(bucket);
                let of_buckets = of_key.chunk_by(|a, b| bucket(a) == bucket(b));
                of_buckets.for_each(|numbers| add((key, start_s(bucket(&numbers[0]))), numbers));
            } else {
                add((key, start_s(first)), of_key);
            }
        }
    }
}
