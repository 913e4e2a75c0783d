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
    /// By number.
    totals: Vec<A>,
    /// Labels stand here only: those of every minute would be texts of their own.
    numbers: BTreeMap<L, usize>,
    /// The most that each minute, by its start in seconds, ever was of each series.
    minutes: BTreeMap<(u64, usize), A>,
    /// The same of all that have no place in `totals`, and how many they are together.
    left_out_minutes: BTreeMap<u64, u64>,
    left_out: u64,
}

impl<L: Ord, A: Amount> Family<L, A> {
    pub(super) fn new(max_series: usize) -> Self {
        Self {
            max_series,
            totals: Vec::new(),
            numbers: BTreeMap::new(),
            minutes: BTreeMap::new(),
            left_out_minutes: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Counts what has become more in these minutes.
    pub(super) fn count(&mut self, minutes: BTreeMap<(u64, L), A>) {
        let mut left_out = BTreeMap::<u64, u64>::new();
        for ((time_s, labels), now) in minutes {
            let Some(number) = self.number(labels) else {
                *left_out.entry(time_s).or_default() += now.total();
                continue;
            };
            let was = self.minutes.entry((time_s, number)).or_default();
            let most = was.max(&now);
            self.totals[number].grow(was, &most);
            *was = most;
        }
        for (time_s, now) in left_out {
            let was = self.left_out_minutes.entry(time_s).or_default();
            self.left_out += now.saturating_sub(*was);
            *was = now.max(*was);
        }
    }

    /// Forgets minutes that start before, in seconds: they are not counted again.
    pub(super) fn forget(&mut self, before_s: u64) {
        self.minutes = self.minutes.split_off(&(before_s, 0));
        self.left_out_minutes = self.left_out_minutes.split_off(&before_s);
    }

    /// The number of a series, if there is place for it.
    fn number(&mut self, labels: L) -> Option<usize> {
        if let Some(&number) = self.numbers.get(&labels) {
            return Some(number);
        }
        let number = self.totals.len();
        if number >= self.max_series {
            return None;
        }
        self.totals.push(A::default());
        self.numbers.insert(labels, number);
        Some(number)
    }

    /// Each series, by its labels.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&L, &A)> {
        self.numbers.iter().map(|(labels, &number)| (labels, &self.totals[number]))
    }

    /// How many things were counted in no series, for there were too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}
