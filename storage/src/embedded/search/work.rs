//! A query in progress: what it may take, and giving it up when nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::parallel::Helpers;
use super::budget::{Budget, Taken};
use crate::QueryError;

/// A query in progress.
pub(in super::super) struct Work {
    is_cancelled: Arc<AtomicBool>,
    budget: Budget,
    helpers: Arc<Helpers>,
}

/// Cancels a query when it is dropped: whoever asked has gone away, or waited long enough.
pub(in super::super) struct CancelOnDrop(Arc<AtomicBool>);

impl Work {
    /// A query that may have so many bytes of memory, and those of these threads that are free.
    pub(in super::super) fn new(limit_bytes: usize, helpers: Arc<Helpers>) -> Self {
        Self { is_cancelled: Arc::default(), budget: Budget::new(limit_bytes), helpers }
    }

    /// What cancels this query.
    pub(in super::super) fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(Arc::clone(&self.is_cancelled))
    }

    /// Whether to go on; asked between steps of a few milliseconds at most.
    pub(in super::super) fn go_on(&self) -> Result<(), QueryError> {
        if self.is_cancelled.load(Ordering::Relaxed) { Err(QueryError::Cancelled) } else { Ok(()) }
    }

    /// Takes memory.
    ///
    /// # Errors
    /// When that is more than the query may have.
    pub(in super::super) fn take(&self, bytes: usize) -> Result<Taken<'_>, QueryError> {
        self.budget.take(bytes)
    }

    /// Applies `step` to each item, on this thread and on those that are free, until one fails or the query is cancelled; returns
    /// the results in the order of the items.
    ///
    /// # Errors
    /// With the first error in the order of the items.
    pub(in super::super) fn map<T: Sync, R: Send>(
        &self,
        items: &[T],
        step: impl Fn(&T) -> Result<R, QueryError> + Sync,
    ) -> Result<Vec<R>, QueryError> {
        let has_failed = AtomicBool::new(false);
        let results = self.helpers.map(items, |item| {
            if has_failed.load(Ordering::Relaxed) {
                return None;
            }
            let result = self.go_on().and_then(|()| step(item));
            has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
            Some(result)
        });
        // Where a step was left out, there is an error.
        results.into_iter().flatten().collect()
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
