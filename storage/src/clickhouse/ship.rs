//! Shipping: parts of the spool go to ClickHouse, and are removed when all of their spans are there.
//!
//! A part never changes, and neither do the batches that it is cut into; each has a token that nothing else has. So a batch may be sent again
//! after a lost answer, a restart here or there, and is still stored once.
//!
//! Several parts are under way at a time, the oldest first; when there are more than that, one of the places is for the newest, so that
//! other collectors see fresh spans while a backlog drains. While ClickHouse does not answer, one part at a time is tried, less and less
//! often. A part that is refused though others are not waits for longer and longer, and holds up nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse::error::Error;
use clickhouse::insert::Insert;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use xxhash_rust::xxh3::xxh3_64;

use super::batches::{self, Batch};
use super::connection::Connection;
use super::row::{SpanRow, timestamp};
use super::{ClickHouseOptions, migrate};
use crate::QueryError;
use crate::embedded::{EmbeddedStore, PartKey, SpooledPart};
use crate::model::Span;

/// Spans of a batch, but for the last of a part. Batches depend on it, so it must not depend on a configuration that changes.
const BATCH_SPANS: u64 = 150_000;
/// Spans that wait between the thread that reads a part and the connection, in so many chunks of so many.
const CHUNKS: usize = 4;
const CHUNK_SPANS: usize = 512;

const FIRST_RETRY: Duration = Duration::from_millis(250);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How often the spool is looked at.
const TICK: Duration = Duration::from_millis(100);

/// What became of parts; counters begin at 0 when the store is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shipped {
    /// Whether the schema is there, as far as is known.
    pub(super) is_ready: bool,
    pub(super) parts: u64,
    pub(super) spans: u64,
    pub(super) failures: u64,
    /// Failures since the last success, and what the last one was.
    pub(super) failing: Option<(u32, String)>,
}

