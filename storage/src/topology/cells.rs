//! Sums by key and time.

use super::figures::{EdgeFigures, Exemplars, RedFigures};
use super::sums::Durations;

/// The number of a key, and the start of a bucket of time, in seconds since the Unix epoch.
pub(crate) type At = (u32, u64);

/// Sums by number of the key and time, in this order, each once.
#[derive(Debug, Clone)]
pub(crate) struct Cells<F> {
    rows: Vec<(At, F)>,
}

/// What can be added up.
pub(crate) trait Sum: Clone {
    /// The sum of several, counted in `durations`.
    fn sum<'a>(summands: impl Iterator<Item = &'a Self>, durations: &mut Durations) -> Self
    where
        Self: 'a;
    fn is_nothing(&self) -> bool;
}

impl Sum for RedFigures {
    fn sum<'a>(summands: impl Iterator<Item = &'a Self>, durations: &mut Durations) -> Self {
        let (mut spans, mut exemplars) = (0, Exemplars::default());
        for red in summands {
            spans += red.spans;
            durations.own.record_all(&red.duration_ns);
            exemplars.merge(&red.exemplars);
        }
        durations.red_sum(spans, exemplars).to_figures()
    }

    fn is_nothing(&self) -> bool {
        self.is_nothing()
    }
}

impl Sum for EdgeFigures {
    fn sum<'a>(summands: impl Iterator<Item = &'a Self>, durations: &mut Durations) -> Self {
        let (mut hops, mut errors, mut exemplars) = (0, 0, Exemplars::default());
        for edge in summands {
            hops += edge.hops;
            errors += edge.errors;
            durations.own.record_all(&edge.duration_ns);
            durations.client.record_all(&edge.client_duration_ns);
            durations.queueing.record_all(&edge.queueing_ns);
            exemplars.merge(&edge.exemplars);
        }
        durations.edge_sum(hops, errors, exemplars).to_figures()
    }

    fn is_nothing(&self) -> bool {
        self.is_nothing()
    }
}

impl<F> Default for Cells<F> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<F: Sum> Cells<F> {
    /// Adds up what stands at the same place.
    pub(crate) fn add_up(mut summands: Vec<(At, &F)>) -> Self {
        // Stable, which is linear where a few ordered runs follow one another.
        summands.sort_by_key(|&(at, _)| at);
        let mut durations = Durations::default();
        let rows = summands.chunk_by(|(a, _), (b, _)| a == b).map(|of_place| match of_place {
            &[(at, figures)] => (at, figures.clone()),
            _ => (of_place[0].0, F::sum(of_place.iter().map(|&(_, figures)| figures), &mut durations)),
        });
        Self { rows: rows.collect() }
    }

    /// Adds up what stands at the same place, of summands that are read when their place is added up.
    pub(crate) fn add_up_read<S: Copy, E>(
        mut summands: Vec<(At, S)>,
        read: impl Fn(S) -> Result<F, E>,
    ) -> Result<Self, E> {
        summands.sort_by_key(|&(at, _)| at);
        let (mut rows, mut figures, mut durations) = (Vec::new(), Vec::new(), Durations::default());
        for of_place in summands.chunk_by(|(a, _), (b, _)| a == b) {
            figures.clear();
            for &(_, summand) in of_place {
                figures.push(read(summand)?);
            }
            let sum = if of_place.len() == 1 { figures.pop() } else { None };
            rows.push((of_place[0].0, sum.unwrap_or_else(|| F::sum(figures.iter(), &mut durations))));
        }
        Ok(Self { rows })
    }

    /// The same in wider buckets of time.
    pub(crate) fn coarsened(&self, floor_s: impl Fn(u32, u64) -> u64) -> Self {
        let coarse =
            self.rows.iter().map(|((key, time_s), figures)| ((*key, floor_s(*key, *time_s)), figures));
        Self::add_up(coarse.collect())
    }

    /// How many sums there were in wider buckets of time.
    pub(crate) fn coarsened_len(&self, floor_s: impl Fn(u32, u64) -> u64) -> usize {
        let at = |((key, time_s), _): &(At, F)| (*key, floor_s(*key, *time_s));
        self.rows.chunk_by(|a, b| at(a) == at(b)).count()
    }

    /// Leaves out what adds up to nothing.
    pub(crate) fn prune(&mut self) {
        self.rows.retain(|(_, figures)| !figures.is_nothing());
    }
}

impl<F> Cells<F> {
    /// Adds a row whose place is behind all others.
    pub(crate) fn push(&mut self, at: At, figures: F) {
        debug_assert!(self.rows.last().is_none_or(|(last, _)| *last < at), "rows are ordered");
        self.rows.push((at, figures));
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// By key and time.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, (At, F)> {
        self.rows.iter()
    }

    /// The rows of each key.
    pub(crate) fn by_key(&self) -> impl Iterator<Item = (u32, &[(At, F)])> {
        self.rows.chunk_by(|(a, _), (b, _)| a.0 == b.0).map(|rows| (rows[0].0.0, rows))
    }

    pub(crate) fn into_rows(self) -> Vec<(At, F)> {
        self.rows
    }

    /// Keeps the rows of some keys; returns whether there were others.
    pub(crate) fn retain_keys(&mut self, is_kept: impl Fn(u32) -> bool) -> bool {
        let before = self.rows.len();
        self.rows.retain(|((key, _), _)| is_kept(*key));
        self.rows.len() < before
    }
}
