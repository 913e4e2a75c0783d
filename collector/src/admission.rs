//! The memory budget of ingest.
//!
//! A request takes a [`Lease`] on the bytes that it will occupy before they are read, as far as its size is known by
//! then, and gives it back when the store has answered. Nothing waits for budget: what does not fit is refused at once,
//! with an answer that asks the sender to try again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::ByteSize;

/// The budget. Clones share it.
#[derive(Debug, Clone)]
pub struct Admission {
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct Budget {
    capacity: u64,
    in_use: AtomicU64,
}

/// The budget does not hold that many bytes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ingest is over its memory budget")]
pub struct Exhausted;

impl Admission {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(capacity: ByteSize) -> Self {
        Self { budget: Arc::new(Budget { capacity: capacity.0, in_use: AtomicU64::new(0) }) }
    }

    /// Takes bytes out of the budget until the lease is dropped.
    ///
    /// # Errors
    /// When that many are not left.
    pub fn lease(&self, bytes: usize) -> Result<Lease, Exhausted> {
        let mut lease = Lease { budget: Arc::clone(&self.budget), bytes: 0 };
        lease.grow(bytes)?;
        Ok(lease)
    }

    /// Bytes that are leased now.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.budget.in_use.load(Ordering::Relaxed)
    }

    /// The whole budget, in bytes.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.budget.capacity
    }
}

/// Bytes of the budget that one request holds; dropping it gives them back.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Lease {
    /// Takes more.
    ///
    /// # Errors
    /// When that many are not left. The lease keeps what it has.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let bytes = bytes as u64;
        let within = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.budget.capacity);
        self.budget
            .in_use
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
            .map_err(|_| Exhausted)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.in_use.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
