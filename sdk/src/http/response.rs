//! The future and the body of an observed response.

use std::fmt::{self, Display};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use http::Response;
use http_body::{Body, Frame, SizeHint};

use super::call::Call;
use crate::context::Context;

pin_project_lite::pin_project! {
    /// Response future of the services of this crate.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        observed: Option<Observed>,
        #[pin]
        inner: Option<F>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            match this.observed {
                Some(observed) => observed.run(|| this.inner.set(None)),
                None => this.inner.set(None),
            }
        }
    }
}

pin_project_lite::pin_project! {
    /// Response body of the services of this crate: the span ends with it.
    pub struct ResponseBody<B> {
        observed: Observed,
        #[pin]
        inner: Option<B>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            this.observed.run(|| this.inner.set(None));
        }
    }
}

/// A call, and the context around its span.
struct Observed {
    context: Context,
    call: Call,
}

impl Observed {
    /// Runs a part of the call in its context and span.
    fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let Self { context, call } = self;
        let _context = context.enter();
        let span = call.span().clone();
        let _span = span.enter();
        let watch = PanicWatch { call };
        let result = f();
        std::mem::forget(watch);
        result
    }
}

/// Dropped only when a panic passes by.
struct PanicWatch<'a> {
    call: &'a mut Call,
}

impl Drop for PanicWatch<'_> {
    fn drop(&mut self) {
        self.call.panicked();
    }
}

impl<F> ResponseFuture<F> {
    /// `start` makes the future, in the context and the span of the call.
    pub(crate) fn new(context: Context, call: Call, start: impl FnOnce() -> F) -> Self {
        let mut observed = Observed { context, call };
        let inner = observed.run(start);
        Self { observed: Some(observed), inner: Some(inner) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(observed), Some(inner)) = (this.observed.as_mut(), this.inner.as_mut().as_pin_mut()) else {
            return Poll::Pending;
        };
        let result = ready!(observed.run(|| inner.poll(cx)));
        observed.run(|| this.inner.set(None));
        let Some(mut observed) = this.observed.take() else { return Poll::Pending };
        Poll::Ready(match result {
            Ok(response) => {
                observed.call.head(response.status(), response.headers());
                Ok(response.map(|body| ResponseBody::new(observed, body)))
            }
            Err(error) => {
                observed.call.error(&error);
                Err(error)
            }
        })
    }
}

impl<B: Body> ResponseBody<B> {
    fn new(mut observed: Observed, inner: B) -> Self {
        if inner.is_end_stream() {
            observed.call.body_ended();
        }
        Self { observed, inner: Some(inner) }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Display,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let frame = ready!(this.observed.run(|| inner.poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.observed.call.trailers(trailers);
                } else if this.inner.as_ref().get_ref().as_ref().is_some_and(Body::is_end_stream) {
                    this.observed.call.body_ended();
                }
            }
            Some(Err(error)) => this.observed.call.error(error),
            None => this.observed.call.body_ended(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("call", &self.observed.call).finish_non_exhaustive()
    }
}
