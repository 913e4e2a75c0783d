//! The exporter's thread.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use laneway_proto::otlp::{field, wire};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::dispatcher::{self, Dispatch};

use super::backoff::Backoff;
use super::client::{Client, Destination, Failure, Reaction};
use super::queue::{Chunk, Counters, Queue};
use super::response::PartialSuccess;
use crate::record::{Clock, Core};
use crate::silence::silence_this_thread;

/// How the exporter works.
pub(crate) struct WorkerSettings {
    pub(crate) destination: Destination,
    /// The `Resource` message, encoded.
    pub(crate) resource: Vec<u8>,
    /// How long a span waits at most for others to leave with.
    pub(crate) schedule_delay: Duration,
    /// How long a chunk is tried before it is given up.
    pub(crate) export_timeout: Duration,
    /// What to say once there is someone to say it to.
    pub(crate) warnings: Vec<String>,
}

/// Sends what the queue holds, until it is told to stop.
pub(crate) struct Worker {
    settings: WorkerSettings,
    core: Arc<Core>,
    client: Client,
    stop: watch::Receiver<Option<Instant>>,
    flushes: mpsc::Receiver<oneshot::Sender<bool>>,
    is_failing: bool,
    dropped_before: u64,
}

/// The other end of the worker.
#[derive(Debug)]
pub(crate) struct Handle {
    stop: watch::Sender<Option<Instant>>,
    flushes: mpsc::Sender<oneshot::Sender<bool>>,
    stopped: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn spawn(settings: WorkerSettings, core: Arc<Core>) -> io::Result<Handle> {
        let (stop, stop_receiver) = watch::channel(None);
        // A flush that finds others waiting waits with them.
        let (flushes, flush_receiver) = mpsc::channel(1);
        let (stopped_sender, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("laneway-resolver")
            .on_thread_start(silence_this_thread)
            .build()?;
        let thread = std::thread::Builder::new().name("laneway-exporter".to_owned()).spawn(move || {
            silence_this_thread();
            runtime.block_on(async {
                let client = Client::new(settings.destination.clone());
                let worker = Self {
                    settings,
                    core,
                    client,
                    stop: stop_receiver,
                    flushes: flush_receiver,
                    is_failing: false,
                    dropped_before: 0,
                };
                worker.run().await;
            });
            // A name lookup that hangs must not hold up the service's exit.
            runtime.shutdown_background();
            drop(stopped_sender);
        })?;
        Ok(Handle { stop, flushes, stopped: Some(stopped), thread: Some(thread) })
    }

    async fn run(mut self) {
        let (core, stop) = (self.core.clone(), self.stop.clone());
        tokio::select! {
            () = self.work() => {}
            () = deadline(stop) => {}
            () = keep_time(&core) => {}
        }
        let queue = &core.queue;
        queue.close();
        // What came in since is counted.
        core.queue.collect();
        while let Some(chunk) = queue.take() {
            Counters::add(&queue.counters().dropped, chunk.spans);
        }
        let (dropped, failed) = (queue.counters().dropped(), queue.counters().failed());
        if dropped + failed > 0 {
            self.log(
                || tracing::warn!(target: "laneway", dropped, failed, "some spans of this process were lost"),
            );
        }
    }

    async fn work(&mut self) {
        let mut next = Instant::now() + self.settings.schedule_delay;
        loop {
            let core = self.core.clone();
            tokio::select! {
                biased;
                () = stopping(&mut self.stop) => break,
                Some(done) = self.flushes.recv() => {
                    let all_sent = self.drain(Queue::take).await;
                    let _ = done.send(all_sent);
                }
                () = core.queue.ready() => {
                    self.drain(Queue::take_full).await;
                }
                () = sleep_until(next) => {
                    self.drain(Queue::take).await;
                    next = Instant::now() + self.settings.schedule_delay;
                }
            }
            self.report();
        }
        self.core.queue.collect();
        self.core.queue.close();
        self.drain(Queue::take).await;
    }

    /// Exports the chunks that are there now; false when one of them failed. What comes in meanwhile waits for its own
    /// time: a busy service would keep this going for ever, in ever smaller chunks.
    async fn drain(&mut self, take: fn(&Queue) -> Option<Chunk>) -> bool {
        self.core.queue.collect();
        let mut all_sent = true;
        for _ in 0..self.core.queue.chunk_count() {
            let Some(chunk) = take(&self.core.queue) else { break };
            all_sent &= self.export(&chunk).await;
        }
        all_sent
    }

    async fn export(&mut self, chunk: &Chunk) -> bool {
        let core = self.core.clone();
        let mut in_flight = InFlight { core: &core, spans: chunk.spans };
        let body = request(&self.settings.resource, &chunk.bytes);
        let give_up_at = Instant::now() + self.settings.export_timeout;
        let mut backoff = Backoff::new();
        loop {
            let failure = match self.client.export(body.clone()).await {
                Ok(partial) => {
                    in_flight.sent(partial.as_ref());
                    self.succeeded(partial);
                    return true;
                }
                Err(failure) => failure,
            };
            self.failed(&failure);
            let is_stopping = self.stop.borrow().is_some();
            let wait = wait_before_retry(&failure, is_stopping, &mut backoff);
            let Some(wait) = wait else { return false };
            if Instant::now() + wait >= give_up_at {
                return false;
            }
            tokio::select! {
                () = sleep(wait) => {}
                // Once more at the end, whatever the wait was: unless it was over already.
                () = stopping(&mut self.stop), if !is_stopping => {}
            }
        }
    }

    fn succeeded(&mut self, partial: Option<PartialSuccess>) {
        if std::mem::take(&mut self.is_failing) {
            self.log(|| tracing::info!(target: "laneway", "spans are exported again"));
        }
        if let Some(PartialSuccess { rejected_spans, message }) = partial {
            self.log(|| {
                tracing::warn!(target: "laneway", rejected_spans, message, "the collector refused a part of an export");
            });
        }
    }

    fn failed(&mut self, failure: &Failure) {
        if !std::mem::replace(&mut self.is_failing, true) {
            let endpoint = self.client.endpoint();
            let reason = &failure.message;
            self.log(|| tracing::warn!(target: "laneway", %endpoint, reason, "spans cannot be exported"));
        }
    }

    /// Says what there is to say apart from the outcome of exports.
    fn report(&mut self) {
        if !self.settings.warnings.is_empty() && self.subscriber().is_some() {
            for warning in std::mem::take(&mut self.settings.warnings) {
                self.log(|| tracing::warn!(target: "laneway", "{warning}"));
            }
        }
        if let Some(orphan) = self.core.orphans.take_last() {
            let (count, span, thread) = (self.core.orphans.count(), orphan.name, orphan.thread);
            let location = orphan.location.unwrap_or_default();
            self.log(|| {
                tracing::debug!(
                    target: "laneway",
                    context_lost = count,
                    span,
                    location,
                    thread,
                    "a span has no parent: its context was lost"
                );
            });
        }
        let dropped = self.core.queue.counters().dropped();
        if dropped > self.dropped_before {
            if self.dropped_before == 0 {
                self.log(|| tracing::warn!(target: "laneway", dropped, "spans are dropped: the export queue is full"));
            }
            self.dropped_before = dropped;
        }
    }

    /// Logs to the service's own subscriber, which need not be the global one. An event outside of any span is not exported.
    fn log(&self, event: impl FnOnce()) {
        if let Some(subscriber) = self.subscriber() {
            dispatcher::with_default(&subscriber, event);
        }
    }

    fn subscriber(&self) -> Option<Dispatch> {
        self.core.dispatch.get()?.upgrade()
    }
}

impl Handle {
    /// Sends what is queued; false when that failed, or the worker stopped.
    pub(crate) async fn flush(&self) -> bool {
        let (done, flushed) = oneshot::channel();
        self.flushes.send(done).await.is_ok() && flushed.await.unwrap_or(false)
    }

