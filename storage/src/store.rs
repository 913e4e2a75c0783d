//! The contract of a backend.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use laneway_proto::TraceId;

use crate::Retention;
use crate::model::Trace;
use crate::query::{TimeRange, TracePage, TraceQuery};
use crate::topology::{Figures, FiguresQuery};

/// How received bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// A trace request that arrived: an OTLP `ExportTraceServiceRequest`, not yet decoded.
#[derive(Debug, Clone)]
pub struct IngestRequest {
    /// The protobuf bytes, not compressed.
    pub body: Body,
    /// The same bytes as they were received, where they were compressed: logging these costs less.
    pub compressed: Option<(Compression, Bytes)>,
    /// Names the connection that it came over. A store takes the requests of one connection in their order, and may take those of
    /// several at once.
    pub connection: u64,
}

/// Bytes that may lie in several pieces, as they arrived: who needs them in one piece joins them where it must copy them anyway.
#[derive(Debug, Clone, Default)]
pub struct Body {
    first: Bytes,
    others: Vec<Bytes>,
    len: usize,
}

impl Body {
    /// Adds a piece.
    pub fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        if self.first.is_empty() {
            self.first = piece;
        } else if !piece.is_empty() {
            self.others.push(piece);
        }
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.first).chain(&self.others).map(AsRef::as_ref)
    }

    /// The bytes in one piece; copied only where they lie in several.
    pub fn joined(&self) -> Bytes {
        if self.others.is_empty() {
            return self.first.clone();
        }
        let mut joined = BytesMut::with_capacity(self.len);
        self.pieces().for_each(|piece| joined.extend_from_slice(piece));
        joined.freeze()
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        let mut body = Self::default();
        body.push(bytes.into());
        body
    }
}

/// What became of an appended request. By the time it is returned, it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepted {
    /// Spans that are stored.
    pub spans: u64,
    /// Spans that were refused because their trace id or span id is absent or zero.
    pub rejected_spans: u64,
}

/// Why a request was not appended. Nothing of it is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The bytes are not a valid request; sending them again is useless.
    #[error("{0}")]
    Malformed(String),
    /// Too much is under way; the sender should try again after this long.
    #[error("ingest is over its memory budget")]
    Overloaded {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The store cannot make anything durable at present (disk full, failed sync, shutting down).
    #[error("{0}")]
    Unavailable(String),
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Stored data could not be read, or, where it is sealed, merged or deleted from, written.
    #[error("stored data could not be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// Stored data is not what was written.
    #[error("stored data is corrupt: {0}")]
    Corrupt(String),
    /// The answer takes more memory than a query may have.
    #[error("the query takes more than the {limit_bytes} bytes of memory that one may have")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The answer takes longer than a query may.
    #[error("the query takes longer than the {limit:?} that one may")]
    TooSlow {
        /// The limit.
        limit: Duration,
    },
    /// Where the spans are does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// Nobody waits for the answer any more.
    #[error("the query was cancelled")]
    Cancelled,
    /// The work was cancelled because the store is closing.
    #[error("the store is closing")]
    Closing,
}

/// What is deleted for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// All spans of a trace.
    Trace(TraceId),
    /// All spans that the service of this name recorded.
    Service(String),
}

/// Why an operator's request was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// This store cannot do it.
    #[error("this store cannot {0}")]
    Unsupported(&'static str),
    /// The request makes no sense.
    #[error("{0}")]
    Refused(String),
    /// Not at present.
    #[error("{0}")]
    Unavailable(String),
    /// Stored data could not be read or written.
    #[error(transparent)]
    Data(#[from] QueryError),
}

impl From<std::io::Error> for AdminError {
    fn from(error: std::io::Error) -> Self {
        Self::Data(error.into())
    }
}

/// Whether the store can do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It accepts and answers.
    Ready,
    /// It does not accept spans, for this reason; it may still answer queries.
    NotReady(String),
}

