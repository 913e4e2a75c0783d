//! Spans that are current.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::Span;
use crate::context::Context;
use crate::context::thread::{self, GuardKey, Key, Opened, Place, Stack, Thread};
use crate::record::{self, Local, Recording};

/// A span that is current on this thread until it is dropped, which ends it; made by [`Span::entered`].
///
/// It must not be held over an `.await` (it is not `Send`, so that the compiler refuses it in a spawned task): use
/// [`Span::instrument`] there.
#[must_use = "the span ends as soon as it is dropped"]
pub struct EnteredSpan {
    // None when there is nothing to be left: inside of spans that are not sampled, and while the thread is being torn down.
    key: Option<GuardKey>,
    _not_send: PhantomData<*const ()>,
}

impl Span {
    /// Makes this span current on this thread, until the guard is dropped.
    #[inline(always)]
    pub fn entered(mut self) -> EnteredSpan {
        let key = self.opened.take().and_then(push);
        // It has nothing left to drop.
        std::mem::forget(self);
        EnteredSpan { key, _not_send: PhantomData }
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
}

/// Puts a span on the stack of this thread, with its recording: what traces inside it finds it there. `None` when nothing has to
/// be taken from there again.
#[inline(always)]
fn push(opened: Opened) -> Option<GuardKey> {
    match opened {
        Opened::Recorded(recording) => push_recorded(recording),
        Opened::Shared(context) => push_shared(context),
        Opened::Nothing => thread::with(|thread| thread.stack.enter(Place::Plain(Context::EMPTY))),
    }
}

/// Inside of the span that it shares its context with nothing changes.
#[inline(never)]
fn push_shared(context: Arc<Context>) -> Option<GuardKey> {
    if thread::is_shared(&context) { None } else { push_another(context) }
}

/// What is below a span that is not sampled is not asked about, unless by a sampler that asks about every span.
#[cold]
#[inline(never)]
fn push_another(context: Arc<Context>) -> Option<GuardKey> {
    thread::with(|Thread { stack, local }| {
        let is_shared = !context.is_sampled() && record::default::follows_parents(local);
        stack.enter(if is_shared { Place::Shared(context) } else { Place::Plain(Context::clone(&context)) })
    })
}

#[inline(never)]
fn push_recorded(recording: Box<Recording>) -> Option<GuardKey> {
    thread::with(|thread| thread.stack.enter_recorded(recording))
}

impl EnteredSpan {
    /// Changes the span. Inside of the function it is not current.
    pub fn update(&self, f: impl FnOnce(&mut Span)) {
        if let Some(key) = self.key {
            update(key.into(), f);
        }
    }
}

impl Drop for EnteredSpan {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(key) = self.key {
            Self::leave(key);
        }
    }
}

impl EnteredSpan {
    #[inline(never)]
    fn leave(key: GuardKey) {
        thread::with(|Thread { stack, local }| match stack.leave_recorded(key) {
            Some(recording) => local.finish(recording),
            None => leave(stack, local, key),
        });
    }
}

/// Leaves an entry that is not recorded, or not the last one.
#[inline(never)]
fn leave(stack: &mut Stack, local: &mut Local, key: GuardKey) {
    if let Some(Place::Recorded(recording)) = stack.leave(key.into()) {
        local.finish(recording);
    }
}

/// Changes the innermost span of [`span!`](crate::span!) that is entered on this thread; nothing happens when there is none that is
/// recorded.
pub fn update_current(f: impl FnOnce(&mut Span)) {
    let innermost = |thread: &mut Thread| {
        let mut entries = thread.stack.entries_mut();
        entries.find_map(|entry| entry.place.recording_mut().is_some().then_some(entry.key))
    };
    if let Some(key) = thread::with(innermost).flatten() {
        update(key, f);
    }
}

/// Takes the recording out of its entry while the function runs, so that what it calls may trace.
fn update(key: Key, f: impl FnOnce(&mut Span)) {
    let taken = thread::with(|thread| thread.stack.entry_mut(key)?.place.take_recording()).flatten();
    let Some(recording) = taken else { return };
    let mut lent = Lent { key, span: Span { opened: Some(Opened::Recorded(recording)) } };
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
        thread::with(|thread| {
            if let Some(entry) = thread.stack.entry_mut(*key)
                && let Some(opened) = span.opened.take()
            {
                entry.place = opened.into_place();
            }
        });
    }
}

/// A span that is current for a while.
struct Visit<'a> {
    span: &'a mut Span,
    key: Option<GuardKey>,
}

impl<'a> Visit<'a> {
    #[inline]
    fn enter(span: &'a mut Span) -> Self {
        // A context that is shared stays with the span, as nothing may be put on the stack for it.
        let opened = match &span.opened {
            Some(Opened::Shared(context)) => Some(Opened::Shared(context.clone())),
            _ => span.opened.take(),
        };
        let key = opened.and_then(push);
        Self { span, key }
    }
}

impl Drop for Visit<'_> {
    #[inline]
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let place = thread::with(|thread| thread.stack.leave(key.into())).flatten();
        if let Some(Place::Recorded(recording)) = place {
            self.span.opened = Some(Opened::Recorded(recording));
        }
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
