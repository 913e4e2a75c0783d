//! The layer as the user stacks it, and reaching a span's context from its handle.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata, Span, Subscriber};
use tracing_subscriber::filter::{Filtered, Targets};
use tracing_subscriber::layer;
use tracing_subscriber::registry::LookupSpan;

use crate::context::Context;
use crate::record::{Core, OpenSpan, Recorder};

/// A `tracing-subscriber` layer that records spans and hands them to the exporter.
///
/// Made by [`Builder::build`](crate::Builder::build). It filters for itself alone, by
/// [`Builder::filter`](crate::Builder::filter): other layers see what they would see without it.
pub struct Layer<S> {
    // None when the SDK is disabled.
    inner: Option<Filtered<Recorder, Targets, S>>,
    access: SpanAccess,
}

impl<S> Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    pub(crate) fn new(core: Arc<Core>, filter: Targets) -> Self {
        Self {
            inner: Some(layer::Layer::with_filter(Recorder::new(core.clone()), filter)),
            access: SpanAccess { core: Some(core), lookup: lookup::<S> },
        }
    }

    /// A layer that does nothing.
    pub(crate) fn disabled() -> Self {
        Self { inner: None, access: SpanAccess { core: None, lookup: lookup::<S> } }
    }
}

/// The way from a span handle to what the layer knows of the span. A dispatcher hands it out by its type, since the type
/// of the subscriber is known only where the layer was made.
struct SpanAccess {
    core: Option<Arc<Core>>,
    lookup: Lookup,
}

/// Finds the span in a dispatcher and runs the function on it, under the lock of the span's extensions: the function must
/// not call out.
type Lookup = fn(&Dispatch, &Id, &mut dyn FnMut(&mut OpenSpan));

/// The [`Lookup`] of a subscriber of this type.
fn lookup<S>(dispatch: &Dispatch, id: &Id, f: &mut dyn FnMut(&mut OpenSpan))
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let span = dispatch.downcast_ref::<S>().and_then(|subscriber| subscriber.span(id));
    if let Some(open) = span.as_ref().map(|span| span.extensions_mut()).as_mut().and_then(|e| e.get_mut()) {
        f(open);
    }
}

/// Runs a function on an open span; `None` when no layer of ours records it. The function must not call out.
fn with_open_span<T>(span: &Span, f: impl FnOnce(&Core, &mut OpenSpan) -> T) -> Option<T> {
    let (mut f, mut result) = (Some(f), None);
    span.with_subscriber(|(id, dispatch)| {
        let access = dispatch.downcast_ref::<SpanAccess>()?;
        let core = access.core.as_ref()?;
        (access.lookup)(dispatch, id, &mut |open| result = f.take().map(|f| f(core, open)));
        Some(())
    });
    result
}

/// The context of a recorded span.
pub(crate) fn context_of(span: &Span) -> Option<Context> {
    with_open_span(span, |_, open| open.context.clone())
}

/// Ends a span now, whoever still holds a handle: a task that outlives the request must not lengthen it.
#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) fn end(span: &Span) {
    let ended =
        with_open_span(span, |_, open| Some((open.context.clone(), open.recording.take()?))).flatten();
    let Some((context, recording)) = ended else { return };
    span.with_subscriber(|(_, dispatch)| {
        if let Some(core) = dispatch.downcast_ref::<SpanAccess>().and_then(|access| access.core.as_ref()) {
            core.close(&context, &recording);
        }
    });
}

/// Links a span to that of another context, such as the producer of one of a batch of messages.
///
/// Nothing happens when the span is not recorded, or the context is not part of a trace. For a span of this process,
/// `Span::follows_from` does the same.
pub fn add_link(span: &Span, target: &Context) {
    with_open_span(span, |core, open| core.link(open, target));
}

impl<S> layer::Layer<S> for Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // `Option` as a layer does not forward this one.
        if let Some(inner) = &self.inner {
            inner.on_register_dispatch(dispatch);
        }
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        self.inner.on_layer(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.inner.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, ctx: layer::Context<'_, S>) -> bool {
        self.inner.enabled(metadata, ctx)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: layer::Context<'_, S>) {
        self.inner.on_new_span(attributes, id, ctx);
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.inner.max_level_hint()
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: layer::Context<'_, S>) {
        self.inner.on_record(id, values, ctx);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: layer::Context<'_, S>) {
        self.inner.on_follows_from(id, follows, ctx);
    }

    fn event_enabled(&self, event: &Event<'_>, ctx: layer::Context<'_, S>) -> bool {
        self.inner.event_enabled(event, ctx)
    }

    fn on_event(&self, event: &Event<'_>, ctx: layer::Context<'_, S>) {
        self.inner.on_event(event, ctx);
    }

    fn on_enter(&self, id: &Id, ctx: layer::Context<'_, S>) {
        self.inner.on_enter(id, ctx);
    }

    fn on_exit(&self, id: &Id, ctx: layer::Context<'_, S>) {
        self.inner.on_exit(id, ctx);
    }

    fn on_close(&self, id: Id, ctx: layer::Context<'_, S>) {
        self.inner.on_close(id, ctx);
    }

    fn on_id_change(&self, old: &Id, new: &Id, ctx: layer::Context<'_, S>) {
        self.inner.on_id_change(old, new, ctx);
    }

    // An unsafe method of the trait: forwarding it is how `tracing-subscriber` recognises a layer with a filter.
    #[allow(unsafe_code)]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            Some(std::ptr::from_ref(self).cast())
        } else if id == TypeId::of::<SpanAccess>() {
            Some(std::ptr::from_ref(&self.access).cast())
        } else {
            // SAFETY: the contract is that the pointer is to a value of the type that `id` names and that it lives as long as
            // `self`. `inner` keeps it for itself, and it is a part of `self` that is never moved out of it.
            unsafe { self.inner.downcast_raw(id) }
        }
    }
}

impl<S> fmt::Debug for Layer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("enabled", &self.inner.is_some()).finish_non_exhaustive()
    }
}
