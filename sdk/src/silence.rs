//! Threads whose spans are not recorded: the exporter's own.
//!
//! What tonic, hyper and h2 trace while they export must not be exported in turn. The obvious means, a scoped
//! `NoSubscriber` on those threads, has a price for all others: as long as any thread has a scoped default, every
//! `tracing` call of the process looks for its own, instead of going straight to the global one.

use std::cell::Cell;

use crate::record;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// From now on, no span of this thread is recorded.
pub(crate) fn silence_this_thread() {
    SILENT.set(true);
    record::default::unset_on_this_thread();
}

/// Whether the spans of this thread are left out.
pub(crate) fn is_silent() -> bool {
    SILENT.try_with(Cell::get).unwrap_or(false)
}
