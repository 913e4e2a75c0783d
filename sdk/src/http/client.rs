//! Requests that go out.

use http::{HeaderMap, Method, Request, Uri};
use tower::Layer;
use tracing::Span;

use super::call::Protocol;
use super::service::{Open, TracedService};
use crate::context::Context;
use crate::conventions;
use crate::propagation::Callee;

/// Opens a CLIENT span for each request and sends the context with it.
///
/// For any tower service that takes `http::Request`s, such as hyper-util's client. A response of 4xx or 5xx, and an error,
/// mark the span as failed.
#[derive(Debug, Clone, Default)]
pub struct ClientLayer {
    callee: Callee,
}

/// Service of [`ClientLayer`].
pub type ClientService<S> = TracedService<S, ClientLayer>;

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
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        TracedService::new(inner, self.clone())
    }
}

impl Open for ClientLayer {
    const PROTOCOL: Protocol = Protocol::HttpClient;

    fn open<B>(&self, request: &mut Request<B>) -> (Context, Span) {
        let context = Context::current();
        let span = span(request.method(), request.uri(), request.headers());
        self.callee.inject(&span, &context, request.headers_mut());
        (context, span)
    }
}

fn span(method: &Method, uri: &Uri, headers: &HeaderMap) -> Span {
    let scheme = uri.scheme_str().unwrap_or("http");
    conventions::client_span(method, scheme, conventions::authority(uri, headers).as_ref(), uri.path())
}
