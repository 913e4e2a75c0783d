//! Sums of contributions, while they are made.

use laneway_proto::TraceId;

use super::admission::Admission;
use super::cells::{At, Cells};
use super::contribution::{Calling, Contribution, Hop};
use super::derive::Deriver;
use super::entries::Entries;
use super::figures::{EdgeFigures, RedFigures};
use super::key::{EdgeKey, RedKey};
use super::keys::Keys;
use super::numbering::Numbering;
use super::plans::{Plan, PlannedHop, PlannedSpan, Plans};
use super::presence::Presence;
use super::role::KnownSpan;
use super::roles::Roles;
use super::sums::{EdgeSum, RedSum, TakeSums};
use super::totals::Totals;

/// Sums of contributions, in buckets of ten seconds. A ledger belongs to the [`Roles`] of its spans.
#[derive(Debug, Default)]
pub struct Ledger {
    numbering: Numbering,
    // Its numbers are those of the numbering.
    plans: Plans,
    entries: Entries,
    scratch: Scratch,
}

/// Memory that is used again.
#[derive(Debug, Default)]
struct Scratch {
    deriver: Deriver,
    before: Vec<Contribution>,
    now: Vec<Contribution>,
    plan: Plan,
    plan_before: Plan,
}

impl Ledger {
    /// A ledger that keeps no more different keys than this admits; the rest is counted together, with [`OTHER`](super::OTHER) as detail or
    /// operation.
    pub fn bounded(admission: Admission) -> Self {
        Self { numbering: Numbering::bounded(admission), ..Self::default() }
    }

    /// It is now this minute, counted from anywhere.
    pub fn set_minute(&mut self, minute: u32) {
        if self.numbering.set_minute(minute) {
            self.plans = Plans::default();
        }
    }

    /// Forgets everything that belongs to the roles so far.
    pub fn forget_roles(&mut self) {
        self.numbering.renew();
        self.plans = Plans::default();
        self.entries.forget_roles();
    }

    /// Gives its memory back, where no sums are being made: all but which keys were admitted.
    pub fn release(&mut self) {
        self.numbering.renew();
        let Self { plans, entries, scratch, .. } = self;
        (*plans, *entries, *scratch) = Default::default();
    }

    /// Adds what has changed in a trace: of `before`, spans were known; now `all` are, of which those are some. Both are ordered by start and
    /// span id, each once.
    pub fn add_trace(&mut self, roles: &Roles, trace_id: TraceId, before: &[KnownSpan], all: &[KnownSpan]) {
        self.entries.begin_trace(trace_id);
        let mut scratch = std::mem::take(&mut self.scratch);
        if before.is_empty() {
            self.add_new(roles, all, &mut scratch);
        } else {
            self.add_changes(roles, before, all, &mut scratch);
        }
        self.scratch = scratch;
    }

    fn add_new(&mut self, roles: &Roles, spans: &[KnownSpan], scratch: &mut Scratch) {
        let Scratch { deriver, now, plan, .. } = scratch;
        let shape = deriver.relate(spans);
        if let Some(plan) = shape.and_then(|shape| self.plans.get(shape)) {
            return self.entries.add(roles, spans, plan, 1);
        }
        deriver.derive_related(spans, roles, now);
        plan.clear();
        for (place, contribution) in now.iter().enumerate() {
            self.plan(roles, spans, place, contribution, plan);
        }
        self.entries.add(roles, spans, plan, 1);
        if let Some(shape) = deriver.shape()
            && self.plans.is_worth_keeping(shape)
        {
            self.plans.keep(shape, plan);
        }
    }

