//! What the router is made of.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use laneway_storage::{Health, Store};

use crate::error::ApiError;
use crate::queries::{Queries, QueryStats};

/// Everything that the query API needs, given by whoever mounts it. There are no globals.
///
/// ```
/// # fn mount(store: std::sync::Arc<dyn laneway_storage::Store>) -> axum::Router {
/// let api = laneway_ui_api::Api::new(store)
///     .with_workers(|| Err("the compactor died".to_owned()))
///     .with_metrics(|queries| format!("laneway_queries_running {}\n", queries.running));
/// laneway_ui_api::router(api)
/// # }
/// ```
pub struct Api {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) limits: Limits,
    pub(crate) queries: Queries,
    rights: Rights,
    workers: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    metrics: Box<dyn Fn(&QueryStats) -> String + Send + Sync>,
    clock: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// What the configuration allows an operator to do over the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// Deleting traces and services. Default: no.
    pub deletion: bool,
    /// Taking, listing and deleting snapshots. Default: no.
    pub snapshots: bool,
}

/// One of the [`Rights`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Deletion,
    Snapshots,
}

impl Right {
    /// The option that gives it.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::Deletion => "admin.deletion",
            Self::Snapshots => "admin.snapshots",
        }
    }
}

/// What a request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a request may take, waiting included, before it is answered with 504. Default: 30 s.
    pub timeout: Duration,
    /// How long a request that changes something is waited for; past it 504, and it is done all the same. Default: 5 min.
    pub admin_timeout: Duration,
    /// How many queries are answered at the same time; others wait, and health, status and metrics never do. Default: 16.
    ///
    /// Together with `spans_per_search` it bounds the memory that answers take.
    pub concurrent_queries: usize,
    /// How long the path and query of a request may be, in bytes; past it 414. Default: 16 KiB.
    pub uri_bytes: usize,
    /// How long the body of a request may be, in bytes; past it 413. No route reads one. Default: 16 KiB.
    pub body_bytes: usize,
    /// The most spans in an answer that carries whole traces of a search; past it 400. Default: 200 000.
    ///
    /// It bounds the memory of one request to some hundred MiB. A single trace that was asked for by its id is always
    /// answered whole.
    pub spans_per_search: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            admin_timeout: Duration::from_secs(300),
            concurrent_queries: 16,
            uri_bytes: 16 * 1024,
            body_bytes: 16 * 1024,
            spans_per_search: 200_000,
        }
    }
}

impl Api {
    /// An API over this store: with the default [`Limits`], workers that never die, no metrics, and the system's
    /// clock.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let limits = Limits::default();
        Self {
            store,
            limits,
            queries: Queries::new(limits.concurrent_queries),
            rights: Rights::default(),
            workers: Box::new(|| Ok(())),
            metrics: Box::new(|_| String::new()),
            clock: Box::new(system_clock),
        }
    }

    /// What a request may cost.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.queries = Queries::new(limits.concurrent_queries);
        self
    }

    /// What an operator may do.
    pub fn with_rights(mut self, rights: Rights) -> Self {
        self.rights = rights;
        self
    }

    /// Asked on each `GET /readyz`, beside the store's own health: whether every worker is alive, else which died.
    pub fn with_workers(mut self, alive: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.workers = Box::new(alive);
        self
    }

    /// Asked on each `GET /metrics`, with the figures of queries: all metrics of the process in Prometheus's text format 0.0.4.
    pub fn with_metrics(mut self, encode: impl Fn(&QueryStats) -> String + Send + Sync + 'static) -> Self {
        self.metrics = Box::new(encode);
        self
    }

    /// What time it is, in nanoseconds since the Unix epoch: for tests.
    pub fn with_clock(mut self, now_unix_ns: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Box::new(now_unix_ns);
        self
    }

    /// Refuses what the configuration does not allow.
    pub(crate) fn demand(&self, right: Right) -> Result<(), ApiError> {
        let is_given = match right {
            Right::Deletion => self.rights.deletion,
            Right::Snapshots => self.rights.snapshots,
        };
        if is_given { Ok(()) } else { Err(ApiError::Disabled(right)) }
    }

    /// Why spans cannot be accepted at present, if so.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        (self.workers)()?;
        match self.store.health() {
            Health::Ready => Ok(()),
            Health::NotReady(reason) => Err(reason),
        }
    }

    pub(crate) fn metrics(&self) -> String {
        (self.metrics)(&self.query_stats())
    }

    pub(crate) fn query_stats(&self) -> QueryStats {
        self.queries.stats(self.now_unix_ns())
    }

    pub(crate) fn now_unix_ns(&self) -> u64 {
        (self.clock)()
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// 0 before 1970: a clock that wrong finds nothing, and breaks nothing.
fn system_clock() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
