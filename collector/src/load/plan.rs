//! What is sent in which order: exports, the groups they belong to, and when each is due.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::encode;
use super::fleet::{Fleet, GROUP_NS};
use super::ids::{GroupIds, mix};
use super::template::Template;

#[cfg(test)]
mod tests;

/// About how many spans are encoded beforehand: what is not patched repeats after this many.
const TEMPLATE_SPANS: u64 = 100_000;

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) spans: u64,
    pub(super) batch: usize,
    pub(super) split: usize,
}

/// Every export of a run.
///
/// Exports come in groups of `split`. The spans of a group's traces are ordered by instance and cut into the
/// exports of the group, as if as many collectors, each before a part of the fleet, had batched them.
#[derive(Debug)]
pub(super) struct Plan {
    seed: u64,
    sizes: Sizes,
    /// Encoded full groups; a run that has more uses them again with other ids.
    groups: Vec<Group>,
    /// What is left for a group that is not full.
    last: Option<Group>,
}

#[derive(Debug)]
struct Group {
    /// The trace of each span, counted within the group.
    traces: Vec<u32>,
    trace_count: u32,
    exports: Vec<Template>,
}

/// One export of the plan.
#[derive(Debug, Clone)]
pub(super) struct Export<'a> {
    pub(super) group: u64,
    pub(super) ids: GroupIds,
    /// Its spans, by their place in the group.
    pub(super) places: Range<usize>,
    /// The trace of each of its spans.
    pub(super) traces: &'a [u32],
    /// Traces of the whole group.
    pub(super) group_traces: u32,
    pub(super) template: &'a Template,
}

impl Plan {
    pub(super) fn new(fleet: &Fleet, seed: u64, sizes: Sizes) -> Self {
        let group_spans = sizes.group_spans();
        let full = sizes.spans / group_spans;
        let kept = full.min(TEMPLATE_SPANS.div_ceil(group_spans));
        let group =
            |n: u64, spans: u64| Group::new(fleet, mix(seed.wrapping_add(n)), spans as usize, sizes.batch);
        let rest = sizes.spans % group_spans;
        Self {
            seed,
            sizes,
            groups: (0..kept).map(|n| group(n, group_spans)).collect(),
            last: (rest > 0).then(|| group(full, rest)),
        }
    }

    /// How many groups.
    pub(super) fn groups(&self) -> u64 {
        self.sizes.spans.div_ceil(self.sizes.group_spans())
    }

    /// The export of this number, counted from 0; `None` behind the last.
    pub(super) fn export(&self, number: u64) -> Option<Export<'_>> {
        let split = self.sizes.split as u64;
        let (number, part) = (number / split, (number % split) as usize);
        let group = if number < self.sizes.spans / self.sizes.group_spans() {
            &self.groups[(number % self.groups.len() as u64) as usize]
        } else {
            self.last.as_ref().filter(|_| number + 1 == self.groups())?
        };
        let template = group.exports.get(part)?;
        let first = part * self.sizes.batch;
        let places = first..(first + self.sizes.batch).min(group.traces.len());
        Some(Export {
            group: number,
            ids: GroupIds::new(self.seed, number),
            traces: &group.traces[places.clone()],
            group_traces: group.trace_count,
            places,
            template,
        })
    }
}

impl Sizes {
    fn group_spans(&self) -> u64 {
        (self.batch * self.split) as u64
    }
}

impl Group {
    fn new(fleet: &Fleet, seed: u64, spans: usize, batch: usize) -> Self {
        let spans = fleet.group(seed, spans);
        let traces: Vec<u32> = spans.iter().map(|span| span.trace).collect();
        Self {
            trace_count: traces.iter().max().map_or(0, |last| last + 1),
            traces,
            exports: spans
                .chunks(batch)
                .enumerate()
                .map(|(part, chunk)| encode::export(fleet, chunk, part * batch))
                .collect(),
        }
    }
}

/// Hands the exports of a plan out, in order.
#[derive(Debug)]
pub(super) struct Schedule {
    plan: Plan,
    /// Spans per second.
    rate: Option<f64>,
    began: Instant,
    next: Mutex<Next>,
    stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct Next {
    number: u64,
    spans: u64,
    /// When the traces of the group under way begin.
    start_unix_ns: u64,
}

/// An export that one worker is to send.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) export: Export<'a>,
    pub(super) start_unix_ns: u64,
    pub(super) due: Instant,
}

impl Schedule {
    pub(super) fn new(plan: Plan, rate: Option<f64>) -> Self {
        let (next, stopped) = (Mutex::default(), AtomicBool::new(false));
        Self { plan, rate, began: Instant::now(), next, stopped }
    }

    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// The next export; `None` when there is none, or the run was stopped.
    ///
    /// Its due time follows from the rate and the spans before it alone: a run that falls behind catches up.
    pub(super) fn next(&self) -> Option<Job<'_>> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let mut next = self.next.lock();
        let export = self.plan.export(next.number)?;
        let due = self
            .rate
            .map_or(self.began, |rate| self.began + Duration::from_secs_f64(next.spans as f64 / rate));
        if export.places.start == 0 {
            // All exports of a group tell of the same traces, which ended just before the first is sent.
            let wait_ns = due.saturating_duration_since(Instant::now()).as_nanos() as u64;
            next.start_unix_ns = (now_unix_ns() + wait_ns).saturating_sub(GROUP_NS);
        }
        next.number += 1;
        next.spans += export.places.len() as u64;
        Some(Job { export, start_unix_ns: next.start_unix_ns, due })
    }

    /// Hands out no more exports.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

fn now_unix_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