    fn add_changes(&mut self, roles: &Roles, before: &[KnownSpan], all: &[KnownSpan], scratch: &mut Scratch) {
        let Scratch { deriver, before: were, now, plan, plan_before } = scratch;
        deriver.derive(all, roles, now);
        deriver.derive(before, roles, were);
        plan.clear();
        plan_before.clear();
        let mut earlier = before.iter().zip(&*were).enumerate().peekable();
        for (place, (span, contribution)) in all.iter().zip(&*now).enumerate() {
            let was = earlier.next_if(|(_, (known, _))| is_same(known, span));
            if let Some((place_before, (known, was))) = was {
                if is_equal((known, was, before), (span, contribution, all)) {
                    continue;
                }
                self.plan(roles, before, place_before, was, plan_before);
            }
            self.plan(roles, all, place, contribution, plan);
        }
        self.entries.add(roles, before, plan_before, -1);
        self.entries.add(roles, all, plan, 1);
    }

    /// Adds to a plan what the span at this place is counted under.
    fn plan(
        &mut self,
        roles: &Roles,
        spans: &[KnownSpan],
        place: usize,
        contribution: &Contribution,
        plan: &mut Plan,
    ) {
        let span = &spans[place];
        let marks = roles.marks(span.role);
        let is_entry = marks.is_served() || span.parent_span_id == 0;
        for hop in [&contribution.arrival, &contribution.departure].into_iter().flatten() {
            plan.hops.push(PlannedHop {
                span: plan.spans.len() as u32,
                keys: self.numbering.hop(roles, hop),
                is_error: hop.is_error,
                stands_out: hop.is_error || hop.outcome.stands_out(),
                calling: hop.calling,
            });
        }
        plan.spans.push(PlannedSpan {
            place: place as u32,
            red: self.numbering.red(roles, span.role, is_entry, contribution.lane),
            is_error: marks.is_error,
            is_sampled: marks.is_sampled,
            is_seen_serving: marks.is_served() && !marks.serves.is_base(),
        });
    }

    /// The sums, in buckets of ten seconds; the ledger is empty then, and may be used again.
    pub fn take_totals(&mut self) -> Totals {
        let mut cells = (Cells::default(), Cells::default());
        let presence = self.take(&mut cells);
        let (red_keys, edge_keys) = self.numbering.keys();
        Totals { red_keys, edge_keys, red: cells.0, edges: cells.1, presence }
    }

    /// Hands the same over one by one, and returns which lanes had instances. Keys keep their numbers for as long as
    /// [`generation`](Self::generation) stays the same.
    pub(crate) fn take(&mut self, to: &mut impl TakeSums) -> Presence {
        let (red_keys, edge_keys) = self.numbering.keys();
        self.entries.take(&red_keys, &edge_keys, to)
    }

    /// How often all keys were numbered anew.
    pub(crate) fn generation(&self) -> u64 {
        self.numbering.generation()
    }
}

impl TakeSums for (Cells<RedFigures>, Cells<EdgeFigures>) {
    fn take_red(&mut self, _: &Keys<RedKey>, at: At, sum: RedSum<'_>) {
        self.0.push(at, sum.to_figures());
    }

    fn take_edge(&mut self, _: &Keys<EdgeKey>, at: At, sum: EdgeSum<'_>) {
        self.1.push(at, sum.to_figures());
    }
}

/// Whether two contributions of the same span are the same, given the spans of its trace that were known.
fn is_equal(
    (known, was, before): (&KnownSpan, &Contribution, &[KnownSpan]),
    (span, now, all): (&KnownSpan, &Contribution, &[KnownSpan]),
) -> bool {
    // The same calling span stands elsewhere among others.
    let timed = |hop: &Option<Hop>, span: &KnownSpan, spans: &[KnownSpan]| {
        hop.map(|hop| {
            let times = (hop.calling.waited_ns(spans), hop.calling.queueing_ns(spans, span));
            (Hop { calling: Calling::Unknown, ..hop }, times)
        })
    };
    was.lane == now.lane
        && timed(&was.arrival, known, before) == timed(&now.arrival, span, all)
        && timed(&was.departure, known, before) == timed(&now.departure, span, all)
}

/// Whether both are the same span, sent twice.
pub(crate) fn is_same(a: &KnownSpan, b: &KnownSpan) -> bool {
    (a.start_unix_ns, a.span_id) == (b.start_unix_ns, b.span_id)
}
