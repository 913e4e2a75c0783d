//! How long to wait before the next attempt.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// Doubling waits with jitter: services that lost their collector together must not come back together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) const fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// The next wait: between half and the whole of a base that doubles up to five seconds; never less than the peer
    /// asked for.
    pub(crate) fn wait(&mut self, asked_for: Option<Duration>) -> Duration {
        let base = self.next;
        self.next = (base * 2).min(Self::LONGEST);
        let jittered = base.mul_f64(rand::random_range(0.5..=1.0));
        match asked_for {
            Some(asked_for) => asked_for.saturating_add(jittered.saturating_sub(base / 2)),
            None => jittered,
        }
    }
}
