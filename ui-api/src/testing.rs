//! One request, one answer, no socket.

pub(crate) mod fleet;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use laneway_proto::TraceId;
use laneway_storage::model::{Span, Trace};
use laneway_storage::query::{TimeRange, TracePage, TraceQuery};
use laneway_storage::testing::{EPOCH_UNIX_NS, MemoryStore};
use laneway_storage::topology::{Figures, FiguresQuery};
use laneway_storage::{Accepted, AppendError, Health, IngestRequest, QueryError, Store, StoreStats};
use tower::ServiceExt;

use crate::{Api, router};

/// What time it is in tests: ten minutes after the spans of tests start, unless they say otherwise.
pub(crate) const NOW_UNIX_NS: u64 = EPOCH_UNIX_NS + 600 * 1_000_000_000;

/// Asks a router.
#[derive(Debug, Clone)]
pub(crate) struct Client(Router);

/// A client of an API over these spans.
pub(crate) fn client(spans: impl IntoIterator<Item = impl Into<Span>>) -> Client {
    Client::of(Api::new(Arc::new(MemoryStore::of(spans))))
}

impl Client {
    pub(crate) fn of(api: Api) -> Self {
        Self(router(api.with_clock(|| NOW_UNIX_NS)))
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_accepting(&self, uri: &str, accept: &str) -> Answer {
        self.send(Request::get(uri).header("accept", accept).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn call(&self, method: Method, uri: &str) -> Answer {
        self.send(Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.0.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body of an answer of status 200.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        self.any_json()
    }

    /// Status, error code, message and hint of a native error.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String, String, String) {
        let body = self.any_json();
        let field = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), field("code"), field("message"), field("hint"))
    }

    /// Status and message of Jaeger's error envelope.
    #[track_caller]
    pub(crate) fn jaeger_error(&self) -> (u16, String) {
        let body = self.any_json();
        assert_eq!(body["errors"][0]["code"], self.status.as_u16(), "{body}");
        assert!(body["data"].is_null() && body["total"] == 0, "{body}");
        (self.status.as_u16(), body["errors"][0]["msg"].as_str().unwrap().to_owned())
    }

    #[track_caller]
    fn any_json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap_or_else(|problem| panic!("{problem}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A store that cannot be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Broken {
    Panics,
    Hangs,
    Corrupt,
    Closing,
    TooLarge,
}

impl Broken {
    async fn fail<T>(self) -> Result<T, QueryError> {
        match self {
            Self::Panics => panic!("a bug"),
            Self::Hangs => std::future::pending().await,
            Self::Corrupt => Err(QueryError::Corrupt("/secret/path".to_owned())),
            Self::Closing => Err(QueryError::Closing),
            Self::TooLarge => Err(QueryError::TooLarge { limit_bytes: 1_000 }),
        }
    }
}

#[async_trait]
impl Store for Broken {
    async fn append(&self, _: IngestRequest) -> Result<Accepted, AppendError> {
        Err(AppendError::Unavailable("broken".to_owned()))
    }

    async fn trace(&self, _: TraceId, _: Option<TimeRange>) -> Result<Option<Trace>, QueryError> {
        self.fail().await
    }

    async fn search(&self, _: TraceQuery) -> Result<TracePage, QueryError> {
        self.fail().await
    }

    async fn service_names(&self) -> Result<Vec<String>, QueryError> {
        self.fail().await
    }

    async fn operation_names(&self, _: &str) -> Result<Vec<String>, QueryError> {
        self.fail().await
    }

    async fn figures(&self, _: FiguresQuery) -> Result<Figures, QueryError> {
        self.fail().await
    }

    fn health(&self) -> Health {
        Health::NotReady("the disk is full".to_owned())
    }

    fn stats(&self) -> StoreStats {
        StoreStats::default()
    }

    async fn close(&self) {}
}
