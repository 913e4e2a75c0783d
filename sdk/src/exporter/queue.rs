//! Finished spans that wait for the exporter.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use laneway_proto::otlp::wire::MAX_VARINT_LEN;
use tokio::sync::Notify;

use crate::record::Ring;

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
    is_closed: AtomicBool,
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
    /// Empty: memory for what comes out of a ring.
    collected: Vec<u8>,
    spans: usize,
    bytes: usize,
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
        Self {
            limits,
            state: Mutex::default(),
            ready: Notify::new(),
            counters: Counters::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Takes a span in, or drops and counts it when it does not fit. Never waits for the exporter.
    pub(crate) fn push(&self, span: &[u8]) {
        let mut state = self.lock();
        let filled = self.admit(&mut state, span);
        drop(state);
        self.tell(filled);
    }

    /// Takes in all spans of a thread's ring, as [`push`](Self::push) would one by one.
    pub(crate) fn collect(&self, ring: &Ring) {
        let mut state = self.lock();
        let mut collected = std::mem::take(&mut state.collected);
        ring.collect(&mut collected);
        let (mut rest, mut filled) = (&collected[..], false);
        while !rest.is_empty() {
            let (span, behind) = rest.split_at(record_len(rest));
            filled |= self.admit(&mut state, span);
            rest = behind;
        }
        collected.clear();
        state.collected = collected;
        drop(state);
        self.tell(filled);
    }

    /// Takes one span in, or counts it as dropped; true when that completed a chunk.
    fn admit(&self, state: &mut State, span: &[u8]) -> bool {
        let limits = &self.limits;
        if span.len() > limits.chunk_bytes
            || self.is_closed()
            || state.spans >= limits.max_spans
            || state.bytes + span.len() > limits.max_bytes
        {
            Counters::add(&self.counters.dropped, 1);
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
        filled
    }

    fn tell(&self, filled: bool) {
        if filled {
            self.ready.notify_one();
        }
    }

    /// How many spans make a chunk full.
    #[inline]
    pub(crate) fn batch_spans(&self) -> usize {
        self.limits.chunk_spans
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
        self.is_closed.store(true, Ordering::Release);
    }

    /// Whether spans come in vain.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
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

/// Length of the record that these bytes begin with: a key of one byte, a length, and so many bytes.
fn record_len(bytes: &[u8]) -> usize {
    let (mut len, mut at) = (0, 1);
    for &byte in bytes.iter().skip(1).take(MAX_VARINT_LEN) {
        len |= usize::from(byte & 0x7f) << (7 * (at - 1));
        at += 1;
        if byte < 0x80 {
            break;
        }
    }
    (at + len).min(bytes.len())
}
