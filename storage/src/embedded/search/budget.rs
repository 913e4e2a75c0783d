//! The memory that one query may take.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::QueryError;

/// Bytes that a query may have at a time: columns that it reads, and what it keeps for its answer. Indexes in the cache are not
/// among them; they have a budget of their own.
#[derive(Debug)]
pub(in super::super) struct Budget {
    limit_bytes: usize,
    taken_bytes: AtomicUsize,
}

/// Bytes that were taken of a budget, until this is dropped.
#[derive(Debug)]
pub(in super::super) struct Taken<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    pub(in super::super) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, taken_bytes: AtomicUsize::new(0) }
    }

    /// Takes some bytes.
    ///
    /// # Errors
    /// When that would be more than the query may have.
    pub(in super::super) fn take(&self, bytes: usize) -> Result<Taken<'_>, QueryError> {
        let mut taken = Taken { budget: self, bytes: 0 };
        taken.more(bytes)?;
        Ok(taken)
    }
}

impl Taken<'_> {
    /// Takes more bytes.
    ///
    /// # Errors
    /// When that would be more than the query may have.
    pub(in super::super) fn more(&mut self, bytes: usize) -> Result<(), QueryError> {
        let Budget { limit_bytes, ref taken_bytes } = *self.budget;
        let more = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= limit_bytes);
        match taken_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(_) => Err(QueryError::TooLarge { limit_bytes }),
        }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.budget.taken_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
