//! The query model: what can be asked of a store, in no dialect.

use std::fmt;
use std::str::FromStr;

use laneway_proto::{Lane, SpanId, TraceId};

use crate::model::{SpanKind, StatusCode, Trace};
use crate::topology::{EdgeFigures, RedFigures};

mod histogram;
mod matching;
mod summary;
#[cfg(test)]
mod tests;

pub use histogram::Histogram;
pub(crate) use histogram::{Bucket, BucketCount, Counters};

/// A span of time; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First nanosecond since the Unix epoch.
    pub start_unix_ns: u64,
    /// Last nanosecond since the Unix epoch.
    pub end_unix_ns: u64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { start_unix_ns: 0, end_unix_ns: u64::MAX };

    /// Whether the instant lies within.
    pub const fn contains(&self, unix_ns: u64) -> bool {
        self.start_unix_ns <= unix_ns && unix_ns <= self.end_unix_ns
    }

    /// Whether some instant lies in both.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.start_unix_ns <= other.end_unix_ns && other.start_unix_ns <= self.end_unix_ns
    }
}

/// Where an attribute is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeScope {
    /// Span, resource, instrumentation scope, events and links: any of them.
    Any,
    /// The span's own attributes.
    Span,
    /// The resource's.
    Resource,
    /// The instrumentation scope's.
    Scope,
    /// Those of any event.
    Event,
    /// Those of any link.
    Link,
}

/// A condition on one span.
#[derive(Debug, Clone, PartialEq)]
pub enum SpanFilter {
    /// Recorded by the service of this name.
    Service(String),
    /// Has this name.
    Operation(String),
    /// Has this kind.
    Kind(SpanKind),
    /// Has this status.
    Status(StatusCode),
    /// Has this status message.
    StatusMessage(String),
    /// Recorded by the instrumentation scope of this name.
    ScopeName(String),
    /// Recorded by an instrumentation scope of this version.
    ScopeVersion(String),
    /// Has this request lane.
    Lane(Lane),
    /// Took at least this long, in nanoseconds.
    MinDuration(u64),
    /// Took at most this long, in nanoseconds.
    MaxDuration(u64),
    /// Has an attribute whose value a user means by this text: see
    /// [`Value::matches_text`](crate::model::Value::matches_text).
    Attribute {
        /// Where to look.
        scope: AttributeScope,
        /// The key, exactly.
        key: String,
        /// The text.
        text: String,
    },
    /// Meets every condition; with none, every span does.
    All(Vec<SpanFilter>),
    /// Meets at least one condition; with none, no span does.
    Any(Vec<SpanFilter>),
    /// Does not meet the condition.
    Not(Box<SpanFilter>),
}

/// A search: traces with at least one span in the range that meets the filter, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceQuery {
    /// When the matching span started.
    pub range: TimeRange,
    /// The condition that one span must meet as a whole.
    pub filter: SpanFilter,
    /// The most traces to return, at least 1.
    pub limit: usize,
    /// Continue after this place of an earlier answer.
    pub cursor: Option<TraceCursor>,
}

impl TraceQuery {
    /// Start of the newest span of the trace that matches, in nanoseconds since the Unix epoch.
    pub(crate) fn newest_match(&self, trace: &Trace) -> Option<u64> {
        let matching = trace.spans.iter().filter(|span| self.filter.matches(span));
        matching.map(|span| span.start_unix_ns).filter(|start| self.range.contains(*start)).max()
    }
}

/// A place in the answer of a search: behind the trace of this id, whose newest matching span started then.
///
/// Answers are ordered by (start of the newest matching span, trace id), both descending. The order of two
/// traces does not change as others arrive, so pages neither repeat nor skip what was there from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceCursor {
    /// Start of the newest matching span, in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// The trace.
    pub trace_id: TraceId,
}

/// The text is not a cursor that a store gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of an earlier answer")]
pub struct InvalidCursor;

/// `<start>-<trace id>`; callers treat it as opaque.
impl fmt::Display for TraceCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start_unix_ns, self.trace_id)
    }
}

impl FromStr for TraceCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (start, id) = text.split_once('-').ok_or(InvalidCursor)?;
        Ok(Self {
            start_unix_ns: start.parse().map_err(|_| InvalidCursor)?,
            trace_id: id.parse().map_err(|_| InvalidCursor)?,
        })
    }
}

/// One page of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct TracePage {
    /// Newest first.
    pub traces: Vec<TraceSummary>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<TraceCursor>,
}

/// A trace in a list. It is about the whole trace, not about the matching spans.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// The root span: see [`Trace::root`].
    pub root_span_id: SpanId,
    /// The service of the root span.
    pub root_service: String,
    /// The operation of the root span.
    pub root_operation: String,
    /// Whether the root span has no parent: otherwise the real root has not been received (yet).
    pub root_received: bool,
    /// The earliest start, in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// From the earliest start to the latest end.
    pub duration_ns: u64,
    /// How many spans.
    pub span_count: usize,
    /// How many of them report an error.
    pub error_count: usize,
    /// The services that took part, by name.
    pub services: Vec<ServiceInTrace>,
    /// The request lanes of its spans, by name.
    pub lanes: Vec<Lane>,
}

/// A service's share of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInTrace {
    /// The service.
    pub name: String,
    /// How many spans of it.
    pub span_count: usize,
    /// How many of them report an error.
    pub error_count: usize,
}

/// Rate, errors, duration: the counts behind them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Red {
    /// How many spans were counted.
    pub requests: u64,
    /// How many of them report an error.
    pub errors: u64,
    /// Their durations, in nanoseconds.
    pub duration_ns: Histogram,
}

impl Red {
    /// Counts one span.
    pub fn record(&mut self, duration_ns: u64, is_error: bool) {
        self.requests += 1;
        self.errors += u64::from(is_error);
        self.duration_ns.record(duration_ns);
    }

    /// Adds figures of spans of this status.
    pub fn add(&mut self, status: StatusCode, spans: &RedFigures) {
        let count = spans.spans.max(0) as u64;
        self.requests += count;
        self.errors += if status == StatusCode::Error { count } else { 0 };
        self.duration_ns.merge(&spans.duration_ns);
    }

    /// Adds figures of hops.
    pub fn add_hops(&mut self, hops: &EdgeFigures) {
        self.requests += hops.hops.max(0) as u64;
        self.errors += hops.errors.max(0) as u64;
        self.duration_ns.merge(&hops.duration_ns);
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.duration_ns.merge(&other.duration_ns);
    }
}

impl TraceSummary {
    /// The summary of a trace.
    pub fn of(trace: &Trace) -> Self {
        summary::summarise_trace(trace)
    }
}
