//! The store in ClickHouse, for when one machine is not enough.
//!
//! What is appended goes to a spool first, which is an [embedded store](crate::embedded) on local disk: acknowledged, durable and visible
//! exactly as there. Its parts are then taken to ClickHouse, and removed. While ClickHouse is away the spool grows, to a limit;
//! beyond it, requests are refused and their senders asked to come again. Collectors share nothing but ClickHouse, so there may be any number.
//!
//! A query takes what is in the spool and adds what ClickHouse has: on this collector spans are visible when they are acknowledged, on others
//! some seconds later.
//!
//! Figures are derived in ClickHouse, by whichever collector comes first, from spans of all collectors, and some seconds behind. `docs/clickhouse.md` says how.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use laneway_proto::TraceId;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::embedded::{EmbeddedStore, MergeOptions, OpenError, Options};
use crate::model::Trace;
use crate::query::{TimeRange, TracePage, TraceQuery};
use crate::store::{
    Accepted, AdminError, AppendError, Deletion, Health, IngestRequest, QueryError, Store, StoreStats,
};
use crate::topology::{Figures, FiguresQuery};
use crate::{Retention, RetentionOptions};

mod attributes;
mod batches;
mod connection;
mod delete;
mod derive;
mod export;
mod figures;
mod filter;
mod import;
mod migrate;
mod passes;
mod read;
mod rest;
mod row;
mod schema;
mod search;
mod ship;
#[cfg(test)]
mod tests;
mod ttl;

pub use export::{ExportError, ExportProgress, export};
pub use import::{ImportError, ImportProgress, import};
pub use migrate::{MigrateError, migrate, script};
pub use schema::{InvalidName, SchemaOptions};

use connection::Connection;
use passes::Passes;
use ship::{Shipped, Shipper};

/// Where ClickHouse is.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// `http://host:8123`, or `https://…`.
    pub url: String,
    /// The database of all tables.
    pub database: String,
    /// The user; empty for the server's default.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, database, user, password: _ } = self;
        f.debug_struct("ServerOptions")
            .field("url", url)
            .field("database", database)
            .field("user", user)
            .finish_non_exhaustive()
    }
}

/// How a store in ClickHouse is opened.
#[derive(Debug, Clone)]
pub struct ClickHouseOptions {
    /// Where ClickHouse is.
    pub server: ServerOptions,
    /// What its tables are like.
    pub schema: SchemaOptions,
    /// Whether the schema is brought up to date when the store is opened, as soon as ClickHouse answers. Default: yes.
    pub apply_schema: bool,
    /// Spans are taken to ClickHouse after this long, or when a segment is full. Default: 1 s.
    pub flush_interval: Duration,
    /// How many parts are inserted at a time. Default: 3.
    pub inserts_in_flight: usize,
    /// How long ClickHouse may take to store a batch after it has all of it. Default: 2 minutes.
    pub insert_timeout: Duration,
    /// How long a collector has to derive figures that it began with, before others do it too. Default: 30 s.
    pub takeover_after: Duration,
    /// The most bytes that the spool may take; beyond it, requests are refused. Default: 10 GiB.
    pub spool_max_bytes: u64,
    /// How long ClickHouse may take for a query. Default: 30 s.
    pub query_timeout: Duration,
    /// How many bytes of ClickHouse's memory a query may take. Default: 4 GiB.
    pub query_server_memory_bytes: u64,
    /// How many rows an answer of ClickHouse may have. Default: 2 million.
    pub query_max_rows: u64,
    /// The spool. Parts are neither merged nor expire there.
    pub spool: Options,
}

impl ClickHouseOptions {
    /// The defaults, with this server and this directory of the spool.
    pub fn new(server: ServerOptions, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            server,
            schema: SchemaOptions::default(),
            apply_schema: true,
            flush_interval: Duration::from_secs(1),
            inserts_in_flight: 3,
            insert_timeout: Duration::from_secs(120),
            takeover_after: Duration::from_secs(30),
            spool_max_bytes: 10 << 30,
            query_timeout: Duration::from_secs(30),
            query_server_memory_bytes: 4 << 30,
            query_max_rows: 2_000_000,
            spool: Options::new(data_dir),
        }
    }
}

