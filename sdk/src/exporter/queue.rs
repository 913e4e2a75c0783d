//! Finished spans that wait for the exporter.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[cfg(test)]
mod tests;

/// Encoded spans in chunks, each of which becomes one export.
///
/// Full means: the new span is dropped and counted. What waits was recorded earlier and is closer to being sent.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    /// A chunk is full.
    ready: Notify,
    counters: Counters,
}

/// Bounds of the queue, and of one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    pub(crate) max_spans: usize,
    pub(crate) max_bytes: usize,
    pub(crate) chunk_spans: usize,
    pub(crate) chunk_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    spans: usize,
    bytes: usize,
    closed: bool,
}

/// Encoded `ScopeSpans.spans` fields, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: usize,
}

/// What became of the spans so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) exported: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, spans: usize) {
        counter.fetch_add(spans as u64, Ordering::Relaxed);
    }

    pub(crate) fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { limits, state: Mutex::default(), ready: Notify::new(), counters: Counters::default() }
    }

    /// Takes a span in, or drops and counts it when it does not fit. Never waits for the exporter.
    pub(crate) fn push(&self, span: &[u8]) {
        if span.len() > self.limits.chunk_bytes || !self.try_push(span) {
            Counters::add(&self.counters.dropped, 1);
        }
    }

    fn try_push(&self, span: &[u8]) -> bool {
        let limits = &self.limits;
        let mut state = self.lock();
        if state.closed || state.spans >= limits.max_spans || state.bytes + span.len() > limits.max_bytes {
            return false;
        }
        state.spans += 1;
        state.bytes += span.len();
        let has_room = |chunk: &Chunk| {
            chunk.spans < limits.chunk_spans && chunk.bytes.len() + span.len() <= limits.chunk_bytes
        };
        let opened_another = !state.chunks.back().is_some_and(has_room);
        if opened_another {
            state.chunks.push_back(Chunk::default());
        }
        let mut filled = opened_another && state.chunks.len() > 1;
        if let Some(chunk) = state.chunks.back_mut() {
            chunk.bytes.extend_from_slice(span);
            chunk.spans += 1;
            filled |= chunk.spans == limits.chunk_spans;
        }
        drop(state);
        if filled {
            self.ready.notify_one();
        }
        true
    }

    /// The oldest chunk, if it is full.
    pub(crate) fn take_full(&self) -> Option<Chunk> {
        let mut state = self.lock();
        let is_full = state.chunks.len() > 1
            || state.chunks.front().is_some_and(|chunk| chunk.spans >= self.limits.chunk_spans);
        if is_full { state.take() } else { None }
    }

    /// The oldest chunk, full or not.
    pub(crate) fn take(&self) -> Option<Chunk> {
        self.lock().take()
    }

    /// How many chunks there are.
    pub(crate) fn chunk_count(&self) -> usize {
        self.lock().chunks.len()
    }

    /// Waits for a full chunk.
    pub(crate) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// From now on nothing is taken in.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock; should it, the queue is still a queue.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.spans -= chunk.spans;
        self.bytes -= chunk.bytes.len();
        Some(chunk)
    }
}
