//! Spans that are current.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll};

use super::Span;
use crate::context::stack::{self, Key};
use crate::record;

/// A span that is current on this thread until it is dropped, which ends it; made by [`Span::entered`].
///
/// It must not be held over an `.await` (it is not `Send`, so that the compiler refuses it in a spawned task): use
/// [`Span::instrument`] there.
#[must_use = "the span ends as soon as it is dropped"]
pub struct EnteredSpan {
    // None while the thread is being torn down.
    key: Option<Key>,
    _not_send: PhantomData<*const ()>,
}

impl Span {
    /// Makes this span current on this thread, until the guard is dropped.
    #[inline]
    pub fn entered(mut self) -> EnteredSpan {
        EnteredSpan { key: self.push(), _not_send: PhantomData }
    }

    /// Runs a function in this span. The span stays open.
    pub fn in_scope<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let _visit = Visit::enter(self);
        f()
    }

    /// A future that runs in this span: at every poll, and when it is dropped. The span ends with the future.
    pub fn instrument<F: Future>(self, future: F) -> Instrumented<F> {
        Instrumented { span: self, inner: Some(future) }
    }

    /// Puts the span on the stack of this thread, with its recording: what traces inside it finds it there.
    #[inline]
    fn push(&mut self) -> Option<Key> {
        let Self { context, recording } = self;
        stack::with(|stack| stack.enter(context.clone(), recording.take()))
    }
}

impl EnteredSpan {
    /// Changes the span. Inside of the function it is not current.
    pub fn update(&self, f: impl FnOnce(&mut Span)) {
        if let Some(key) = self.key {
            update(key, f);
        }
    }
}

impl Drop for EnteredSpan {
    #[inline]
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let entry = stack::with(|stack| stack.leave(key)).flatten();
        if let Some(recording) = entry.and_then(|entry| entry.recording) {
            record::finish(recording);
        }
    }
}

/// Changes the innermost span of [`span!`](crate::span!) that is entered on this thread; nothing happens when there is none that is
/// recorded.
pub fn update_current(f: impl FnOnce(&mut Span)) {
    let innermost = stack::with(|stack| {
        stack.entries_mut().find(|entry| entry.recording.is_some()).map(|entry| entry.key)
    });
    if let Some(key) = innermost.flatten() {
        update(key, f);
    }
}

/// Takes the recording out of its entry while the function runs, so that what it calls may trace.
fn update(key: Key, f: impl FnOnce(&mut Span)) {
    let taken = stack::with(|stack| {
        let entry = stack.entry_mut(key)?;
        Some(Span { context: entry.context.clone(), recording: entry.recording.take() })
    });
    let Some(span) = taken.flatten() else { return };
    let mut lent = Lent { key, span };
    f(&mut lent.span);
}

/// Gives a recording back to its entry, also when a panic passes by.
struct Lent {
    key: Key,
    span: Span,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Self { key, span } = self;
        let _: Option<()> = stack::with(|stack| {
            if let Some(entry) = stack.entry_mut(*key) {
                entry.recording = span.recording.take();
            }
        });
    }
}

/// A span that is current for a while.
struct Visit<'a> {
    span: &'a mut Span,
    key: Option<Key>,
}

impl<'a> Visit<'a> {
    #[inline]
    fn enter(span: &'a mut Span) -> Self {
        let key = span.push();
        Self { span, key }
    }
}

impl Drop for Visit<'_> {
    #[inline]
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let entry = stack::with(|stack| stack.leave(key)).flatten();
        self.span.recording = entry.and_then(|entry| entry.recording);
    }
}

pin_project_lite::pin_project! {
    /// A future that runs in a span; made by [`Span::instrument`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Instrumented<F> {
        span: Span,
        // Taken out in `drop`, where the span is entered; else always there.
        #[pin]
        inner: Option<F>,
    }

    impl<F> PinnedDrop for Instrumented<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _visit = Visit::enter(this.span);
            this.inner.set(None);
        }
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _visit = Visit::enter(this.span);
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> fmt::Debug for Instrumented<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instrumented").field("span", &self.span).finish_non_exhaustive()
    }
}

impl fmt::Debug for EnteredSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnteredSpan").finish_non_exhaustive()
    }
}
