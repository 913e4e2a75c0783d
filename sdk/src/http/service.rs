//! The frame around every request, at either end and of either protocol.

use std::fmt::Display;
use std::task::{Context as TaskContext, Poll};

use http::{Request, Response};
use http_body::Body;
use tower::Service;
use tracing::Span;

use super::call::{Call, Protocol};
use super::response::{ResponseBody, ResponseFuture};
use crate::context::Context;

/// A service whose requests have a span each; made by the layers of this crate.
#[derive(Debug, Clone)]
pub struct TracedService<S, L> {
    inner: S,
    layer: L,
}

/// What the layers differ in.
pub(crate) trait Open {
    const PROTOCOL: Protocol;

    /// Opens the span of a request, and gives the context that it was opened in. The headers say where it comes from, or are told.
    fn open<B>(&self, request: &mut Request<B>) -> (Context, Span);
}

impl<S, L> TracedService<S, L> {
    pub(crate) fn new(inner: S, layer: L) -> Self {
        Self { inner, layer }
    }
}

impl<S, L, B, R> Service<Request<B>> for TracedService<S, L>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Display,
    L: Open,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (context, span) = self.layer.open(&mut request);
        ResponseFuture::new(context, Call::new(span, L::PROTOCOL), || self.inner.call(request))
    }
}
