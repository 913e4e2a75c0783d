//! What became of queries, how many are under way, and how long they take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::http::StatusCode;
use axum::response::Response;
use laneway_storage::query::Histogram;
use tokio::sync::{Semaphore, SemaphorePermit};

#[cfg(test)]
mod tests;

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryOutcome {
    /// It has its answer.
    Answered,
    /// Refused: a parameter cannot be used, or what it names does not exist.
    Invalid,
    /// Refused: it, or its answer, is over a limit.
    TooLarge,
    /// Refused: what is to answer it does not at present.
    Unavailable,
    /// Given up: it took longer than a query may.
    TimedOut,
    /// It failed within the server.
    Failed,
    /// Whoever asked went away before there was an answer.
    Cancelled,
}

impl QueryOutcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Answered,
        Self::Invalid,
        Self::TooLarge,
        Self::Unavailable,
        Self::TimedOut,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As it stands in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// By status, where nothing more is known.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => Self::TimedOut,
            status if status.is_server_error() => Self::Failed,
            status if status.is_client_error() => Self::Invalid,
            _ => Self::Answered,
        }
    }

    /// Errors leave theirs with the response, since several share a status.
    pub(crate) fn of(response: &Response) -> Self {
        let status = response.status();
        response.extensions().get().copied().unwrap_or_else(|| Self::of_status(status))
    }
}

/// Figures of queries at one instant; counts begin at 0 with the process.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryStats {
    /// How many are being answered, now.
    pub running: u64,
    /// How many wait until fewer are, now.
    pub waiting: u64,
    /// How many may be answered at the same time.
    pub limit: u64,
    /// How many ended, by [`QueryOutcome`], in the order of [`QueryOutcome::ALL`].
    pub ended: [u64; QueryOutcome::ALL.len()],
    /// How long those of the last five to ten minutes took, waiting included, whatever became of them, in nanoseconds.
    pub recent_duration_ns: Histogram,
}

impl QueryStats {
    /// How many ended so.
    pub fn ended(&self, outcome: QueryOutcome) -> u64 {
        self.ended[outcome as usize]
    }
}

/// The places for queries, and what is counted of them.
#[derive(Debug)]
pub(crate) struct Queries {
    slots: Semaphore,
    limit: usize,
    open: AtomicU64,
    waiting: AtomicU64,
    ended: [AtomicU64; QueryOutcome::ALL.len()],
    recent: Mutex<Recent>,
}

impl Queries {
    /// At most so many are answered at the same time.
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            slots: Semaphore::new(limit),
            limit,
            open: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            ended: Default::default(),
            recent: Mutex::default(),
        }
    }

    /// A query has arrived.
    pub(crate) fn arrived(&self) -> Arrived<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Arrived { queries: self, at: Instant::now(), is_counted: false }
    }

    /// Waits for a place. Whoever stops waiting gives it up.
    pub(crate) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Some(slot);
        }
        let _waiting = Counted::one(&self.waiting);
        // The semaphore is never closed.
        self.slots.acquire().await.ok()
    }

    pub(crate) fn stats(&self, now_unix_ns: u64) -> QueryStats {
        let open = self.open.load(Ordering::Relaxed);
        let waiting = self.waiting.load(Ordering::Relaxed).min(open);
        QueryStats {
            running: open - waiting,
            waiting,
            limit: self.limit as u64,
            ended: std::array::from_fn(|outcome| self.ended[outcome].load(Ordering::Relaxed)),
            recent_duration_ns: self.recent(now_unix_ns, |recent| recent.durations()),
        }
    }

    fn recent<T>(&self, now_unix_ns: u64, look: impl FnOnce(&mut Recent) -> T) -> T {
        // Counts stay counts, whoever died while it held them.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.turn(now_unix_ns);
        look(&mut recent)
    }

    fn count(&self, outcome: QueryOutcome) {
        self.ended[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// A query under way. One that is dropped was cancelled.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    queries: &'a Queries,
    at: Instant,
    is_counted: bool,
}

impl Arrived<'_> {
    /// It has ended.
    pub(crate) fn ended(mut self, outcome: QueryOutcome, now_unix_ns: u64) {
        let duration_ns = u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.queries.recent(now_unix_ns, |recent| recent.current.record(duration_ns));
        self.queries.count(outcome);
        self.is_counted = true;
    }
}

impl Drop for Arrived<'_> {
    fn drop(&mut self) {
        if !self.is_counted {
            self.queries.count(QueryOutcome::Cancelled);
        }
        self.queries.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One more for as long as this lives.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn one(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Durations of this turn and the one before.
#[derive(Debug, Default)]
struct Recent {
    turned_unix_ns: u64,
    current: Histogram,
    before: Histogram,
}

/// How long a turn takes, in nanoseconds: five minutes.
const TURN_NS: u64 = 5 * 60 * 1_000_000_000;

impl Recent {
    fn turn(&mut self, now_unix_ns: u64) {
        let turns = now_unix_ns.saturating_sub(self.turned_unix_ns) / TURN_NS;
        if turns > 0 {
            self.before = std::mem::take(&mut self.current);
            self.turned_unix_ns += turns * TURN_NS;
        }
        if turns > 1 {
            self.before = Histogram::default();
        }
    }

    fn durations(&self) -> Histogram {
        let mut durations = self.before.clone();
        durations.merge(&self.current);
        durations
    }
}
