//! Spans that have lost their context.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counts the spans that began a trace where one was under way, as far as that can be told: the process answers requests or
/// takes messages, and this span does neither, nor was it opened as a root on purpose.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    has_entries: AtomicBool,
    count: AtomicU64,
    last: Mutex<Option<Orphan>>,
}

/// The last one that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orphan {
    pub(crate) name: &'static str,
    /// Where a `tracing` span was opened: `file:line`.
    pub(crate) location: Option<String>,
    pub(crate) thread: String,
}

impl Orphans {
    /// An entry or a suspect has ended.
    pub(super) fn report(&self, is_entry: bool, name: &'static str, location: Option<(&'static str, u32)>) {
        if is_entry {
            self.has_entries.store(true, Ordering::Relaxed);
        } else if self.has_entries() {
            self.count.fetch_add(1, Ordering::Relaxed);
            let location = location.map(|(file, line)| format!("{file}:{line}"));
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Orphan { name, location, thread });
        }
    }

    /// Whether requests or messages enter the process: before the first has ended, nothing can be told.
    pub(super) fn has_entries(&self) -> bool {
        self.has_entries.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The last one since this was asked.
    pub(crate) fn take_last(&self) -> Option<Orphan> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
