//! Finished spans that wait for the exporter.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::record::{Extent, Segment, Writer};

#[cfg(test)]
mod tests;

/// Segment of a thread. A span that is larger goes to the queue by itself.
pub(crate) const SEGMENT_BYTES: usize = 32 * 1024;
/// Segments that are kept for reuse, at most.
const MAX_SPARE: usize = 32;

/// Encoded spans, in the segments that threads wrote them into.
///
/// A thread has one segment at a time and fills it without asking. Full ones wait here; of the others, what is in them is taken
/// when it is time to export. Full means: what a thread hands over is dropped and counted. What waits was recorded earlier
/// and is closer to being sent.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: QueueLimits,
    state: Mutex<State>,
    /// Enough for a chunk is there.
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

#[derive(Default)]
struct State {
    /// What waits, oldest first.
    pieces: VecDeque<Piece>,
    waiting: Extent,
    /// The segments that threads are filling, each at a place of its own.
    live: Vec<Option<Live>>,
    spare: Vec<Arc<Segment>>,
}

/// A segment that is being filled, and how far it has been taken.
struct Live {
    segment: Arc<Segment>,
    taken: Extent,
}

struct Piece {
    source: Source,
    extent: Extent,
}

enum Source {
    /// From this extent on.
    Segment(Arc<Segment>, Extent),
    Bytes(Vec<u8>),
}

/// What becomes one export: encoded `ScopeSpans.spans` fields, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: usize,
}

/// A thread's end of the queue.
pub(crate) struct Sender {
    queue: Arc<Queue>,
    place: usize,
    writer: Writer,
    /// As the queue's limits have it.
    chunk_spans: usize,
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

impl Sender {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        let mut state = queue.lock();
        let writer = state.writer();
        let place = state.live.iter().position(Option::is_none).unwrap_or_else(|| {
            state.live.push(None);
            state.live.len() - 1
        });
        state.live[place] = Some(Live::of(&writer));
        drop(state);
        let chunk_spans = queue.limits.chunk_spans;
        Self { queue, place, writer, chunk_spans }
    }

    /// Takes a span in, of a head and some pieces; false, and nothing is taken, when there is no room for it here.
    #[inline(always)]
    pub(crate) fn try_send<const H: usize, const N: usize>(
        &mut self,
        head: &[u8; H],
        pieces: [&[u8]; N],
    ) -> bool {
        if self.queue.is_closed() {
            return false;
        }
        let Some(spans) = self.writer.push(head, pieces) else { return false };
        if spans >= self.chunk_spans {
            self.hand_over();
        }
        true
    }

    /// The same, in an empty segment if there is no room in this one.
    #[cold]
    pub(crate) fn send_pieces<const N: usize>(&mut self, span: [&[u8]; N]) -> bool {
        self.try_send(&[], span) || {
            self.hand_over();
            self.try_send(&[], span)
        }
    }

    /// Takes a span in, or drops and counts it when it does not fit. Never waits for the exporter.
    #[cold]
    pub(crate) fn send(&mut self, span: &[u8]) {
        if !self.send_pieces([span]) {
            self.queue.push(span);
        }
    }

    /// Hands the segment to the exporter and begins another.
    #[cold]
    fn hand_over(&mut self) {
        let mut state = self.queue.lock();
        // The new one first: a segment that is dropped can be used again only when its writer has let go of it.
        self.writer = state.writer();
        let live = state.live[self.place].replace(Live::of(&self.writer));
        let is_ready = live.is_some_and(|live| self.queue.retire(&mut state, live));
        drop(state);
        self.queue.tell(is_ready);
    }
}

impl Drop for Sender {
    /// What the thread leaves is handed over.
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        let live = state.live[self.place].take();
        let is_ready = live.is_some_and(|live| self.queue.retire(&mut state, live));
        drop(state);
        self.queue.tell(is_ready);
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

    /// Takes in a span that no segment can hold.
    pub(crate) fn push(&self, span: &[u8]) {
        let mut state = self.lock();
        let source = Source::Bytes(span.to_owned());
        let is_ready =
            self.admit(&mut state, Piece { source, extent: Extent { bytes: span.len(), spans: 1 } });
        drop(state);
        self.tell(is_ready);
    }

    /// Brings in what the threads' segments hold by now.
    pub(crate) fn collect(&self) {
        let mut state = self.lock();
        for place in 0..state.live.len() {
            let Some(live) = &mut state.live[place] else { continue };
            let filled = live.segment.filled();
            let extent = filled.minus(live.taken);
            if extent.spans > 0 {
                let source = Source::Segment(live.segment.clone(), live.taken);
                live.taken = filled;
                self.admit(&mut state, Piece { source, extent });
            }
        }
    }

