//! The store on local disk: a write-ahead log, an open segment in memory, and immutable columnar parts.
//!
//! A request is decoded into the columns of the open segment and appended to the segment's log as it was received; it is
//! acknowledged, and visible to queries, when the log is synced. A full or old segment is *sealed*: written as a part, which
//! replaces segment and log in one atomic step. After a crash the logs of unsealed segments are replayed. Every span is
//! therefore in exactly one place: a part, or a segment with its log.
//!
//! ```text
//! data directory
//! ├── FORMAT                     version of this layout
//! ├── LOCK                       locked while a process uses the directory
//! ├── wal/<segment>.wal          see `wal`
//! ├── parts/<first>-<last>-<level>/   see `part`
//! ├── figures/<part>.figures     figures of parts that have expired
//! ├── tmp/                       parts that are being written or removed; emptied at start
//! ├── quarantine/                parts that cannot be read
//! └── snapshots/<name>/          data directories that share the files of parts; see `snapshot`
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use laneway_proto::TraceId;

use crate::model::Trace;
use crate::query::{TimeRange, TracePage, TraceQuery};
use crate::store::{
    Accepted, AdminError, AppendError, Deletion, Health, IngestRequest, QueryError, Store, StoreStats,
};
use crate::topology::{Figures, FiguresQuery};
use crate::{Retention, RetentionOptions};

mod columns;
mod delete;
mod dictionary;
mod disk;
mod equal;
mod error;
mod figures;
mod idle;
mod ingest;
mod inspect;
mod layout;
mod maintenance;
mod merge;
mod open;
mod parallel;
mod part;
#[doc(hidden)]
pub mod probe;
mod quarantine;
mod replace;
mod retention;
mod scan;
mod seal;
mod search;
mod segment;
mod shared;
mod snapshot;
mod spool;
#[cfg(test)]
mod tests;
mod trace_rows;
mod view;
#[doc(hidden)]
pub mod wal;

pub use error::OpenError;
pub use figures::TopologyOptions;
pub use inspect::{ColumnInspection, Inspection, LogInspection, PartContent, PartInspection, inspect};
pub use merge::MergeOptions;
pub use snapshot::copy_snapshot;
pub(crate) use snapshot::snapshot_dir;
pub(crate) use spool::{LocalView, PartKey, SpooledPart};
pub use wal::SyncMode;

use search::Work;
use shared::{Shared, Workers};
use view::Snapshot;
use wal::WalOptions;

/// How an embedded store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept; created where it does not exist.
    pub data_dir: PathBuf,
    /// When the write-ahead log is synced. Default: always, before a request is acknowledged.
    pub wal_sync: SyncMode,
    /// Length of the spare files that are kept ready for coming logs. Default: 64 MiB.
    pub wal_spare_bytes: u64,
    /// A segment of this many spans is sealed. Default: 131,072.
    pub segment_max_spans: usize,
    /// A segment that takes this many bytes of memory is sealed. Default: 128 MiB.
    pub segment_max_bytes: usize,
    /// A segment is sealed this long after its first span; a large one earlier when no spans come any more. Bounds what a restart replays.
    /// Default: 5 minutes.
    pub segment_max_age: Duration,
    /// The most bytes of memory that indexes and dictionaries of parts are kept in. Default: 64 MiB.
    pub cache_bytes: usize,
    /// The most bytes of requests that may wait to become durable; requests beyond are refused. Default: 64 MiB.
    pub ingest_memory_bytes: usize,
    /// How small parts are merged.
    pub merge: MergeOptions,
    /// How long spans are kept. Default: for ever.
    pub retention: RetentionOptions,
    /// Whether figures are derived. Default: yes; without, [`Store::figures`] knows nothing of the spans that are sealed meanwhile.
    pub derives_figures: bool,
    /// How figures are derived.
    pub topology: TopologyOptions,
    /// The most bytes of memory that one query may take, beside indexes in the cache; what takes more is refused. Default: 512 MiB.
    pub query_memory_bytes: usize,
    /// How many threads queries may take together, beside one for each of them. Default: one less than there are cores, at most 15.
    pub query_helpers: usize,
    /// How many threads ingest, at least 1. Each has an open segment of its own, and takes all requests of some of the connections.
    /// Default: half as many as there are cores, at most 4.
    pub ingest_threads: usize,
}

impl Options {
    /// The defaults, for this data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            wal_sync: SyncMode::Always,
            wal_spare_bytes: WalOptions::default().spare_bytes,
            segment_max_spans: 131_072,
            segment_max_bytes: 128 /* MiB */ * 1024 * 1024,
            segment_max_age: Duration::from_secs(5 * 60),
            cache_bytes: 64 /* MiB */ * 1024 * 1024,
            ingest_memory_bytes: 64 /* MiB */ * 1024 * 1024,
            merge: MergeOptions::default(),
            retention: RetentionOptions::default(),
            derives_figures: true,
            topology: TopologyOptions::default(),
            query_memory_bytes: 512 /* MiB */ * 1024 * 1024,
            query_helpers: Self::default_query_helpers(),
            ingest_threads: Self::default_ingest_threads(),
        }
    }
}

