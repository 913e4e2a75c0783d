//! Where threads exchange what they keep for reuse.
//!
//! A request that is accepted on one thread and answered on another moves its spans that way only: without an exchange, one
//! thread would allocate for ever what the other piles up.

use super::sync::Mutex;

/// Items that no thread has at hand.
pub(crate) struct Depot<T> {
    items: Mutex<Vec<T>>,
    capacity: usize,
}

impl<T> Depot<T> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { items: Mutex::new(Vec::new()), capacity }
    }

    /// Takes all but the first `keep` of a thread's items. What is beyond the capacity is dropped.
    pub(crate) fn give(&self, stock: &mut Vec<T>, keep: usize) {
        let Ok(mut items) = self.items.lock() else { return };
        let room = self.capacity.saturating_sub(items.len());
        items.extend(stock.drain(keep.min(stock.len())..).take(room));
    }

    /// Hands up to `count` items to a thread.
    pub(crate) fn take(&self, stock: &mut Vec<T>, count: usize) {
        let Ok(mut items) = self.items.lock() else { return };
        let left = items.len().saturating_sub(count);
        stock.extend(items.drain(left..));
    }
}
