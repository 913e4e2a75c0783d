//! What the service holds while it is traced.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exporter::Handle;
use crate::record::{Core, DefaultScope};
use crate::sampler::SamplerHandle;

/// Keeps the exporter running; what is left is sent when it is dropped or [shut down](Guard::shutdown).
///
/// Hold it in `main` until everything that is traced has ended. Dropping blocks the thread, for the
/// [shutdown timeout](crate::Builder::shutdown_timeout) at most, and for a single connection attempt when there is no
/// collector; in async code, [`shutdown`](Guard::shutdown) waits without blocking.
#[must_use = "the exporter stops when the guard is dropped"]
pub struct Guard {
    // None when the SDK is disabled.
    running: Option<Running>,
}

struct Running {
    worker: Handle,
    core: Arc<Core>,
    shutdown_timeout: Duration,
}

/// What became of the spans of this process so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Acknowledged by the collector.
    pub exported: u64,
    /// Never sent: the queue was full or closed, the span was too large, or the shutdown timeout ran out.
    pub dropped: u64,
    /// Sent in vain: refused by the collector, or given up after retries.
    pub failed: u64,
    /// Spans that began a trace of their own where they should have been part of one: their context was lost on the way, as over
    /// a plain `tokio::spawn`. Counted in a process that answers requests or handles messages, for sampled spans that do neither
    /// and were not opened as roots on purpose. A log line of level `DEBUG`, at most one a second, says where.
    pub context_lost: u64,
}

impl Guard {
    pub(crate) fn new(worker: Handle, core: Arc<Core>, shutdown_timeout: Duration) -> Self {
        Self { running: Some(Running { worker, core, shutdown_timeout }) }
    }

    pub(crate) fn disabled() -> Self {
        Self { running: None }
    }

    /// Makes this the SDK that [`span!`](crate::span!) records with, in the whole process; false when there is one already.
    ///
    /// [`install`](crate::Builder::install) does it. It is for those who stack the layer of
    /// [`build`](crate::Builder::build) themselves, or use no `tracing` at all.
    pub fn make_default(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.core.make_default())
    }

    /// Makes this the SDK that [`span!`](crate::span!) records with on this thread, until the scope is dropped: for tests.
    #[must_use = "the scope ends as soon as it is dropped"]
    pub fn default_scope(&self) -> DefaultScope {
        DefaultScope::enter(self.running.as_ref().map(|running| running.core.clone()))
    }

    /// The way to change the sampler while the SDK runs; `None` when it is disabled.
    pub fn sampler(&self) -> Option<SamplerHandle> {
        self.running.as_ref().map(|running| running.core.sampler.clone())
    }

    /// What became of the spans so far. All zero when the SDK is disabled.
    pub fn stats(&self) -> Stats {
        self.running.as_ref().map(|running| running.stats()).unwrap_or_default()
    }

    /// Sends what is queued, without waiting for its time; false when a part of it could not be sent.
    ///
    /// While there is no collector it waits for as long as a batch is retried: put it under a timeout.
    pub async fn flush(&self) -> bool {
        match &self.running {
            Some(running) => running.worker.flush().await,
            None => true,
        }
    }

    /// Sends what is left, for the shutdown timeout at most, and stops the exporter. Gives the final figures.
    pub async fn shutdown(mut self) -> Stats {
        let Some(running) = &mut self.running else { return Stats::default() };
        running.worker.stop(running.shutdown_timeout);
        running.worker.stopped().await;
        running.stats()
    }
}

impl Running {
    fn stats(&self) -> Stats {
        let counters = self.core.queue.counters();
        Stats {
            exported: counters.exported(),
            dropped: counters.dropped(),
            failed: counters.failed(),
            context_lost: self.core.orphans.count(),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            running.worker.stop(running.shutdown_timeout);
            running.worker.join();
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
