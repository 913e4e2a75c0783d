//! Counters that never fall, and are not too many.

use std::collections::BTreeMap;

/// What a series counts.
pub(super) trait Amount: Clone + Default {
    /// The most of both.
    fn max(&self, other: &Self) -> Self;

    /// Adds what `now` is more than `was`, which is less in nothing.
    fn grow(&mut self, was: &Self, now: &Self);

    /// How many things it counts.
    fn total(&self) -> u64;
}

/// Series by their labels.
#[derive(Debug)]
pub(super) struct Family<L, A> {
    max_series: usize,
    totals: BTreeMap<L, A>,
    /// The most that each minute, by its start in seconds, ever was.
    minutes: BTreeMap<(u64, L), A>,
    /// The same of all that have no place in `totals`, and how many they are together.
    left_out_minutes: BTreeMap<u64, u64>,
    left_out: u64,
}

impl<L: Ord + Clone, A: Amount> Family<L, A> {
    pub(super) fn new(max_series: usize) -> Self {
        Self {
            max_series,
            totals: BTreeMap::new(),
            minutes: BTreeMap::new(),
            left_out_minutes: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Counts what has become more in these minutes, and forgets those that start before.
    pub(super) fn count(&mut self, minutes: BTreeMap<(u64, L), A>, forget_before_s: u64) {
        let mut left_out = BTreeMap::<u64, u64>::new();
        for ((time_s, labels), now) in minutes {
            if !self.totals.contains_key(&labels) {
                if self.totals.len() >= self.max_series {
                    *left_out.entry(time_s).or_default() += now.total();
                    continue;
                }
                self.totals.insert(labels.clone(), A::default());
            }
            let was = self.minutes.entry((time_s, labels.clone())).or_default();
            let most = was.max(&now);
            if let Some(total) = self.totals.get_mut(&labels) {
                total.grow(was, &most);
            }
            *was = most;
        }
        for (time_s, now) in left_out {
            let was = self.left_out_minutes.entry(time_s).or_default();
            self.left_out += now.saturating_sub(*was);
            *was = now.max(*was);
        }
        self.minutes.retain(|(time_s, _), _| *time_s >= forget_before_s);
        self.left_out_minutes.retain(|time_s, _| *time_s >= forget_before_s);
    }

    /// Each series, by its labels.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&L, &A)> {
        self.totals.iter()
    }

    /// How many things were counted in no series, for there were too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}
