//! Doing the same to many things on several threads.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Applies `work` to each item, on this thread and on `helpers` others; returns the results in the order of the items.
pub(super) fn map<T: Sync, R: Send>(helpers: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work_on_some = || {
        let mut results = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return results };
            results.push((place, work(item)));
        }
    };
    let mut results = thread::scope(|scope| {
        let helper = |_| thread::Builder::new().spawn_scoped(scope, work_on_some);
        // A thread that cannot be had is done without.
        let others: Vec<_> =
            (0..helpers.min(items.len().saturating_sub(1))).filter_map(|i| helper(i).ok()).collect();
        let mut results = work_on_some();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        results
    });
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Threads that those who have much to do may take beside their own, so that all of them together take no more.
#[derive(Debug)]
pub(super) struct Helpers {
    free: AtomicUsize,
}

/// Helpers that were taken, until this is dropped.
#[derive(Debug)]
struct Taken<'a> {
    helpers: &'a Helpers,
    count: usize,
}

impl Helpers {
    pub(super) fn new(count: usize) -> Self {
        Self { free: AtomicUsize::new(count) }
    }

    /// Applies `work` to each item, on this thread and on helpers that are free; returns the results in the order of the items.
    pub(super) fn map<T: Sync, R: Send>(&self, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let taken = self.take(items.len().saturating_sub(1));
        map(taken.count, items, work)
    }

    fn take(&self, most: usize) -> Taken<'_> {
        let rest = |free: usize| Some(free - free.min(most));
        let free = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).unwrap_or_default();
        Taken { helpers: self, count: free.min(most) }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.helpers.free.fetch_add(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
