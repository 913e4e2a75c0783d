//! The ingest threads. Each alone appends to its open segment and to the log of that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use laneway_proto::otlp::reader::TracesRequest;
use tokio::sync::oneshot;

use super::segment::Segment;
use super::shared::{Counters, Job, Sealing, Shared};
use super::view::LiveSegment;
use super::wal::{WalError, WalFile};
use crate::store::{Accepted, AppendError, IngestRequest};

/// The most requests that share one sync.
const GROUP_REQUESTS: usize = 64;
/// The most bytes that share one sync.
const GROUP_BYTES: usize = 16 /* MiB */ * 1024 * 1024;
/// How often an idle thread looks whether its segment has grown old.
const TICK: Duration = Duration::from_millis(250);
/// What an ingest thread owns.
pub(super) struct Ingest {
    shared: Arc<Shared>,
    // Which of the threads it is.
    thread: usize,
    open: Arc<LiveSegment>,
    log: WalFile,
    // When the open segment got its first span.
    since: Option<Instant>,
    // Why the open segment, which is full, cannot make place for another.
    stuck: Option<String>,
}

/// A request that is in the segment but not yet durable.
struct Appended {
    reply: Reply,
    accepted: Accepted,
}

type Reply = oneshot::Sender<Result<Accepted, AppendError>>;

