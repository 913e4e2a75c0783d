//! Tower layers for tonic: a SERVER or CLIENT span for each gRPC call, and the context in its metadata.
//!
//! ```no_run
//! # async fn example(routes: tonic::service::Routes) -> Result<(), Box<dyn std::error::Error>> {
//! // A server:
//! tonic::transport::Server::builder()
//!     .layer(laneway::tonic::ServerLayer::new())
//!     .add_routes(routes)
//!     .serve("127.0.0.1:50051".parse()?)
//!     .await?;
//! # Ok(())
//! # }
//!
//! # async fn other() -> Result<(), Box<dyn std::error::Error>> {
//! // A client: what `SomeClient::new` takes instead of the channel.
//! let channel = tonic::transport::Channel::from_static("http://payment:50051").connect_lazy();
//! let layer = laneway::tonic::ClientLayer::new().server_address("payment", 50051);
//! let traced = tower::Layer::layer(&layer, channel);
//! # drop(traced);
//! # Ok(())
//! # }
//! ```
//!
//! Attributes follow OpenTelemetry's RPC conventions in their current form: `rpc.system.name`, `rpc.method` with the
//! service in it, `rpc.response.status_code` by name. A span ends with the trailers, where gRPC has its status; a call
//! that is dropped before counts as `CANCELLED`. On a client every status but `OK` is an error; on a server those
//! that mean its own failure.

pub(crate) mod status;

use std::sync::Arc;

use http::Request;
use tower::Layer;
use tracing::Span;
use tracing::field::Empty;

use crate::context::Context;
use crate::conventions;
use crate::http::{Caller, Open, Protocol, TracedService};
use crate::propagation::Callee;

/// Opens a SERVER span for each call, in the trace and lane of the caller. For `tonic::transport::Server::layer`.
#[derive(Debug, Clone, Default)]
pub struct ServerLayer {
    caller: Caller,
}

/// Service of [`ServerLayer`].
pub type ServerService<S> = TracedService<S, ServerLayer>;

/// Opens a CLIENT span for each call and sends the context with it. For a `tonic::transport::Channel`.
#[derive(Debug, Clone, Default)]
pub struct ClientLayer {
    callee: Callee,
    server: Option<Server>,
}

/// Service of [`ClientLayer`].
pub type ClientService<S> = TracedService<S, ClientLayer>;

/// Whom a channel leads to. The requests on it do not say.
#[derive(Debug, Clone)]
struct Server {
    address: Arc<str>,
    port: u16,
}

impl ServerLayer {
    /// A layer for callers within the fleet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For callers from outside: their lane, their baggage, and whom they claim to be are stripped from the call. The trace is continued.
    #[must_use]
    pub fn untrusted(mut self) -> Self {
        self.caller = Caller::Untrusted;
        self
    }
}

impl ClientLayer {
    /// A layer for calls within the fleet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For calls that leave the fleet: the trace goes along; lane, baggage, and who calls do not.
    #[must_use]
    pub fn external(mut self) -> Self {
        self.callee = Callee::External;
        self
    }

    /// Host and port that the channel leads to, for the attributes `server.address` and `server.port`: a channel does not
    /// tell its requests.
    #[must_use]
    pub fn server_address(mut self, address: impl AsRef<str>, port: u16) -> Self {
        self.server = Some(Server { address: address.as_ref().into(), port });
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> ServerService<S> {
        TracedService::new(inner, self.clone())
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        TracedService::new(inner, self.clone())
    }
}

impl Open for ServerLayer {
    const PROTOCOL: Protocol = Protocol::GrpcServer;

    fn open<B>(&self, request: &mut Request<B>) -> (Context, Span) {
        let context = self.caller.context(request.headers_mut());
        let authority = conventions::authority(request.uri(), request.headers());
        let address = authority.as_ref().map(conventions::host);
        let port = authority.as_ref().and_then(|authority| authority.port_u16());
        let span = context.in_scope(|| span("server", method(request), address, port));
        (context, span)
    }
}

impl Open for ClientLayer {
    const PROTOCOL: Protocol = Protocol::GrpcClient;

    fn open<B>(&self, request: &mut Request<B>) -> (Context, Span) {
        let context = Context::current();
        let address = self.server.as_ref().map(|server| &*server.address);
        let port = self.server.as_ref().map(|server| server.port);
        let span = span("client", method(request), address, port);
        self.callee.inject(&span, &context, request.headers_mut());
        (context, span)
    }
}

/// `package.Service/Method`: the path without its slash.
fn method<B>(request: &Request<B>) -> &str {
    request.uri().path().trim_start_matches('/')
}

fn span(kind: &'static str, method: &str, address: Option<&str>, port: Option<u16>) -> Span {
    tracing::info_span!(
        target: "laneway::tonic",
        "rpc",
        otel.name = method,
        otel.kind = kind,
        otel.status_code = Empty,
        otel.status_description = Empty,
        "error.type" = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
        server.address = address,
        server.port = port,
    )
}
