//! Carrying the context over `.await`, into tasks, and onto other threads.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};

use futures_core::Stream;
use laneway_proto::Lane;
use tokio::task::JoinHandle;
use tracing::Span;

use crate::context::Context;

pin_project_lite::pin_project! {
    /// A future or stream that runs in a context; made by [`Context::scope`], [`FutureExt`] and [`carry_stream`].
    ///
    /// The context is current at every poll and while the future is dropped, so that the locals of an aborted
    /// task still see it.
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        context: Context,
        span: Span,
        // Taken out in `drop`, where the context is entered; else always there.
        #[pin]
        inner: Option<F>,
    }

    impl<F> PinnedDrop for InContext<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _span = this.span.enter();
            let _context = this.context.enter();
            this.inner.set(None);
        }
    }
}

impl<F> InContext<F> {
    pub(crate) fn new(context: Context, span: Span, inner: F) -> Self {
        Self { context, span, inner: Some(inner) }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // The context after the span: a context that was entered inside the span wins, as it did where it was
        // taken.
        let _span = this.span.enter();
        let _context = this.context.enter();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<S: Stream> Stream for InContext<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let _span = this.span.enter();
        let _context = this.context.enter();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

impl<F> fmt::Debug for InContext<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").field("context", &self.context).finish_non_exhaustive()
    }
}

/// Puts a future into a context.
pub trait FutureExt: Future + Sized {
    /// Runs the future in what is current now: the context, and the `tracing` span.
    ///
    /// For futures that are polled elsewhere: `set.spawn(work.in_current_context())`. [`spawn`] does it for
    /// `tokio::spawn`.
    fn in_current_context(self) -> InContext<Self> {
        InContext::new(Context::current(), Span::current(), self)
    }

    /// Runs the future in this context; the same as [`Context::scope`].
    fn in_context(self, context: Context) -> InContext<Self> {
        InContext::new(context, Span::none(), self)
    }
}

impl<F: Future> FutureExt for F {}

/// `tokio::spawn` that carries the current context and the current `tracing` span into the task.
///
/// # Panics
/// Outside of a tokio runtime, as `tokio::spawn` does.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.in_current_context())
}

/// `tokio::task::spawn_local` that carries the current context and the current `tracing` span into the task.
///
/// # Panics
/// Outside of a `LocalSet`, as `tokio::task::spawn_local` does.
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    tokio::task::spawn_local(future.in_current_context())
}

/// `tokio::task::spawn_blocking` that carries the current context and the current `tracing` span to the thread.
///
/// # Panics
/// Outside of a tokio runtime, as `tokio::task::spawn_blocking` does.
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    tokio::task::spawn_blocking(carry(f))
}

/// A function that runs in what is current now, wherever it is called: for `std::thread`, rayon, or a callback.
pub fn carry<F, T>(f: F) -> impl FnOnce() -> T
where
    F: FnOnce() -> T,
{
    let (context, span) = (Context::current(), Span::current());
    move || {
        let _span = span.enter();
        let _context = context.enter();
        f()
    }
}

/// A stream that runs in what is current now, wherever it is polled: for one that is handed on, as a response's body is.
pub fn carry_stream<S: Stream>(stream: S) -> InContext<S> {
    InContext::new(Context::current(), Span::current(), stream)
}

/// Runs a future as a request of this lane: every span, call and message inside carries it.
///
/// For the entry of a fleet, where requests get their lanes. What else is current stays.
pub fn with_lane<F: Future>(lane: Lane, future: F) -> InContext<F> {
    Context::current().with_lane(lane).scope(future)
}
