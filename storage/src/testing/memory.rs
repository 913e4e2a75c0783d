//! The reference store: the meaning of [`Store`], with nothing that makes it fast.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use async_trait::async_trait;
use laneway_proto::TraceId;
use laneway_proto::otlp::reader::{ReadError, TracesRequest};
use parking_lot::Mutex;

use crate::model::{Span, Trace, from_otlp};
use crate::query::{TimeRange, TraceCursor, TracePage, TraceQuery, TraceSummary};
use crate::topology::{Figures, FiguresQuery, figures_of};
use crate::{
    Accepted, AdminError, AppendError, Deletion, Health, IngestRequest, QueryError, Retention, Store,
    StoreStats,
};

/// A store in memory that answers every query by looking at every span.
///
/// It is the oracle for the tests of real backends, and the store of tests that need just any. Nothing in it
/// survives the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    spans: Vec<Span>,
    stats: StoreStats,
    not_ready: Option<String>,
    retention: Retention,
    closed: bool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of these spans.
    pub fn of(spans: impl IntoIterator<Item = impl Into<Span>>) -> Self {
        let store = Self::new();
        store.insert(spans);
        store
    }

    /// Adds spans, as if they had been appended.
    pub fn insert(&self, spans: impl IntoIterator<Item = impl Into<Span>>) {
        let mut state = self.0.lock();
        let before = state.spans.len();
        state.spans.extend(spans.into_iter().map(Into::into));
        state.stats.accepted_spans += (state.spans.len() - before) as u64;
    }

    /// Makes [`Store::health`] answer that the store is not ready, for this reason; `None` makes it ready again.
    pub fn set_not_ready(&self, reason: Option<&str>) {
        self.0.lock().not_ready = reason.map(str::to_owned);
    }

    /// Makes [`Store::retention`] and [`Store::stats`] answer this. Nothing is removed.
    pub fn set_kept(&self, retention: Retention, stats: StoreStats) {
        let mut state = self.0.lock();
        state.retention = retention;
        state.stats = stats;
    }

    /// Each known span once.
    fn spans(&self) -> Result<Vec<Span>, QueryError> {
        let state = self.0.lock();
        if state.closed {
            return Err(QueryError::Closing);
        }
        let mut seen = HashSet::new();
        let spans = state.spans.iter();
        Ok(spans
            .filter(|span| seen.insert((span.trace_id, span.span_id, span.start_unix_ns)))
            .cloned()
            .collect())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn append(&self, request: IngestRequest) -> Result<Accepted, AppendError> {
        if let Health::NotReady(reason) = self.health() {
            return Err(AppendError::Unavailable(reason));
        }
        let read = decode(&request.body.joined());
        let mut state = self.0.lock();
        match read {
            Ok((spans, accepted)) => {
                state.stats.accepted_spans += accepted.spans;
                state.stats.rejected_spans += accepted.rejected_spans;
                state.spans.extend(spans);
                Ok(accepted)
            }
            Err(problem) => {
                state.stats.malformed_requests += 1;
                Err(AppendError::Malformed(problem.to_string()))
            }
        }
    }

    async fn trace(&self, trace_id: TraceId, _: Option<TimeRange>) -> Result<Option<Trace>, QueryError> {
        let mut spans = self.spans()?;
        spans.retain(|span| span.trace_id == trace_id);
        Ok(Trace::new(spans))
    }

    async fn search(&self, query: TraceQuery) -> Result<TracePage, QueryError> {
        let spans = self.spans()?;
        let mut newest = BTreeMap::<TraceId, u64>::new();
        for span in &spans {
            if query.range.contains(span.start_unix_ns) && query.filter.matches(span) {
                let start = newest.entry(span.trace_id).or_default();
                *start = span.start_unix_ns.max(*start);
            }
        }
        let mut places: Vec<TraceCursor> = newest
            .into_iter()
            .map(|(trace_id, start_unix_ns)| TraceCursor { start_unix_ns, trace_id })
            .filter(|place| query.cursor.is_none_or(|cursor| *place < cursor))
            .collect();
        places.sort_by(|a, b| b.cmp(a));
        let more = places.len() > query.limit;
        places.truncate(query.limit);
        let summary = |place: &TraceCursor| {
            let of_trace = spans.iter().filter(|span| span.trace_id == place.trace_id);
            Some(TraceSummary::of(&Trace::new(of_trace.cloned().collect())?))
        };
        Ok(TracePage {
            traces: places.iter().filter_map(summary).collect(),
            next: places.last().copied().filter(|_| more),
        })
    }

    async fn delete(&self, what: Deletion) -> Result<u64, AdminError> {
        let is_deleted = |span: &Span| match &what {
            Deletion::Trace(id) => span.trace_id == *id,
            Deletion::Service(name) => span.service_name() == name,
        };
        let deleted = self.spans()?.iter().filter(|span| is_deleted(span)).count();
        self.0.lock().spans.retain(|span| !is_deleted(span));
        Ok(deleted as u64)
    }

    async fn service_names(&self) -> Result<Vec<String>, QueryError> {
        let spans = self.spans()?;
        let names: BTreeSet<&str> = spans.iter().map(Span::service_name).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    async fn operation_names(&self, service: &str) -> Result<Vec<String>, QueryError> {
        let spans = self.spans()?;
        let of_service = spans.iter().filter(|span| span.service_name() == service);
        let names: BTreeSet<&str> = of_service.map(|span| span.name.as_str()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    async fn figures(&self, query: FiguresQuery) -> Result<Figures, QueryError> {
        Ok(figures_of(&self.spans()?, query.resolution()).answer(&query))
    }

    fn health(&self) -> Health {
        let state = self.0.lock();
        match &state.not_ready {
            _ if state.closed => Health::NotReady("the store is closed".to_owned()),
            Some(reason) => Health::NotReady(reason.clone()),
            None => Health::Ready,
        }
    }

    fn stats(&self) -> StoreStats {
        self.0.lock().stats
    }

    fn retention(&self) -> Retention {
        self.0.lock().retention.clone()
    }

    async fn close(&self) {
        self.0.lock().closed = true;
    }
}

/// The spans of a request with valid ids, and how many have none.
fn decode(body: &[u8]) -> Result<(Vec<Span>, Accepted), ReadError> {
    let request = TracesRequest::new(body);
    request.validate()?;
    let mut received = 0;
    for resource_spans in request.resource_spans() {
        for scope_spans in resource_spans?.scope_spans() {
            received += scope_spans?.spans().count() as u64;
        }
    }
    let spans = from_otlp::spans(request)?;
    let stored = spans.len() as u64;
    Ok((spans, Accepted { spans: stored, rejected_spans: received - stored }))
}
