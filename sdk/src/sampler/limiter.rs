//! So many a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The generic cell rate algorithm: one number says when the next one would be due if they came evenly; a burst may run ahead of
/// that by a second.
#[derive(Debug)]
pub(super) struct Limiter {
    /// Between two that come evenly. None when none is let through.
    interval_ns: Option<u64>,
    since: Instant,
    /// Nanoseconds from `since`.
    due_ns: AtomicU64,
}

/// How far a burst may run ahead.
const BURST_NS: u64 = 1_000_000_000;

impl Limiter {
    pub(super) fn new(per_second: f64) -> Self {
        let interval_ns = (per_second > 0.0).then(|| (1e9 / per_second) as u64);
        Self { interval_ns, since: Instant::now(), due_ns: AtomicU64::new(0) }
    }

    pub(super) fn admits(&self) -> bool {
        self.admits_at(u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn admits_at(&self, now_ns: u64) -> bool {
        let Some(interval_ns) = self.interval_ns else { return false };
        let next = |due_ns: u64| {
            let due_ns = due_ns.max(now_ns);
            let is_in_burst = due_ns - now_ns <= BURST_NS.saturating_sub(interval_ns);
            is_in_burst.then(|| due_ns.saturating_add(interval_ns))
        };
        self.due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }
}

/// A limiter is what it is set to, not what it has let through.
impl PartialEq for Limiter {
    fn eq(&self, other: &Self) -> bool {
        self.interval_ns == other.interval_ns
    }
}
