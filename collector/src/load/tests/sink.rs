//! A server double: it answers exports as it is told, and gives traces back as the native API does.

use std::collections::VecDeque;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use laneway_proto::TraceId;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use parking_lot::Mutex;
use prost::Message;
use tonic_types::{ErrorDetails, StatusExt};

/// What to do with an export. Those that no reply is left for are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Store,
    /// Acknowledge, but do not store.
    Forget,
    StoreTwice,
    TryAgain,
    Refuse,
}

#[derive(Debug)]
pub(super) struct Sink {
    pub(super) addr: SocketAddr,
    stored: Arc<Stored>,
}

#[derive(Debug, Default)]
struct Stored {
    replies: Mutex<VecDeque<Reply>>,
    spans: Mutex<Vec<Span>>,
}

impl Sink {
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let stored =
            Arc::new(Stored { replies: Mutex::new(replies.into_iter().collect()), ..Stored::default() });
        let router = Router::new()
            .route("/v1/traces", post(http_export))
            .route("/opentelemetry.proto.collector.trace.v1.TraceService/Export", post(grpc_export))
            .route("/api/v1/traces/{id}", get(trace))
            .with_state(Arc::clone(&stored));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { addr, stored }
    }

    pub(super) fn spans(&self) -> Vec<Span> {
        self.stored.spans.lock().clone()
    }
}

impl Stored {
    fn take(&self, body: &[u8], gzip: bool) -> Reply {
        let reply = self.replies.lock().pop_front().unwrap_or(Reply::Store);
        let mut message = Vec::new();
        if gzip {
            GzDecoder::new(body).read_to_end(&mut message).unwrap();
        } else {
            message.extend_from_slice(body);
        }
        let request = ExportTraceServiceRequest::decode(&message[..]).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
        let times = match reply {
            Reply::Store => 1,
            Reply::StoreTwice => 2,
            Reply::Forget | Reply::TryAgain | Reply::Refuse => 0,
        };
        (0..times).for_each(|_| self.spans.lock().extend_from_slice(&spans));
        reply
    }
}

async fn http_export(State(stored): State<Arc<Stored>>, request: Request) -> Response {
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    let gzip = request.headers().get("content-encoding").is_some_and(|encoding| encoding == "gzip");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    match stored.take(&body, gzip) {
        Reply::TryAgain => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response(),
        Reply::Refuse => StatusCode::BAD_REQUEST.into_response(),
        _ => Bytes::new().into_response(),
    }
}

async fn grpc_export(State(stored): State<Arc<Stored>>, request: Request) -> Response {
    assert_eq!(request.headers()["content-type"], "application/grpc");
    assert_eq!(request.headers()["te"], "trailers");
    let gzip = request.headers().get("grpc-encoding").is_some_and(|encoding| encoding == "gzip");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body[0], u8::from(gzip));
    assert_eq!(u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize, body.len() - 5);
    let status = match stored.take(&body[5..], gzip) {
        Reply::TryAgain => {
            let details = ErrorDetails::with_retry_info(Some(std::time::Duration::from_millis(1)));
            tonic::Status::with_error_details(tonic::Code::Unavailable, "busy", details)
        }
        Reply::Refuse => tonic::Status::invalid_argument("no"),
        _ => tonic::Status::ok(""),
    };
    let mut trailers = http::HeaderMap::new();
    status.add_header(&mut trailers).unwrap();
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(async { Some(Ok(trailers)) });
    ([("content-type", "application/grpc")], Body::new(body)).into_response()
}

async fn trace(State(stored): State<Arc<Stored>>, Path(id): Path<String>) -> Response {
    let id = id.parse::<TraceId>().unwrap().to_bytes();
    let spans: Vec<Span> = stored.spans.lock().iter().filter(|span| span.trace_id == id).cloned().collect();
    if spans.is_empty() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let data = TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] };
    data.encode_to_vec().into_response()
}
