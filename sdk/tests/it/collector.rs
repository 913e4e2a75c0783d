//! A collector double: takes OTLP/gRPC exports, and answers as it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use laneway::{Builder, Guard, Stats};
use laneway_proto::grpc::{RawCodec, trace_service};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tracing::dispatcher::{DefaultGuard, Dispatch};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use crate::tree::Spans;

/// What the collector says to one export.
pub(crate) type Answer = Result<Bytes, Status>;

#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    received: Mutex<Vec<ResourceSpans>>,
    metadata: Mutex<tonic::metadata::MetadataMap>,
    answers: Mutex<VecDeque<Answer>>,
    requests: watch::Sender<usize>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn serve(listener: TcpListener) -> Self {
        Self::serve_by(listener, tonic::transport::Server::builder())
    }

    #[cfg(feature = "tls")]
    pub(crate) fn serve_tls(listener: TcpListener, tls: tonic::transport::ServerTlsConfig) -> Self {
        Self::serve_by(listener, tonic::transport::Server::builder().tls_config(tls).unwrap())
    }

    fn serve_by(listener: TcpListener, mut server: tonic::transport::Server) -> Self {
        let state = State {
            received: Mutex::default(),
            metadata: Mutex::default(),
            answers: Mutex::default(),
            requests: watch::Sender::new(0),
        };
        let collector = Self { address: listener.local_addr().unwrap(), state: Arc::new(state) };
        let service = TraceService(collector.state.clone());
        tokio::spawn(server.add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        collector
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next export so, and does not keep its spans unless the answer is a success.
    pub(crate) fn answer_next(&self, answer: Answer) {
        self.state.answers.lock().unwrap().push_back(answer);
    }

    /// Waits until this many requests came in.
    pub(crate) async fn requests(&self, count: usize) {
        self.state.requests.subscribe().wait_for(|requests| *requests >= count).await.unwrap();
    }

    pub(crate) fn request_count(&self) -> usize {
        *self.state.requests.borrow()
    }

    pub(crate) fn last_metadata(&self) -> tonic::metadata::MetadataMap {
        self.state.metadata.lock().unwrap().clone()
    }

    pub(crate) fn resource_spans(&self) -> Vec<ResourceSpans> {
        self.state.received.lock().unwrap().clone()
    }

    pub(crate) fn spans(&self) -> Spans {
        Spans::new(&self.resource_spans())
    }
}

#[derive(Clone)]
struct TraceService(Arc<State>);

impl NamedService for TraceService {
    const NAME: &'static str = trace_service::NAME;
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Service<http::Request<Body>> for TraceService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), trace_service::EXPORT_PATH);
        let service = self.clone();
        let mut grpc = Grpc::new(RawCodec).accept_compressed(CompressionEncoding::Gzip);
        Box::pin(async move { Ok(grpc.unary(service, request).await) })
    }
}

impl UnaryService<Bytes> for TraceService {
    type Response = Bytes;
    type Future = BoxFuture<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move {
            let answer = state.answers.lock().unwrap().pop_front().unwrap_or_else(|| Ok(Bytes::new()));
            *state.metadata.lock().unwrap() = request.metadata().clone();
            if answer.is_ok() {
                let export = ExportTraceServiceRequest::decode(request.into_inner()).unwrap();
                state.received.lock().unwrap().extend(export.resource_spans);
            }
            state.requests.send_modify(|requests| *requests += 1);
            answer.map(Response::new)
        })
    }
}

/// The SDK with a collector of its own, as this thread's subscriber.
pub(crate) struct Bed {
    pub(crate) collector: Collector,
    pub(crate) guard: Guard,
    pub(crate) dispatch: Dispatch,
    _default: DefaultGuard,
}

impl Bed {
    pub(crate) async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let collector = Collector::start().await;
        Self::against(collector, configure)
    }

    pub(crate) fn against(collector: Collector, configure: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = laneway::builder().service_name("test").endpoint(collector.endpoint());
        let (layer, guard) = configure(builder).build::<Registry>().unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        let _default = tracing::dispatcher::set_default(&dispatch);
        Self { collector, guard, dispatch, _default }
    }

    /// Everything that was recorded.
    pub(crate) async fn finish(self) -> Spans {
        self.finish_with_stats().await.0
    }

    pub(crate) async fn finish_with_stats(self) -> (Spans, Stats) {
        let stats = self.guard.shutdown().await;
        (self.collector.spans(), stats)
    }
}