impl Ingest {
    /// Begins the thread's first segment.
    pub(super) fn new(shared: Arc<Shared>, thread: usize) -> Result<Self, WalError> {
        let number = shared.begin_segment();
        let log = shared.wal.create(number.get())?;
        let open = Arc::new(LiveSegment::new_open(number.get(), shared.spare_segment()));
        shared.change_view(|view| view.add_live(Arc::clone(&open)));
        drop(number);
        Ok(Self { shared, thread, open, log, since: None, stuck: None })
    }

    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        let _abandoned = AbandonJobs(Arc::clone(&self.shared), self.thread);
        loop {
            let deadline = Instant::now() + TICK;
            let deadline = self.log.next_sync().map_or(deadline, |sync| sync.min(deadline));
            let Some(jobs) = self.shared.next_jobs(self.thread, GROUP_REQUESTS, GROUP_BYTES, deadline) else {
                break;
            };
            if jobs.is_empty() {
                self.sync_if_due();
            } else if let Some(reason) = &self.stuck {
                refuse(jobs, reason);
            } else {
                self.commit(jobs);
            }
            if self.is_due() && !self.rotate() {
                break;
            }
            self.forget_refused();
        }
        if let Err(error) = self.log.close() {
            tracing::error!(%error, "the write-ahead log was not closed cleanly");
        }
    }

    /// Makes a group of requests durable with one sync, and answers them.
    fn commit(&mut self, jobs: Vec<Job>) {
        let (rows_before, group) = self.append_to_segment(jobs);
        if group.is_empty() {
            return;
        }
        match self.append_to_log() {
            Ok(()) => {
                self.open.publish();
                self.since.get_or_insert_with(Instant::now);
                for Appended { reply, accepted } in group {
                    Counters::add(&self.shared.counters.accepted_spans, accepted.spans);
                    Counters::add(&self.shared.counters.rejected_spans, accepted.rejected_spans);
                    answer(reply, Ok(accepted));
                }
            }
            Err(error) => {
                self.open.spans.write().truncate(rows_before);
                let reason = error.to_string();
                if error.is_poisoned() {
                    self.shared.fail(&reason);
                }
                for Appended { reply, .. } in group {
                    answer(reply, Err(AppendError::Unavailable(reason.clone())));
                }
            }
        }
    }

    /// Puts each request into the group that will be logged, and appends its spans to the segment.
    fn append_to_segment(&mut self, jobs: Vec<Job>) -> (usize, Vec<Appended>) {
        let mut group = Vec::with_capacity(jobs.len());
        let rows_before = self.open.spans.read().columns().len();
        if rows_before == 0 {
            // Not before something comes: freed memory that it would be made of goes back to the system otherwise.
            self.open.spans.write().reserve(self.shared.options.segment_max_spans);
        }
        for Job { request, reply } in jobs {
            let staged = self.log.staged();
            match self.append_request(&request) {
                Ok(accepted) if accepted.spans == 0 => {
                    self.log.unstage(staged);
                    Counters::add(&self.shared.counters.rejected_spans, accepted.rejected_spans);
                    answer(reply, Ok(accepted));
                }
                Ok(accepted) => group.push(Appended { reply, accepted }),
                Err(error) => {
                    self.log.unstage(staged);
                    answer(reply, Err(error));
                }
            }
        }
        (rows_before, group)
    }

    fn append_request(&mut self, request: &IngestRequest) -> Result<Accepted, AppendError> {
        let IngestRequest { body, compressed, .. } = request;
        let uncompressed_len = body.len() as u32;
        let staged = match compressed {
            None => self.log.stage(None, uncompressed_len, body.pieces()),
            Some((compression, bytes)) => {
                self.log.stage(Some(*compression), uncompressed_len, std::iter::once(&bytes[..]))
            }
        };
        let staged = staged.map_err(|error| AppendError::Unavailable(error.to_string()))?;
        // What is staged was just copied, all into one piece: there it is read for the cheapest.
        let inflated = compressed.is_some().then(|| body.joined());
        let body = TracesRequest::new(inflated.as_deref().unwrap_or(staged));
        // Locked per request, so that queries get their turn.
        let appended = self.open.spans.write().append(body);
        appended.map_err(|error| {
            Counters::add(&self.shared.counters.malformed_requests, 1);
            // A lazy walk does not always know the whole path of what it stumbles over; a full one does.
            let error = body.validate().err().unwrap_or(error);
            AppendError::Malformed(error.to_string())
        })
    }

    fn append_to_log(&mut self) -> Result<(), WalError> {
        let bytes = self.log.append_staged()?;
        Counters::add(&self.shared.counters.wal_appended_bytes, bytes);
        let synced = self.log.sync_if_due(Instant::now())?;
        Counters::add(&self.shared.counters.wal_syncs, u64::from(synced));
        Ok(())
    }

    fn sync_if_due(&mut self) {
        match self.log.sync_if_due(Instant::now()) {
            Ok(synced) => Counters::add(&self.shared.counters.wal_syncs, u64::from(synced)),
            Err(error) => self.shared.fail(&error.to_string()),
        }
    }

    /// Refused requests leave their texts in the dictionaries. Where nothing was accepted there is nothing to seal, so these are
    /// thrown away before they take more than a segment may.
    fn forget_refused(&self) {
        let mut spans = self.open.spans.write();
        if spans.columns().len() == 0 && spans.memory_bytes() >= self.shared.options.segment_max_bytes {
            *spans = Segment::default();
        }
    }

    fn is_due(&self) -> bool {
        let Some(since) = self.since else { return false };
        self.is_full()
            || since.elapsed() >= self.shared.options.segment_max_age
            || self.shared.maintenance.must_seal(self.open.number)
    }

    fn is_full(&self) -> bool {
        let options = &self.shared.options;
        let spans = self.open.spans.read();
        spans.columns().len() >= options.segment_max_spans
            || spans.memory_bytes() >= options.segment_max_bytes
    }

    /// Begins a new segment; the one so far waits to be sealed. `false` when the store closes.
    fn rotate(&mut self) -> bool {
        self.stuck = None;
        // As many segments wait to be sealed as there are threads, and no more: each may take the memory of a whole one. Beyond it
        // ingest waits, its queue fills, and senders are refused; at once where sealing is not slow but fails.
        match self.shared.wait_for_sealing(self.shared.ingest_threads() - 1) {
            Sealing::Done => {}
            Sealing::Closing => return false,
            Sealing::Fails(reason) => {
                self.stuck = self.is_full().then(|| format!("segments cannot be sealed: {reason}"));
                return true;
            }
        }
        // The old log must be durable as a whole before it stops being the newest.
        if let Err(error) = self.log.sync() {
            self.shared.fail(&error.to_string());
            return true;
        }
        let shared = Arc::clone(&self.shared);
        let number = shared.begin_segment();
        match self.shared.wal.create(number.get()) {
            Ok(log) => {
                self.log = log;
                self.open.close();
                self.open = Arc::new(LiveSegment::new_open(number.get(), self.shared.spare_segment()));
                self.since = None;
                self.shared.change_view(|view| view.add_live(Arc::clone(&self.open)));
            }
            // The open segment goes on: when there is no space, its appends are refused too.
            Err(error) => tracing::warn!(%error, "no new segment could be begun"),
        }
        true
    }
}

/// However the thread ends, by a panic too: nobody must wait for it afterwards.
struct AbandonJobs(Arc<Shared>, usize);

impl Drop for AbandonJobs {
    fn drop(&mut self) {
        self.0.abandon_jobs(self.1);
    }
}

fn refuse(jobs: Vec<Job>, reason: &str) {
    for Job { reply, .. } in jobs {
        answer(reply, Err(AppendError::Unavailable(reason.to_owned())));
    }
}

fn answer(reply: Reply, answer: Result<Accepted, AppendError>) {
    // A sender that went away is not told; what it sent is stored all the same.
    let _ = reply.send(answer);
}
