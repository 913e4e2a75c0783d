//! Requests that go out.

use std::fmt::Display;
use std::task::{Context as TaskContext, Poll};

use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use tower::{Layer, Service};
use tracing::Span;

use super::call::{Call, Protocol};
use super::response::{ResponseBody, ResponseFuture};
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
#[derive(Debug, Clone)]
pub struct ClientService<S> {
    inner: S,
    callee: Callee,
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
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        ClientService { inner, callee: self.callee }
    }
}

impl<S, B, R> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Display,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let context = Context::current();
        let span = span(request.method(), request.uri(), request.headers());
        self.callee.inject(&span, &context, request.headers_mut());
        ResponseFuture::new(context, Call::new(span, Protocol::HttpClient), || self.inner.call(request))
    }
}

fn span(method: &Method, uri: &Uri, headers: &HeaderMap) -> Span {
    let scheme = uri.scheme_str().unwrap_or("http");
    conventions::client_span(method, scheme, conventions::authority(uri, headers).as_ref(), uri.path())
}
