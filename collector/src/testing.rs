//! For this crate's tests: a store that answers as told, requests, and what is in an answer.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use laneway_proto::TraceId;
use laneway_storage::model::Trace;
use laneway_storage::query::{TimeRange, TracePage, TraceQuery};
use laneway_storage::topology::{Figures, FiguresQuery};
use laneway_storage::{Accepted, AppendError, Health, IngestRequest, QueryError, Store, StoreStats};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{Notify, Semaphore};
use tower::Service;

use crate::admission::Admission;
use crate::config::Limits;
use crate::metrics::Metrics;
use crate::receiver::Options;

/// A store that answers every append as it is told, and remembers what it was given.
pub(crate) struct ScriptedStore {
    answer: Mutex<Result<Accepted, AppendError>>,
    health: Mutex<Health>,
    requests: Mutex<Vec<IngestRequest>>,
    /// One permit for each append that may be answered.
    gate: Semaphore,
    entered: Notify,
    closed: Notify,
    never_closes: AtomicBool,
}

impl ScriptedStore {
    pub(crate) fn answering(answer: Result<Accepted, AppendError>) -> Arc<Self> {
        Self::with(answer, Semaphore::MAX_PERMITS)
    }

    pub(crate) fn accepting() -> Arc<Self> {
        Self::answering(Ok(Accepted { spans: 1, rejected_spans: 0 }))
    }

    /// Answers nothing before [`release`](Self::release).
    pub(crate) fn hanging() -> Arc<Self> {
        Self::with(Ok(Accepted { spans: 1, rejected_spans: 0 }), 0)
    }

    fn with(answer: Result<Accepted, AppendError>, permits: usize) -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(answer),
            health: Mutex::new(Health::Ready),
            requests: Mutex::default(),
            gate: Semaphore::new(permits),
            entered: Notify::new(),
            closed: Notify::new(),
            never_closes: AtomicBool::new(false),
        })
    }

    pub(crate) fn requests(&self) -> Vec<IngestRequest> {
        self.requests.lock().clone()
    }

    /// The only request that it was given.
    #[track_caller]
    pub(crate) fn request(&self) -> IngestRequest {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "expected one request");
        requests[0].clone()
    }

    pub(crate) fn set_health(&self, health: Health) {
        *self.health.lock() = health;
    }

    /// Waits until an append is under way.
    pub(crate) async fn entered(&self) {
        self.entered.notified().await;
    }

    /// Lets one append be answered.
    pub(crate) fn release(&self) {
        self.gate.add_permits(1);
    }

    /// Has closing hang.
    pub(crate) fn never_close(&self) {
        self.never_closes.store(true, Ordering::Relaxed);
    }

    /// Waits until it was closed.
    pub(crate) async fn closed(&self) {
        self.closed.notified().await;
    }
}

#[async_trait]
impl Store for ScriptedStore {
    async fn append(&self, request: IngestRequest) -> Result<Accepted, AppendError> {
        self.requests.lock().push(request);
        self.entered.notify_one();
        self.gate.acquire().await.unwrap().forget();
        self.answer.lock().clone()
    }

    async fn trace(&self, _: TraceId, _: Option<TimeRange>) -> Result<Option<Trace>, QueryError> {
        Err(QueryError::Closing)
    }

    async fn search(&self, _: TraceQuery) -> Result<TracePage, QueryError> {
        Err(QueryError::Closing)
    }

    async fn service_names(&self) -> Result<Vec<String>, QueryError> {
        Err(QueryError::Closing)
    }

    async fn operation_names(&self, _: &str) -> Result<Vec<String>, QueryError> {
        Err(QueryError::Closing)
    }

    async fn figures(&self, _: FiguresQuery) -> Result<Figures, QueryError> {
        Err(QueryError::Closing)
    }

    fn health(&self) -> Health {
        self.health.lock().clone()
    }

    fn stats(&self) -> StoreStats {
        StoreStats { wal_syncs: 7, ..StoreStats::default() }
    }

    async fn close(&self) {
        if self.never_closes.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.closed.notify_one();
    }
}

/// A receiver's options over a store; its limits are the defaults.
pub(crate) fn options(store: &Arc<ScriptedStore>) -> Options {
    options_with(store, Limits::default())
}

pub(crate) fn options_with(store: &Arc<ScriptedStore>, limits: Limits) -> Options {
    let store: Arc<dyn Store> = Arc::<ScriptedStore>::clone(store);
    let admission = Admission::new(limits.ingest_memory_bytes);
    let metrics = Arc::new(Metrics::new(admission.clone(), Arc::clone(&store)));
    Options { store, admission, limits, metrics }
}

/// An export of one valid span, in protobuf.
pub(crate) fn export() -> Vec<u8> {
    let span =
        Span { trace_id: vec![1; 16], span_id: vec![2; 8], name: "GET /".to_owned(), ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// A way to compress.
pub(crate) type Compress = fn(&[u8]) -> Vec<u8>;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    /// A header; empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request through a router, without a socket.
pub(crate) async fn send(router: &Router, request: Request<axum::body::Body>) -> Answer {
    let (head, body) = router.clone().call(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Answer { status: head.status, headers: head.headers, body: body.to_bytes(), trailers }
}
