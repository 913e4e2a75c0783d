//! Giving up a query that nobody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::QueryError;

/// A query in progress.
#[derive(Default)]
pub(in super::super) struct Work {
    is_cancelled: Arc<AtomicBool>,
}

/// Cancels a query when it is dropped: whoever asked has gone away, or waited long enough.
pub(in super::super) struct CancelOnDrop(Arc<AtomicBool>);

impl Work {
    /// What cancels this query.
    pub(in super::super) fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(Arc::clone(&self.is_cancelled))
    }

    /// Whether to go on; asked between steps of a few milliseconds at most.
    pub(in super::super) fn go_on(&self) -> Result<(), QueryError> {
        if self.is_cancelled.load(Ordering::Relaxed) { Err(QueryError::Cancelled) } else { Ok(()) }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