/// The store in ClickHouse.
#[derive(Debug)]
pub struct ClickHouseStore {
    spool: Arc<EmbeddedStore>,
    connection: Connection,
    options: ClickHouseOptions,
    spooled: Spooled,
    deleted_spans: AtomicU64,
    shipped: watch::Receiver<Shipped>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ClickHouseOpenError {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// A name cannot stand in a statement.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The file that names this collector cannot be read or written.
    #[error("{}: {source}", path.display())]
    Collector {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

/// How much the spool takes, looked up now and then.
#[derive(Debug, Default)]
struct Spooled {
    bytes: AtomicU64,
    looked: Mutex<Option<Instant>>,
}

/// What a sender is told to wait while the spool is full.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How long closing waits for the spool to drain, where ClickHouse answers.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);

impl ClickHouseStore {
    /// Opens the spool, and begins to take what is in it to ClickHouse, which need not be there yet.
    ///
    /// # Errors
    /// When the spool's directory cannot be used, or a name of the options makes no sense.
    pub async fn open(options: ClickHouseOptions) -> Result<Arc<Self>, ClickHouseOpenError> {
        options.schema.check()?;
        let spool = Options {
            merge: MergeOptions { enabled: false, ..MergeOptions::default() },
            retention: RetentionOptions::default(),
            // They are derived in ClickHouse.
            derives_figures: false,
            ..options.spool.clone()
        };
        let data_dir = spool.data_dir.clone();
        let spool = tokio::task::spawn_blocking(move || EmbeddedStore::open(spool)).await;
        let spool = spool.unwrap_or_else(|died| std::panic::resume_unwind(died.into_panic()))?;
        let collector = collector_id(&data_dir)?;
        let connection = Connection::new(&options);
        let (progress, shipped) = watch::channel(Shipped::default());
        let (stop, stopped) = watch::channel(false);
        let shipper = Shipper {
            spool: Arc::clone(&spool),
            connection: connection.clone(),
            options: options.clone(),
            collector,
            progress,
            stop: stopped,
        };
        let passes = Passes {
            connection: connection.clone(),
            limits: options.spool.topology.limits,
            takeover_after: options.takeover_after,
            begun: None,
            shipped: shipped.clone(),
            stop: shipper.stop.clone(),
        };
        let tasks = Mutex::new(vec![tokio::spawn(shipper.run()), tokio::spawn(passes.run())]);
        let (spooled, deleted_spans) = (Spooled::default(), AtomicU64::new(0));
        Ok(Arc::new(Self { spool, connection, options, spooled, deleted_spans, shipped, stop, tasks }))
    }

    /// Waits until ClickHouse has all that was acknowledged before; `false` when that takes longer.
    pub async fn drained(&self, patience: Duration) -> bool {
        let mut shipped = self.shipped.clone();
        let is_empty = |_: &Shipped| !self.spool.has_unsealed() && self.spool.spooled().is_empty();
        tokio::time::timeout(patience, shipped.wait_for(is_empty)).await.is_ok_and(|done| done.is_ok())
    }

    /// Waits until figures are those of all spans that ClickHouse has; `false` when that takes longer.
    pub async fn derived(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if batches::left(&self.connection).await.is_ok_and(|left| left.is_empty()) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// Says so when the spool has no room.
    fn spool_is_full(&self) -> Option<String> {
        let bytes = self.spooled.bytes(&self.spool);
        let limit = self.options.spool_max_bytes;
        let why = || match &self.shipped.borrow().failing {
            Some((_, error)) => error.clone(),
            None => "ClickHouse takes spans more slowly than they arrive".to_owned(),
        };
        (bytes > limit)
            .then(|| format!("the spool takes {bytes} bytes, more than the {limit} it may: {}", why()))
    }
}

#[async_trait]
impl Store for ClickHouseStore {
    async fn append(&self, request: IngestRequest) -> Result<Accepted, AppendError> {
        match self.spool_is_full() {
            Some(_) => Err(AppendError::Overloaded { retry_after: RETRY_AFTER }),
            None => self.spool.append(request).await,
        }
    }

    async fn trace(&self, trace_id: TraceId, _range: Option<TimeRange>) -> Result<Option<Trace>, QueryError> {
        let local = self.spool.local_view();
        let mut traces = read::traces(&self.connection, &local, vec![trace_id]).await?;
        Ok(traces.remove(&trace_id))
    }

    async fn search(&self, query: TraceQuery) -> Result<TracePage, QueryError> {
        search::search(&self.connection, self.spool.local_view(), query).await
    }

    /// Of what this collector acknowledged, and of what others have sent to ClickHouse: what they have not yet is as new.
    async fn delete(&self, what: Deletion) -> Result<u64, AdminError> {
        let deleted = delete::delete(self, &what).await?;
        self.deleted_spans.fetch_add(deleted, Ordering::Relaxed);
        Ok(deleted)
    }

    async fn service_names(&self) -> Result<Vec<String>, QueryError> {
        read::service_names(&self.connection, &self.spool.local_view()).await
    }

    async fn operation_names(&self, service: &str) -> Result<Vec<String>, QueryError> {
        read::operation_names(&self.connection, &self.spool.local_view(), service).await
    }

    /// Of what is in ClickHouse: those of spans in spools would be a part of a whole, and look the same.
    async fn figures(&self, query: FiguresQuery) -> Result<Figures, QueryError> {
        figures::answer(&self.connection, &query).await
    }

    fn health(&self) -> Health {
        match self.spool_is_full() {
            Some(reason) => Health::NotReady(reason),
            None => self.spool.health(),
        }
    }

    fn stats(&self) -> StoreStats {
        let mut stats = self.spool.stats();
        stats.maintenance.deleted_spans += self.deleted_spans.load(Ordering::Relaxed);
        stats
    }

    /// The ages after which ClickHouse removes rows. What room it has is its own affair.
    fn retention(&self) -> Retention {
        let SchemaOptions { spans_max_age, figures_max_age, .. } = self.options.schema;
        let options =
            RetentionOptions { max_age: spans_max_age, figures_max_age, ..RetentionOptions::default() };
        Retention { options, ..Retention::default() }
    }

    async fn close(&self) {
        if self.shipped.borrow().failing.is_none() {
            self.spool.seal_soon();
            self.drained(DRAIN_TIMEOUT).await;
        }
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            let _ = task.await;
        }
        self.spool.close().await;
    }
}

impl Spooled {
    /// About how many bytes the spool takes.
    fn bytes(&self, spool: &EmbeddedStore) -> u64 {
        /// By how much it may be exceeded is what arrives in this time.
        const LOOK_EVERY: Duration = Duration::from_millis(100);
        let mut looked = self.looked.lock();
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            *looked = Some(Instant::now());
            self.bytes.store(spool.spooled_bytes(), Ordering::Relaxed);
        }
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Keeps the name of a collector.
const COLLECTOR_FILE: &str = "COLLECTOR";

/// A name that no other collector has, kept with the spool: whoever copies the directory must remove it.
fn collector_id(data_dir: &Path) -> Result<String, ClickHouseOpenError> {
    let path = data_dir.join(COLLECTOR_FILE);
    match std::fs::read_to_string(&path) {
        Ok(id) => Ok(id.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = uuid::Uuid::new_v4().to_string();
            name_collector(data_dir, &id)?;
            Ok(id)
        }
        Err(source) => Err(ClickHouseOpenError::Collector { path, source }),
    }
}

/// Names the collector of a spool, durably.
fn name_collector(data_dir: &Path, id: &str) -> Result<(), ClickHouseOpenError> {
    let path = data_dir.join(COLLECTOR_FILE);
    let named = || -> std::io::Result<()> {
        let written = path.with_extension("new");
        std::fs::write(&written, id)?;
        std::fs::File::open(&written)?.sync_all()?;
        std::fs::rename(&written, &path)?;
        std::fs::File::open(data_dir)?.sync_all()
    };
    named().map_err(|source| ClickHouseOpenError::Collector { path: path.clone(), source })
}
