//! What the threads of a store share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::oneshot;

use super::Options;
use super::figures::{Derivation, FiguresCache};
use super::layout::Layout;
use super::maintenance::Maintenance;
use super::parallel::Helpers;
use super::part::{Cache, Disk, SharedPart};
use super::segment::Segment;
use super::view::{LiveSegment, View};
use super::wal::WalDir;
use crate::store::{Accepted, AppendError, IngestRequest, StoreStats};

/// What a sender is told to wait when the store is over its memory budget: a few group commits.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// A request on its way to the log.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: IngestRequest,
    pub(super) reply: oneshot::Sender<Result<Accepted, AppendError>>,
}

/// The state of a store.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) layout: Layout,
    pub(super) wal: WalDir,
    /// Where parts are written to.
    pub(super) disk: Disk,
    /// Of all parts.
    pub(super) cache: Arc<Cache>,
    /// Of figures.
    pub(super) figures_cache: FiguresCache,
    pub(super) derivation: Derivation,
    pub(super) query_helpers: Arc<Helpers>,
    pub(super) counters: Counters,
    pub(super) maintenance: Maintenance,
    view: RwLock<Arc<View>>,
    // How many spans had come when none had for some time; `u64::MAX` while they come.
    quiet_spans: AtomicU64,
    // Empty segments in the memory of sealed ones.
    spare_segments: Mutex<Vec<Segment>>,
    // The number of the coming segment.
    next_segment: AtomicU64,
    // How many segments have a number, but may not be in the view yet.
    beginning_segments: AtomicUsize,
    queue: Mutex<Queue>,
    // By ingest thread: signalled when a job arrives for it, or the store closes.
    queue_changed: Box<[Condvar]>,
    // Signalled when a segment waits to be sealed, was sealed, or the store closes. Belongs to `queue`'s mutex too.
    segments_changed: Condvar,
    // Why the store cannot make anything durable any more.
    failure: Mutex<Option<String>>,
}

struct Queue {
    // By ingest thread.
    jobs: Box<[VecDeque<Job>]>,
    // The segment that is being sealed; or was, and what it leaves is not yet ready for the next.
    sealing: Option<u64>,
    // Why the oldest segment could not be sealed when that was tried last.
    sealing_failure: Option<String>,
    closing: bool,
}

/// What has become of segments that wait to be sealed.
pub(super) enum Sealing {
    /// They are few enough.
    Done,
    /// The store closes.
    Closing,
    /// They are too many, and the oldest cannot be sealed, for this reason: for want of space, say. It is tried again.
    Fails(String),
}

/// The number of a segment that is being begun.
pub(super) struct SegmentNumber<'a> {
    shared: &'a Shared,
    number: u64,
}

impl SegmentNumber<'_> {
    pub(super) fn get(&self) -> u64 {
        self.number
    }
}

