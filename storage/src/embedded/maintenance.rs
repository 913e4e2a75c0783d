//! The thread that looks after parts: it quarantines, expires and merges them.
//!
//! Whoever replaces or removes parts does it [alone](Maintenance::alone). A merge takes long, so it gives way to all who are not of this
//! thread; what it has done so far is thrown away. Sealing needs no such right: it only adds parts.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::idle::Idle;
use super::part::SharedPart;
use super::shared::Shared;
use super::{merge, quarantine, retention};
use crate::store::MaintenanceStats;

/// How often age and free space are looked at when no part comes or goes.
const TICK: Duration = Duration::from_secs(10);
/// How long to wait before a failed merge is tried again: by then there may be space.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What those who change parts share.
#[derive(Default)]
pub(super) struct Maintenance {
    alone: Mutex<()>,
    // How many wait to be alone.
    waiting: AtomicUsize,
    signal: Mutex<Signal>,
    signalled: Condvar,
    // Segments up to this number are sealed as soon as possible, however young and small.
    seal_up_to: AtomicU64,
    // Parts that nobody finds any more, and where their files are.
    removed: Mutex<Vec<(SharedPart, PathBuf)>>,
    pub(super) counters: MaintenanceCounters,
}

#[derive(Default)]
struct Signal {
    closing: bool,
    // Something happened since the thread looked last.
    pending: bool,
}

/// Figures for [`MaintenanceStats`].
#[derive(Default)]
pub(super) struct MaintenanceCounters {
    pub(super) merges: AtomicU64,
    pub(super) merged_spans: AtomicU64,
    pub(super) merge_cpu_ns: AtomicU64,
    pub(super) merge_failures: AtomicU64,
    pub(super) expired_parts: AtomicU64,
    pub(super) expired_spans: AtomicU64,
    pub(super) expired_bytes: AtomicU64,
    pub(super) early_expired_spans: AtomicU64,
    pub(super) deleted_spans: AtomicU64,
    pub(super) quarantined_parts: AtomicU64,
    pub(super) parts_in_quarantine: AtomicU64,
}

impl Maintenance {
    /// The right to replace and remove parts, and to rely on the directories of the parts that are there.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = self.alone.lock();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    /// The same for whoever can wait: a merge that is under way does not give way to another one, or both would do so for ever.
    pub(super) fn alone_in_turn(&self) -> MutexGuard<'_, ()> {
        self.alone.lock()
    }

    /// Whether a merge must end: somebody waits for it, or the store closes.
    pub(super) fn must_give_way(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0 || self.signal.lock().closing
    }

    /// Rests; less long when a merge must end.
    pub(super) fn rest(&self, time: Duration) {
        /// How long whoever waits is kept waiting.
        const STEP: Duration = Duration::from_millis(20);
        let until = Instant::now() + time;
        while !self.must_give_way() && Instant::now() < until {
            let mut signal = self.signal.lock();
            let step = (Instant::now() + STEP).min(until);
            while !signal.closing && !self.signalled.wait_until(&mut signal, step).timed_out() {}
        }
    }

    /// Lets the thread look at the parts.
    pub(super) fn wake(&self) {
        self.signal.lock().pending = true;
        self.signalled.notify_all();
    }

    /// Ends the thread.
    pub(super) fn close(&self) {
        self.signal.lock().closing = true;
        self.signalled.notify_all();
    }

    /// Waits until there is something to do; `false` when the store closes.
    fn wait(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut signal = self.signal.lock();
        while !signal.closing && !signal.pending {
            if self.signalled.wait_until(&mut signal, until).timed_out() {
                break;
            }
        }
        signal.pending = false;
        !signal.closing
    }

    /// Has segments up to this number sealed soon.
    pub(super) fn ask_to_seal(&self, up_to: u64) {
        self.seal_up_to.fetch_max(up_to, Ordering::Relaxed);
    }

    /// Whether a segment is to be sealed as soon as it has a span.
    pub(super) fn must_seal(&self, segment: u64) -> bool {
        segment <= self.seal_up_to.load(Ordering::Relaxed)
    }

    /// Removes the files of a part when the last query that reads it has ended.
    pub(super) fn remove_when_unused(&self, part: SharedPart, dir: PathBuf) {
        self.removed.lock().push((part, dir));
        self.remove_unused();
    }

    fn remove_unused(&self) {
        // Nobody can come by another reference: no view has the part.
        self.removed.lock().retain(|(part, dir)| {
            if SharedPart::strong_count(part) > 1 {
                return true;
            }
            if let Err(error) = std::fs::remove_dir_all(dir) {
                tracing::warn!(dir = %dir.display(), %error, "a removed part's files stay until the next start");
            }
            false
        });
    }

    pub(super) fn stats(&self) -> MaintenanceStats {
        let counters = &self.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MaintenanceStats {
            merges: get(&counters.merges),
            merged_spans: get(&counters.merged_spans),
            merge_cpu_ns: get(&counters.merge_cpu_ns),
            merge_failures: get(&counters.merge_failures),
            expired_parts: get(&counters.expired_parts),
            expired_spans: get(&counters.expired_spans),
            expired_bytes: get(&counters.expired_bytes),
            early_expired_spans: get(&counters.early_expired_spans),
            deleted_spans: get(&counters.deleted_spans),
            quarantined_parts: get(&counters.quarantined_parts),
            parts_in_quarantine: get(&counters.parts_in_quarantine),
        }
    }
}

/// Works until the store is closed.
pub(super) fn run(shared: &Shared) {
    lower_priority();
    let maintenance = &shared.maintenance;
    let (mut delay, mut idle) = (Duration::ZERO, Idle::new());
    while maintenance.wait(delay) {
        delay = round(shared);
        idle.look(shared);
    }
    maintenance.remove_unused();
}

/// Does what is to be done first; returns how long there is nothing more to do.
fn round(shared: &Shared) -> Duration {
    shared.maintenance.remove_unused();
    let alone = shared.maintenance.alone_in_turn();
    quarantine::sweep(shared, &alone);
    retention::sweep(shared, &alone);
    if !shared.options.merge.enabled {
        return TICK;
    }
    match merge::merge_next(shared, &alone, shared.is_quiet()) {
        Ok(merge::Outcome::Merged | merge::Outcome::GaveWay) => Duration::ZERO,
        Ok(merge::Outcome::NothingToDo) => TICK,
        Err(error) => {
            tracing::warn!(%error, "merging failed and will be tried again");
            shared.maintenance.counters.merge_failures.fetch_add(1, Ordering::Relaxed);
            RETRY_AFTER
        }
    }
}

/// Merging is never urgent. The nice value also sets the I/O priority where the scheduler has one.
fn lower_priority() {
    /// Nice value: a tenth of the weight of other threads.
    const NICE: i32 = 10;
    // On Linux this is about the calling thread alone; elsewhere it would slow down the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the priority of the maintenance thread stays as it is");
    }
}