/// Why a batch was not stored, as far as is known.
#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error("ClickHouse: {0}")]
    Insert(#[from] Error),
    #[error(transparent)]
    Read(#[from] QueryError),
}

/// Takes parts to ClickHouse until it is told to stop.
pub(super) struct Shipper {
    pub(super) spool: Arc<EmbeddedStore>,
    pub(super) connection: Connection,
    pub(super) options: ClickHouseOptions,
    /// Names this collector's spool among all.
    pub(super) collector: String,
    pub(super) progress: watch::Sender<Shipped>,
    pub(super) stop: watch::Receiver<bool>,
}

/// A part that was refused.
struct Refused {
    times: u32,
    until: Instant,
}

/// What the parts are doing.
#[derive(Default)]
struct Parts {
    under_way: JoinSet<(SpooledPart, Result<u64, ShipError>)>,
    keys: Vec<PartKey>,
    newest: Option<PartKey>,
    refused: HashMap<PartKey, Refused>,
    /// Failures since the last success, and until when nothing is tried.
    failures: u32,
    pause: Option<Instant>,
}

impl Shipper {
    pub(super) async fn run(mut self) {
        if self.options.apply_schema && !self.apply_schema().await {
            return;
        }
        self.progress.send_modify(|shipped| shipped.is_ready = true);
        let (mut parts, mut sealed) = (Parts::default(), Instant::now());
        loop {
            self.begin(&mut parts);
            // With a backlog, larger parts are better than fresh ones.
            let has_room = self.spool.spooled().len() < self.options.inserts_in_flight;
            if sealed.elapsed() >= self.options.flush_interval && parts.failures == 0 && has_room {
                self.spool.seal_soon();
                sealed = Instant::now();
            }
            let done = tokio::select! {
                done = parts.under_way.join_next(), if !parts.under_way.is_empty() => done,
                () = tokio::time::sleep(TICK) => None,
                _ = self.stop.wait_for(|stop| *stop) => return,
            };
            match done {
                Some(Ok((part, outcome))) => self.end(&mut parts, part, outcome).await,
                // A task that panicked has no part to name; it is found again.
                Some(Err(_)) => parts.keys.clear(),
                None => {}
            }
        }
    }

    /// Brings the schema up to date before anything else; `false` when it is told to stop before that is done.
    async fn apply_schema(&mut self) -> bool {
        let mut failures = 0;
        loop {
            match migrate(&self.options).await {
                Ok(_) => return true,
                Err(error) => {
                    failures += 1;
                    self.failed(failures, &error.to_string());
                }
            }
            tokio::select! {
                () = tokio::time::sleep(retry_after(failures)) => {}
                _ = self.stop.wait_for(|stop| *stop) => return false,
            }
        }
    }

    /// Begins with as many parts as there are places for.
    fn begin(&self, parts: &mut Parts) {
        let now = Instant::now();
        if parts.pause.is_some_and(|pause| now < pause) {
            return;
        }
        let places = if parts.failures > 0 { 1 } else { self.options.inserts_in_flight };
        let mut waiting = self.spool.spooled();
        waiting.retain(|part| {
            let may_be_tried = parts.refused.get(&part.key()).is_none_or(|refused| refused.until <= now);
            may_be_tried && !parts.keys.contains(&part.key())
        });
        // One that was refused must not be all that is tried.
        waiting.sort_by_key(|part| parts.refused.get(&part.key()).map_or(0, |refused| refused.times));
        while parts.keys.len() < places && !waiting.is_empty() {
            let is_backlog = waiting.len() > places && places > 1;
            let at = if is_backlog && parts.newest.is_none() { waiting.len() - 1 } else { 0 };
            let part = waiting.remove(at);
            if at > 0 {
                parts.newest = Some(part.key());
            }
            parts.keys.push(part.key());
            parts.under_way.spawn(self.ship(part));
        }
    }

    async fn end(&self, parts: &mut Parts, part: SpooledPart, outcome: Result<u64, ShipError>) {
        let key = part.key();
        parts.keys.retain(|other| *other != key);
        parts.newest = parts.newest.filter(|newest| *newest != key);
        let removed = match outcome {
            Ok(spans) => self.spool.remove_spooled(part).await.map(|()| spans).map_err(ShipError::from),
            Err(error) => Err(error),
        };
        match removed {
            Ok(spans) => {
                parts.refused.remove(&key);
                (parts.failures, parts.pause) = (0, None);
                self.progress.send_modify(|shipped| {
                    shipped.parts += 1;
                    shipped.spans += spans;
                    shipped.failing = None;
                });
            }
            Err(error) => {
                let refused = parts.refused.entry(key).or_insert(Refused { times: 0, until: Instant::now() });
                refused.times += 1;
                refused.until = Instant::now() + retry_after(refused.times);
                parts.failures += 1;
                parts.pause = Some(Instant::now() + retry_after(parts.failures));
                if matches!(error, ShipError::Read(_)) {
                    // Damaged parts are set aside.
                    self.spool.look_for_damage();
                }
                self.failed(parts.failures, &error.to_string());
            }
        }
        // Those that were set aside meanwhile are not waited for.
        let spooled = self.spool.spooled();
        parts.refused.retain(|key, _| spooled.iter().any(|part| part.key() == *key));
    }

    fn failed(&self, times: u32, error: &str) {
        tracing::warn!(error, times, "spans stay in the spool for now");
        self.progress.send_modify(|shipped| {
            shipped.failures += 1;
            shipped.failing = Some((times, error.to_owned()));
        });
    }

    /// Sends a part; returns how many spans it has.
    fn ship(
        &self,
        part: SpooledPart,
    ) -> impl Future<Output = (SpooledPart, Result<u64, ShipError>)> + Send + use<> {
        let (spool, connection) = (Arc::clone(&self.spool), self.connection.clone());
        let collector = self.collector.clone();
        async move {
            let sent = match part.name(&spool) {
                Ok(name) => send(&connection, &part, &format!("{collector}/{name}")).await,
                Err(error) => Err(error.into()),
            };
            (part, sent)
        }
    }
}

/// Inserts the spans of a part, batch by batch.
async fn send(connection: &Connection, part: &SpooledPart, name: &str) -> Result<u64, ShipError> {
    let (sender, mut chunks) = mpsc::channel::<Vec<Span>>(CHUNKS);
    let reader = {
        let part = part.clone();
        tokio::task::spawn_blocking(move || read(&part, &sender))
    };
    let (mut spans, mut number, mut batch) = (0, 0, None::<OpenBatch>);
    while let Some(chunk) = chunks.recv().await {
        for span in &chunk {
            let open = match &mut batch {
                Some(open) => open,
                None => batch.insert(OpenBatch::begin(connection, format!("{name}/{number}")).await?),
            };
            open.write(span).await?;
            spans += 1;
            if open.batch.spans == BATCH_SPANS
                && let Some(full) = batch.take()
            {
                full.end(connection).await?;
                number += 1;
            }
        }
    }
    // A batch that was cut short must not be stored under its token.
    reader.await.unwrap_or(Err(QueryError::Closing))?;
    if let Some(last) = batch {
        last.end(connection).await?;
    }
    Ok(spans)
}

/// A batch that is being inserted.
struct OpenBatch {
    insert: Insert<SpanRow<'static>>,
    token: String,
    batch: Batch,
}

impl OpenBatch {
    async fn begin(connection: &Connection, token: String) -> Result<Self, Error> {
        let insert = connection.insert::<SpanRow<'_>>("otel_traces", &token).await?;
        let batch = Batch { batch: xxh3_64(token.as_bytes()), spans: 0, first: i64::MAX, last: i64::MIN };
        Ok(Self { insert, token, batch })
    }

    async fn write(&mut self, span: &Span) -> Result<(), Error> {
        let at = timestamp(span.start_unix_ns);
        let Batch { batch, spans, first, last } = &mut self.batch;
        (*spans, *first, *last) = (*spans + 1, at.min(*first), at.max(*last));
        self.insert.write(&SpanRow::of(span, *batch)).await
    }

    async fn end(self, connection: &Connection) -> Result<(), Error> {
        self.insert.end().await?;
        batches::note(connection, &self.batch, &self.token).await
    }
}

fn read(part: &SpooledPart, chunks: &mpsc::Sender<Vec<Span>>) -> Result<(), QueryError> {
    let mut chunk = Vec::with_capacity(CHUNK_SPANS);
    part.each_span(|span| {
        chunk.push(span);
        if chunk.len() == CHUNK_SPANS {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_SPANS));
            // Whoever inserts has given up, and says why.
            chunks.blocking_send(full).map_err(|_| QueryError::Cancelled)?;
        }
        Ok(())
    })?;
    if chunk.is_empty() { Ok(()) } else { chunks.blocking_send(chunk).map_err(|_| QueryError::Cancelled) }
}

fn retry_after(failures: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LAST_RETRY)
}
