//! What there is to do when nothing comes: memory that was kept for what comes next is given back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::view::LiveSegment;

/// What is not used for so long is given up, at the latest after twice as long.
const QUIET: Duration = Duration::from_secs(60);
/// A segment that takes more than this is sealed when it is quiet, before it is old: its part takes a tenth of it, and none of it is memory.
const MAX_QUIET_SEGMENT_BYTES: usize = 4 << 20;

/// What the store had done when it was looked at last.
pub(super) struct Idle {
    looked: Instant,
    accepted_spans: u64,
    cache_uses: u64,
}

impl Idle {
    pub(super) fn new() -> Self {
        Self { looked: Instant::now(), accepted_spans: 0, cache_uses: 0 }
    }

    /// Gives up the cache when there was no query for some time, and spare segments and old traces when there were no spans; then large segments
    /// are sealed, too.
    pub(super) fn look(&mut self, shared: &Shared) {
        if self.looked.elapsed() >= QUIET {
            self.looked = Instant::now();
            self.give_up_unused(shared);
        }
    }

    fn give_up_unused(&mut self, shared: &Shared) {
        let accepted_spans = shared.counters.accepted_spans.load(Ordering::Relaxed);
        let cache_uses = shared.cache.uses();
        if cache_uses == self.cache_uses {
            shared.cache.clear();
        }
        let is_coming = accepted_spans != self.accepted_spans;
        shared.set_quiet((!is_coming).then_some(accepted_spans));
        if !is_coming {
            shared.drop_spare_segments();
            shared.figures_cache.clear();
            seal_large(shared);
        }
        shared.derivation.forget(&shared.options.topology, is_coming);
        (self.accepted_spans, self.cache_uses) = (accepted_spans, cache_uses);
    }
}

fn seal_large(shared: &Shared) {
    let view = shared.view();
    let open = view.live.iter().filter(|segment| segment.is_open());
    let is_large =
        |segment: &&Arc<LiveSegment>| segment.spans.read().memory_bytes() > MAX_QUIET_SEGMENT_BYTES;
    if let Some(newest) = open.filter(is_large).map(|segment| segment.number).max() {
        shared.maintenance.ask_to_seal(newest);
    }
}

#[cfg(test)]
mod tests;