impl Drop for SegmentNumber<'_> {
    fn drop(&mut self) {
        self.shared.beginning_segments.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Figures for [`StoreStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted_spans: AtomicU64,
    pub(super) rejected_spans: AtomicU64,
    pub(super) malformed_requests: AtomicU64,
    pub(super) overloaded_requests: AtomicU64,
    pub(super) pending_bytes: AtomicUsize,
    pub(super) wal_appended_bytes: AtomicU64,
    pub(super) wal_syncs: AtomicU64,
    pub(super) recovered_spans: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).field("stats", &self.stats()).finish()
    }
}

impl Shared {
    pub(super) fn new(
        options: Options,
        layout: Layout,
        wal: WalDir,
        cache: Arc<Cache>,
        view: View,
        next_segment: u64,
    ) -> Self {
        let threads = 0..options.ingest_threads.max(1);
        let jobs = threads.clone().map(|_| VecDeque::new()).collect();
        Self {
            query_helpers: Arc::new(Helpers::new(options.query_helpers)),
            derivation: Derivation::new(&options.topology),
            options,
            layout,
            wal,
            disk: Disk::default(),
            cache,
            figures_cache: FiguresCache::new(),
            counters: Counters::default(),
            maintenance: Maintenance::default(),
            view: RwLock::new(Arc::new(view)),
            quiet_spans: u64::MAX.into(),
            spare_segments: Mutex::default(),
            next_segment: next_segment.into(),
            beginning_segments: AtomicUsize::new(0),
            queue: Mutex::new(Queue { jobs, sealing: None, sealing_failure: None, closing: false }),
            queue_changed: threads.map(|_| Condvar::new()).collect(),
            segments_changed: Condvar::new(),
            failure: Mutex::default(),
        }
    }

    /// All spans, as of now.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Replaces the view by a changed one.
    pub(super) fn change_view(&self, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write();
        let mut changed = View::clone(&view);
        change(&mut changed);
        *view = Arc::new(changed);
        drop(view);
        // Taking the mutex orders this signal behind a waiter's look at the view.
        drop(self.queue.lock());
        self.segments_changed.notify_all();
    }

    /// How many threads ingest.
    pub(super) fn ingest_threads(&self) -> usize {
        self.queue_changed.len()
    }

    /// The number of a new segment, above all others. It is to be dropped when the segment is in the view, or is given up.
    pub(super) fn begin_segment(&self) -> SegmentNumber<'_> {
        self.beginning_segments.fetch_add(1, Ordering::SeqCst);
        SegmentNumber { shared: self, number: self.next_segment.fetch_add(1, Ordering::SeqCst) }
    }

    /// A number below which every segment is in the view, or sealed, or will never be; `None` while one is being begun.
    pub(super) fn settled_segments(&self) -> Option<u64> {
        let next = self.next_segment.load(Ordering::SeqCst);
        (self.beginning_segments.load(Ordering::SeqCst) == 0).then_some(next)
    }

    /// Hands a request to an ingest thread and waits until it is durable.
    pub(super) async fn append(&self, request: IngestRequest) -> Result<Accepted, AppendError> {
        if let Some(reason) = self.failure() {
            return Err(AppendError::Unavailable(reason));
        }
        let bytes = request.body.len() + request.compressed.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let _lease = self.lease(bytes)?;
        let answer = self.enqueue(request)?;
        answer
            .await
            .unwrap_or_else(|_| Err(AppendError::Unavailable("the ingest thread has ended".to_owned())))
    }

    pub(super) fn enqueue(
        &self,
        request: IngestRequest,
    ) -> Result<oneshot::Receiver<Result<Accepted, AppendError>>, AppendError> {
        let (reply, answer) = oneshot::channel();
        // One thread takes all requests of a connection, so they stay in order.
        let thread = (request.connection % self.ingest_threads() as u64) as usize;
        let mut queue = self.queue.lock();
        if queue.closing {
            return Err(AppendError::Unavailable("the store is closing".to_owned()));
        }
        queue.jobs[thread].push_back(Job { request, reply });
        drop(queue);
        self.queue_changed[thread].notify_one();
        Ok(answer)
    }

    /// This thread takes no jobs any more: those that wait for it are given up, which their senders learn, and no more are let in
    /// at all.
    pub(super) fn abandon_jobs(&self, thread: usize) {
        let mut queue = self.queue.lock();
        queue.closing = true;
        let jobs = std::mem::take(&mut queue.jobs[thread]);
        drop(queue);
        drop(jobs);
        self.notify_closing();
    }

    fn notify_closing(&self) {
        for changed in &self.queue_changed {
            changed.notify_all();
        }
        self.segments_changed.notify_all();
    }

    fn lease(&self, bytes: usize) -> Result<Lease<'_>, AppendError> {
        let pending = &self.counters.pending_bytes;
        let before = pending.fetch_add(bytes, Ordering::Relaxed);
        let lease = Lease { pending, bytes };
        // A request that is larger than the whole budget is let in when it is alone: it could never be sent otherwise.
        if before > 0 && before + bytes > self.options.ingest_memory_bytes {
            Counters::add(&self.counters.overloaded_requests, 1);
            return Err(AppendError::Overloaded { retry_after: RETRY_AFTER });
        }
        Ok(lease)
    }

    /// The next jobs of a thread, up to a number and a sum of bytes; waits for one until `deadline`. `None` when the store is
    /// closed and all its jobs are taken.
    pub(super) fn next_jobs(
        &self,
        thread: usize,
        most: usize,
        most_bytes: usize,
        deadline: std::time::Instant,
    ) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock();
        while queue.jobs[thread].is_empty() && !queue.closing {
            if self.queue_changed[thread].wait_until(&mut queue, deadline).timed_out() {
                return Some(Vec::new());
            }
        }
        let waiting = &mut queue.jobs[thread];
        if waiting.is_empty() {
            return None;
        }
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        while let Some(job) = waiting.front()
            && jobs.len() < most
            && (jobs.is_empty() || bytes + job.request.body.len() <= most_bytes)
        {
            bytes += job.request.body.len();
            jobs.extend(waiting.pop_front());
        }
        Some(jobs)
    }

    /// The oldest segment that waits to be sealed; waits for one. `None` when the store closes. Whoever asks is done with the one before.
    pub(super) fn next_to_seal(&self) -> Option<Arc<LiveSegment>> {
        let mut queue = self.queue.lock();
        if queue.sealing.take().is_some() {
            self.segments_changed.notify_all();
        }
        loop {
            if queue.closing {
                return None;
            }
            if let Some(oldest) = self.view().live.iter().find(|segment| !segment.is_open()) {
                queue.sealing = Some(oldest.number);
                return Some(Arc::clone(oldest));
            }
            self.segments_changed.wait(&mut queue);
        }
    }

    /// Keeps the memory of a sealed segment for a coming one, unless a query still reads it, or it was sealed for its age, after a
    /// restart or when no spans came any more: then few spans come, or nobody knows, and memory is better given back.
    pub(super) fn recycle(&self, segment: Arc<LiveSegment>) {
        let Some(segment) = Arc::into_inner(segment).filter(|segment| !segment.is_replayed) else { return };
        let segment = segment.spans.into_inner();
        let Options { segment_max_spans, segment_max_bytes, .. } = self.options;
        let was_full = segment.columns().len() >= segment_max_spans / 2
            || segment.memory_bytes() >= segment_max_bytes / 2;
        if !was_full || self.is_quiet() {
            return;
        }
        let recycled = segment.recycle();
        let mut spares = self.spare_segments.lock();
        // The index of a dictionary does not shrink. One that was flooded would crowd out what comes.
        if spares.len() < self.ingest_threads() && recycled.memory_bytes() < segment_max_bytes / 8 {
            spares.push(recycled);
        }
    }

    /// Whether no spans have come for some time.
    pub(super) fn is_quiet(&self) -> bool {
        self.counters.accepted_spans.load(Ordering::Relaxed) == self.quiet_spans.load(Ordering::Relaxed)
    }

    /// It is quiet until more than so many spans have come; with `None` it is not.
    pub(super) fn set_quiet(&self, spans: Option<u64>) {
        self.quiet_spans.store(spans.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// An empty segment.
    pub(super) fn spare_segment(&self) -> Segment {
        self.spare_segments.lock().pop().unwrap_or_default()
    }

    /// Gives the memory of spare segments back.
    pub(super) fn drop_spare_segments(&self) {
        self.spare_segments.lock().clear();
    }

    /// Waits until at most `most` segments wait to be sealed, and memory and log of those that were are ready for the next; no longer than
    /// until it turns out that the oldest cannot be sealed.
    pub(super) fn wait_for_sealing(&self, most: usize) -> Sealing {
        let mut queue = self.queue.lock();
        while self.unsealed(queue.sealing) > most {
            if queue.closing {
                return Sealing::Closing;
            }
            if let Some(reason) = &queue.sealing_failure {
                return Sealing::Fails(reason.clone());
            }
            self.segments_changed.wait(&mut queue);
        }
        Sealing::Done
    }

    /// Says why the oldest segment could not be sealed, or that it was.
    pub(super) fn set_sealing_failure(&self, reason: Option<String>) {
        self.queue.lock().sealing_failure = reason;
        self.segments_changed.notify_all();
    }

    /// How many segments wait to be sealed, with the one that is being sealed until it is quite done.
    fn unsealed(&self, sealing: Option<u64>) -> usize {
        let view = self.view();
        let closed = || view.live.iter().filter(|segment| !segment.is_open());
        let is_finishing = sealing.is_some_and(|number| closed().all(|segment| segment.number != number));
        closed().count() + usize::from(is_finishing)
    }

    /// Waits until the view is as wished; `false` when the deadline comes, or the store closes, before.
    pub(super) fn wait_for_view(
        &self,
        deadline: std::time::Instant,
        is_wished: impl Fn(&View) -> bool,
    ) -> bool {
        let mut queue = self.queue.lock();
        while !is_wished(&self.view()) {
            if queue.closing || self.segments_changed.wait_until(&mut queue, deadline).timed_out() {
                return is_wished(&self.view());
            }
        }
        true
    }

    /// Waits for some time; `false` when the store closes meanwhile.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let mut queue = self.queue.lock();
        let deadline = std::time::Instant::now() + time;
        while !queue.closing {
            if self.segments_changed.wait_until(&mut queue, deadline).timed_out() {
                return true;
            }
        }
        false
    }

    /// No job is taken from now on; those that wait are finished.
    pub(super) fn begin_close(&self) {
        self.queue.lock().closing = true;
        self.notify_closing();
        self.maintenance.close();
    }

    /// Records that nothing can be made durable any more; the first reason stays.
    pub(super) fn fail(&self, reason: &str) {
        let mut failure = self.failure.lock();
        if failure.is_none() {
            tracing::error!(reason, "the store stops accepting spans");
            *failure = Some(reason.to_owned());
        }
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    pub(super) fn stats(&self) -> StoreStats {
        let counters = &self.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let view = self.view();
        StoreStats {
            accepted_spans: get(&counters.accepted_spans),
            rejected_spans: get(&counters.rejected_spans),
            malformed_requests: get(&counters.malformed_requests),
            overloaded_requests: get(&counters.overloaded_requests),
            pending_bytes: counters.pending_bytes.load(Ordering::Relaxed) as u64,
            unsealed_spans: view.live.iter().map(|segment| segment.visible_rows() as u64).sum(),
            parts: view.parts.len() as u64,
            part_spans: view.parts.iter().map(|part: &SharedPart| part.rows() as u64).sum(),
            part_bytes: view.parts.iter().map(|part| part.bytes()).sum(),
            wal_bytes: self.wal.disk_bytes().unwrap_or_default(),
            wal_appended_bytes: get(&counters.wal_appended_bytes),
            wal_syncs: get(&counters.wal_syncs),
            recovered_spans: get(&counters.recovered_spans),
            maintenance: self.maintenance.stats(),
        }
    }
}

/// Bytes of the memory budget; given back when dropped, also when the sender goes away.
struct Lease<'a> {
    pending: &'a AtomicUsize,
    bytes: usize,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.pending.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The threads of a store.
#[derive(Debug)]
pub(super) struct Workers(Mutex<Vec<JoinHandle<()>>>);

impl Workers {
    pub(super) fn new(workers: Vec<JoinHandle<()>>) -> Self {
        Self(Mutex::new(workers))
    }

    /// Says so when a thread has ended though nobody asked it to.
    pub(super) fn dead(&self) -> Option<String> {
        let workers = self.0.lock();
        let dead = workers.iter().find(|worker| worker.is_finished())?;
        Some(format!("the {} thread died", dead.thread().name().unwrap_or("store's")))
    }

    pub(super) fn take(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.0.lock())
    }
}