impl Options {
    /// Half as many as there are cores, at least 1, at most 4: the other half receives, seals and answers queries.
    pub fn default_ingest_threads() -> usize {
        std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
    }

    /// One less than there are cores, at most 15: a query has a thread of its own.
    pub fn default_query_helpers() -> usize {
        std::thread::available_parallelism().map_or(0, |cores| (cores.get() - 1).min(15))
    }
}

/// The store on local disk. One process at a time uses a data directory.
#[derive(Debug)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    workers: Workers,
}

impl EmbeddedStore {
    /// Opens a data directory, recovers what an earlier process left, and starts the threads that ingest and seal.
    /// Blocks: as long as the logs of unsealed segments take to replay.
    ///
    /// # Errors
    /// When the directory cannot be used: it is locked, not writable, of another format, or damaged.
    pub fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let (shared, workers) = open::open(options)?;
        Ok(Arc::new(Self { shared, workers }))
    }

    /// Runs a query on a thread that may block, on what is durable now.
    async fn query<T: Send + 'static>(
        &self,
        answer: impl Fn(&Snapshot, &Work) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let shared = Arc::clone(&self.shared);
        let work = Work::new(shared.options.query_memory_bytes, Arc::clone(&shared.query_helpers));
        let mut snapshot = shared.view().snapshot();
        let _cancel = work.cancel_on_drop();
        let answered = tokio::task::spawn_blocking(move || {
            loop {
                let answered = answer(&snapshot, &work);
                if answered.is_ok() || !snapshot.is_damaged() {
                    return answered;
                }
                // The rest serves: the next snapshot is without the damaged part.
                shared.maintenance.wake();
                snapshot = shared.view().snapshot();
            }
        })
        .await;
        answered.unwrap_or_else(|died| {
            if died.is_cancelled() {
                Err(QueryError::Closing)
            } else {
                Err(QueryError::Corrupt(format!("the query died: {died}")))
            }
        })
    }

    /// Runs an operator's request on a thread that may block.
    async fn administer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let shared = Arc::clone(&self.shared);
        let done = tokio::task::spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|died| Err(AdminError::Unavailable(format!("the request died: {died}"))))
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn append(&self, request: IngestRequest) -> Result<Accepted, AppendError> {
        self.shared.append(request).await
    }

    async fn trace(&self, trace_id: TraceId, _range: Option<TimeRange>) -> Result<Option<Trace>, QueryError> {
        self.query(move |snapshot, work| search::trace(snapshot, trace_id, work)).await
    }

    async fn search(&self, query: TraceQuery) -> Result<TracePage, QueryError> {
        self.query(move |snapshot, work| search::search(snapshot, &query, work)).await
    }

    async fn service_names(&self) -> Result<Vec<String>, QueryError> {
        self.query(search::service_names).await
    }

    async fn operation_names(&self, service: &str) -> Result<Vec<String>, QueryError> {
        let service = service.to_owned();
        self.query(move |snapshot, work| search::operation_names(snapshot, &service, work)).await
    }

    async fn figures(&self, query: FiguresQuery) -> Result<Figures, QueryError> {
        let shared = Arc::clone(&self.shared);
        self.query(move |_, _| figures::answer(&shared, &query)).await
    }

    async fn delete(&self, what: Deletion) -> Result<u64, AdminError> {
        self.administer(move |shared| delete::delete(shared, &what)).await
    }

    async fn take_snapshot(&self, name: &str) -> Result<PathBuf, AdminError> {
        let name = name.to_owned();
        self.administer(move |shared| snapshot::take(shared, &name)).await
    }

    async fn delete_snapshot(&self, name: &str) -> Result<bool, AdminError> {
        let name = name.to_owned();
        self.administer(move |shared| snapshot::delete(shared, &name)).await
    }

    async fn snapshots(&self) -> Result<Vec<String>, AdminError> {
        self.administer(snapshot::names).await
    }

    fn spans_so_far(&self) -> Option<u64> {
        let stats = self.shared.stats();
        Some(stats.accepted_spans + stats.recovered_spans)
    }

    fn health(&self) -> Health {
        match self.shared.failure().or_else(|| self.workers.dead()) {
            Some(reason) => Health::NotReady(reason),
            None => Health::Ready,
        }
    }

    fn stats(&self) -> StoreStats {
        self.shared.stats()
    }

    fn retention(&self) -> Retention {
        retention::retention(&self.shared)
    }

    async fn close(&self) {
        self.shared.begin_close();
        let workers = self.workers.take();
        // The threads finish what was handed to them; waiting for them blocks.
        let _ =
            tokio::task::spawn_blocking(move || workers.into_iter().for_each(|worker| drop(worker.join())))
                .await;
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.shared.begin_close();
    }
}