    /// Tells the worker to send what is queued and end by this time.
    pub(crate) fn stop(&self, timeout: Duration) {
        self.stop.send_if_modified(|deadline| {
            let is_first = deadline.is_none();
            deadline.get_or_insert_with(|| Instant::now() + timeout);
            is_first
        });
    }

    /// Waits until the worker ended.
    pub(crate) async fn stopped(&mut self) {
        if let Some(stopped) = self.stopped.take() {
            // Whether it was sent or dropped: it is over.
            let _ = stopped.await;
            self.thread = None;
        }
    }

    /// Blocks until the worker ended, which it does by its deadline.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A worker that panicked has ended too.
            let _ = thread.join();
        }
    }
}

/// Spans that were taken out of the queue: they count as failed unless they were sent, also when the worker is cut off
/// by its deadline.
struct InFlight<'a> {
    core: &'a Core,
    spans: usize,
}

impl InFlight<'_> {
    fn sent(&mut self, partial: Option<&PartialSuccess>) {
        let rejected =
            partial.map_or(0, |partial| usize::try_from(partial.rejected_spans).unwrap_or(usize::MAX));
        let rejected = rejected.min(self.spans);
        Counters::add(&self.core.queue.counters().exported, self.spans - rejected);
        self.spans = rejected;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        Counters::add(&self.core.queue.counters().failed, self.spans);
    }
}

/// An `ExportTraceServiceRequest` with one resource and one scope.
fn request(resource: &[u8], spans: &[u8]) -> Bytes {
    let mut body = Vec::with_capacity(resource.len() + spans.len() + 64);
    let expected_len = resource.len() + spans.len() + 48;
    wire::message_sized(&mut body, field::request::RESOURCE_SPANS, expected_len, |buf| {
        wire::bytes(buf, field::resource_spans::RESOURCE, resource);
        wire::message_sized(buf, field::resource_spans::SCOPE_SPANS, spans.len() + 24, |buf| {
            wire::message(buf, field::scope_spans::SCOPE, |buf| {
                wire::string(buf, field::scope::NAME, env!("CARGO_PKG_NAME"));
                wire::string(buf, field::scope::VERSION, env!("CARGO_PKG_VERSION"));
            });
            buf.extend_from_slice(spans);
        });
    });
    body.into()
}

/// None: do not try again.
fn wait_before_retry(failure: &Failure, is_stopping: bool, backoff: &mut Backoff) -> Option<Duration> {
    match failure.reaction {
        Reaction::GiveUp => None,
        // A collector that is not there must not hold up the exit of every service.
        Reaction::Reconnect if is_stopping => None,
        Reaction::Reconnect => Some(backoff.wait(None)),
        Reaction::Retry(asked_for) => Some(backoff.wait(asked_for)),
    }
}

/// Adjusts the clock of the spans, for ever.
async fn keep_time(core: &Core) {
    let mut next = Clock::FIRST_ADJUSTMENT;
    loop {
        sleep(next).await;
        core.clock.adjust();
        next = Clock::ADJUSTMENT_INTERVAL;
    }
}

/// Ends when the worker was told to stop, or its handle is gone.
async fn stopping(stop: &mut watch::Receiver<Option<Instant>>) {
    let _ = stop.wait_for(Option::is_some).await;
}

/// Never ends before there is a deadline and it has passed.
async fn deadline(mut stop: watch::Receiver<Option<Instant>>) {
    let deadline = stop.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        // The handle is gone without a word: that is no reason to hurry.
        None => std::future::pending().await,
    }
}
