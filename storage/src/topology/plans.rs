//! What the spans of traces that are built alike are counted under.
//!
//! The programs of a fleet do the same again and again, so most traces have a shape that others had: which key each span and hop is
//! counted under is then known, and only times are new.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::contribution::Calling;
use super::shape::Link;

/// Longer traces seldom repeat one another.
const MAX_SPANS: usize = 256;
/// When there are plans for more spans, all are made anew.
const MAX_PLANNED_SPANS: usize = 1 << 16;
/// How many shapes are remembered that were met once.
const MET: usize = 1 << 12;

/// What spans of a trace and their hops are counted under.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub(super) spans: Vec<PlannedSpan>,
    pub(super) hops: Vec<PlannedHop>,
}

/// What a span is counted under.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedSpan {
    /// Its place in the trace.
    pub(super) place: u32,
    /// The number of its key.
    pub(super) red: u32,
    pub(super) is_error: bool,
    /// Whether it counts for more than one.
    pub(super) is_sampled: bool,
    /// Whether an instance of a lane served a request with it.
    pub(super) is_seen_serving: bool,
}

/// What a hop is counted under, which begins or ends with a planned span.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedHop {
    /// Which of the planned spans.
    pub(super) span: u32,
    /// The numbers of its keys, by level.
    pub(super) keys: [u32; 2],
    pub(super) is_error: bool,
    pub(super) stands_out: bool,
    pub(super) calling: Calling,
}

impl Plan {
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.hops.clear();
    }
}

/// Plans by shape, as long as keys have the same numbers.
#[derive(Debug, Default)]
pub(super) struct Plans {
    plans: HashMap<Box<[Link]>, Plan, RandomState>,
    // By a part of its hash, the rest of that of a shape which was met once: most of those that were met twice will be met again, and most
    // others will not.
    met: Vec<u32>,
    planned_spans: usize,
}

impl Plans {
    /// The plan for a shape, if there is one.
    pub(super) fn get(&self, shape: &[Link]) -> Option<&Plan> {
        self.plans.get(shape)
    }

    /// Whether the plan for a shape which has none should be [kept](Self::keep).
    pub(super) fn is_worth_keeping(&mut self, shape: &[Link]) -> bool {
        use std::hash::BuildHasher;
        if shape.len() > MAX_SPANS {
            return false;
        }
        self.met.resize(MET, 0);
        let hash = self.plans.hasher().hash_one(shape);
        let (met, rest) = (&mut self.met[hash as usize % MET], (hash >> 32) as u32);
        std::mem::replace(met, rest) == rest
    }

    pub(super) fn keep(&mut self, shape: &[Link], plan: &Plan) {
        if self.planned_spans + plan.spans.len() > MAX_PLANNED_SPANS {
            self.plans.clear();
            self.planned_spans = 0;
        }
        self.planned_spans += plan.spans.len();
        let mut plan = plan.clone();
        // Hops that know the same about times one after another: what is to be done for the next is guessed right then.
        plan.hops.sort_by_key(|hop| match hop.calling {
            Calling::Unknown => 0,
            Calling::Waited(_) => 1,
            Calling::Sent(_) => 2,
        });
        self.plans.insert(shape.into(), plan);
    }
}