/// Figures of a store at one instant; counters begin at 0 when the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Spans accepted since the store was opened.
    pub accepted_spans: u64,
    /// Spans refused since then, because their ids are absent or zero.
    pub rejected_spans: u64,
    /// Requests refused since then as malformed.
    pub malformed_requests: u64,
    /// Requests refused since then for lack of memory budget.
    pub overloaded_requests: u64,
    /// Bytes of requests that wait to become durable, now.
    pub pending_bytes: u64,
    /// Spans in memory that are durable in the log but not yet in a part, now.
    pub unsealed_spans: u64,
    /// Parts, now.
    pub parts: u64,
    /// Spans in parts, now.
    pub part_spans: u64,
    /// Bytes of parts on disk, now.
    pub part_bytes: u64,
    /// Bytes of the write-ahead log on disk, now.
    pub wal_bytes: u64,
    /// Bytes appended to the write-ahead log since the store was opened.
    pub wal_appended_bytes: u64,
    /// Syncs of the write-ahead log since then.
    pub wal_syncs: u64,
    /// Spans that were restored from the log when the store was opened.
    pub recovered_spans: u64,
    /// What became of parts.
    pub maintenance: MaintenanceStats,
}

/// Figures of merging, retention, deletion and quarantine; counters begin at 0 when the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MaintenanceStats {
    /// Merges that were completed.
    pub merges: u64,
    /// Spans that merges wrote.
    pub merged_spans: u64,
    /// CPU time that merges took, in nanoseconds.
    pub merge_cpu_ns: u64,
    /// Merges that failed, and are tried again.
    pub merge_failures: u64,
    /// Parts that retention removed.
    pub expired_parts: u64,
    /// Their spans.
    pub expired_spans: u64,
    /// Their bytes.
    pub expired_bytes: u64,
    /// Those of their spans that were not yet too old: they went for want of space.
    pub early_expired_spans: u64,
    /// Spans that were deleted on request.
    pub deleted_spans: u64,
    /// Parts that were found damaged.
    pub quarantined_parts: u64,
    /// Parts that lie in quarantine, now.
    pub parts_in_quarantine: u64,
}

/// Where spans are kept.
///
/// Every backend has the same meaning, defined by [`SpanFilter::matches`](crate::query::SpanFilter::matches) and the
/// functions of [`query`](crate::query), and passes the same tests.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores the spans of a request, all or none. They are durable, and visible to queries, when this returns.
    async fn append(&self, request: IngestRequest) -> Result<Accepted, AppendError>;

    /// All known spans of a trace; `None` when there is none.
    ///
    /// `range` is a hint that all of its spans start within; a store may look elsewhere too.
    async fn trace(&self, trace_id: TraceId, range: Option<TimeRange>) -> Result<Option<Trace>, QueryError>;

    /// A page of the traces that match.
    async fn search(&self, query: TraceQuery) -> Result<TracePage, QueryError>;

    /// Deletes spans that were acknowledged before, for good; returns how many. It can be repeated. Deleted data may remain in snapshots,
    /// in quarantine, and, until they are overwritten, in blocks of the disk that are not in use.
    async fn delete(&self, _what: Deletion) -> Result<u64, AdminError> {
        Err(AdminError::Unsupported("delete"))
    }

    /// Takes a snapshot of all that was acknowledged before, under a name of letters, digits, `-` and `_`; returns its directory.
    async fn take_snapshot(&self, _name: &str) -> Result<PathBuf, AdminError> {
        Err(AdminError::Unsupported("take snapshots"))
    }

    /// Removes a snapshot; `false` when there is none of this name.
    async fn delete_snapshot(&self, _name: &str) -> Result<bool, AdminError> {
        Err(AdminError::Unsupported("take snapshots"))
    }

    /// The names of all snapshots.
    async fn snapshots(&self) -> Result<Vec<String>, AdminError> {
        Err(AdminError::Unsupported("take snapshots"))
    }

    /// The names of all services that are known, ordered.
    async fn service_names(&self) -> Result<Vec<String>, QueryError>;

    /// The names of a service's operations of any kind, ordered.
    async fn operation_names(&self, service: &str) -> Result<Vec<String>, QueryError>;

    /// RED figures and edges: see [`topology`](crate::topology).
    async fn figures(&self, query: FiguresQuery) -> Result<Figures, QueryError>;

    /// A number that is another one once spans have come, which changes figures; `None` where others add to them too. The same number spares
    /// whoever asks again and again from asking.
    fn spans_so_far(&self) -> Option<u64> {
        None
    }

    /// Whether the store can do its work.
    fn health(&self) -> Health;

    /// Its figures.
    fn stats(&self) -> StoreStats;

    /// How long it keeps spans, and what it keeps at present. May ask the file system. Default: everything, for ever.
    fn retention(&self) -> Retention {
        Retention::default()
    }

    /// Stops accepting, makes what is under way durable, and releases the data. Later calls fail.
    async fn close(&self);
}