    /// Takes over a segment that its thread has left. True when there is enough for a chunk.
    fn retire(&self, state: &mut State, live: Live) -> bool {
        let extent = live.segment.filled().minus(live.taken);
        if extent.spans == 0 {
            state.keep(live.segment);
            return false;
        }
        self.admit(state, Piece { source: Source::Segment(live.segment, live.taken), extent })
    }

    /// Takes spans in, or counts them as dropped. True when there is enough for a chunk.
    fn admit(&self, state: &mut State, piece: Piece) -> bool {
        let (limits, Extent { bytes, spans }) = (&self.limits, piece.extent);
        if bytes > limits.chunk_bytes
            || self.is_closed()
            || state.waiting.spans + spans > limits.max_spans
            || state.waiting.bytes + bytes > limits.max_bytes
        {
            Counters::add(&self.counters.dropped, spans);
            state.recycle(piece.source);
            return false;
        }
        state.waiting.spans += spans;
        state.waiting.bytes += bytes;
        state.pieces.push_back(piece);
        self.is_enough(state)
    }

    fn is_enough(&self, state: &State) -> bool {
        state.waiting.spans >= self.limits.chunk_spans || state.waiting.bytes >= self.limits.chunk_bytes
    }

    fn tell(&self, is_ready: bool) {
        if is_ready {
            self.ready.notify_one();
        }
    }

    /// The oldest spans, if there are enough for a chunk.
    pub(crate) fn take_full(&self) -> Option<Chunk> {
        let state = self.lock();
        if self.is_enough(&state) { self.take_from(state) } else { None }
    }

    /// The oldest spans, however many.
    pub(crate) fn take(&self) -> Option<Chunk> {
        self.take_from(self.lock())
    }

    /// As many pieces as a chunk may have, as one.
    fn take_from(&self, mut state: MutexGuard<'_, State>) -> Option<Chunk> {
        let (mut pieces, mut total) = (Vec::new(), Extent::default());
        while let Some(Piece { extent, .. }) = state.pieces.front() {
            let (bytes, spans) = (total.bytes + extent.bytes, total.spans + extent.spans);
            if !pieces.is_empty() && (bytes > self.limits.chunk_bytes || spans > self.limits.chunk_spans) {
                break;
            }
            total = Extent { bytes, spans };
            pieces.extend(state.pieces.pop_front());
        }
        state.waiting = state.waiting.minus(total);
        drop(state);
        if pieces.is_empty() {
            return None;
        }
        // Copied without the lock: threads need not wait for it.
        let mut chunk = Chunk { bytes: Vec::with_capacity(total.bytes), spans: total.spans };
        for Piece { source, extent } in &pieces {
            match source {
                Source::Segment(segment, from) => {
                    let to = Extent { bytes: from.bytes + extent.bytes, spans: from.spans + extent.spans };
                    segment.read(*from, to, &mut chunk.bytes);
                }
                Source::Bytes(bytes) => chunk.bytes.extend_from_slice(bytes),
            }
        }
        let mut state = self.lock();
        pieces.into_iter().for_each(|piece| state.recycle(piece.source));
        Some(chunk)
    }

    /// How many chunks it would take at least to empty it.
    pub(crate) fn chunk_count(&self) -> usize {
        let state = self.lock();
        // Each holds a piece or more.
        state.pieces.len()
    }

    /// Waits until there is enough for a chunk.
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

impl Live {
    fn of(writer: &Writer) -> Self {
        Self { segment: writer.segment().clone(), taken: Extent::default() }
    }
}

impl State {
    /// An empty segment to fill.
    fn writer(&mut self) -> Writer {
        let spare = std::iter::from_fn(|| self.spare.pop()).find_map(Segment::reuse);
        spare.unwrap_or_else(|| Segment::with_capacity(SEGMENT_BYTES))
    }

    fn recycle(&mut self, source: Source) {
        if let Source::Segment(segment, _) = source {
            self.keep(segment);
        }
    }

    /// Keeps a segment for reuse; one that somebody else holds still, they will bring.
    fn keep(&mut self, mut segment: Arc<Segment>) {
        if self.spare.len() < MAX_SPARE && Arc::get_mut(&mut segment).is_some() {
            self.spare.push(segment);
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}
