//! `tracing` in front of the recorder: the layer as the user stacks it, and reaching a span's context from its handle.

mod callsite;
pub(crate) mod fields;
pub(crate) mod recorder;
pub(crate) mod table;

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
use crate::record::Core;
use recorder::Recorder;

/// A `tracing-subscriber` layer that records spans and hands them to the exporter.
///
/// Made by [`Builder::build`](crate::Builder::build). It filters for itself alone, by
/// [`Builder::filter`](crate::Builder::filter): other layers see what they would see without it.
pub struct Layer<S> {
    /// Decides what is enabled, in the way in which the registry and other filters take part in it. A span that it lets
    /// through is in the recorder's table; of any other the recorder knows nothing, so that what follows on a span goes
    /// straight there.
    ///
    /// None when the SDK is disabled, as is `access`.
    filtered: Option<Filtered<Opener, Targets, S>>,
    access: Option<SpanAccess>,
}

impl<S> Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    pub(crate) fn new(core: Arc<Core>, filter: Targets) -> Self {
        let recorder = Arc::new(Recorder::new(core));
        let filtered = layer::Layer::with_filter(Opener(recorder.clone()), filter);
        Self { filtered: Some(filtered), access: Some(SpanAccess(recorder)) }
    }

    /// A layer that does nothing.
    pub(crate) fn disabled() -> Self {
        Self { filtered: None, access: None }
    }

    fn recorder(&self) -> Option<&Recorder> {
        self.access.as_ref().map(|access| &*access.0)
    }
}

/// The part behind the filter: what a filter decides about.
struct Opener(Arc<Recorder>);

impl<S: Subscriber> layer::Layer<S> for Opener {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: layer::Context<'_, S>) {
        self.0.new_span(attributes, id.into_non_zero_u64());
    }

    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        self.0.event(event);
    }
}

/// The way from a span handle to what is known of the span. A dispatcher hands it out by its type, since the type of the
/// subscriber is known only where it was made.
pub(crate) struct SpanAccess(pub(crate) Arc<Recorder>);

/// Runs a function on the recorder of a span; `None` when that is not ours.
fn with_recorder<T>(span: &Span, f: impl FnOnce(&Recorder, &Id) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| Some(f(&dispatch.downcast_ref::<SpanAccess>()?.0, id))).flatten()
}

/// The context of a recorded span.
pub(crate) fn context_of(span: &Span) -> Option<Context> {
    with_recorder(span, Recorder::context_of).flatten()
}

/// Ends a span now, whoever still holds a handle: a task that outlives the request must not lengthen it.
#[cfg(any(feature = "http", feature = "reqwest"))]
pub(crate) fn end(span: &Span) {
    with_recorder(span, Recorder::end);
}

/// Links a span to that of another context, such as the producer of one of a batch of messages.
///
/// Nothing happens when the span is not recorded, or the context is not part of a trace. For a span of this process,
/// `Span::follows_from` does the same.
pub fn add_link(span: &Span, target: &Context) {
    with_recorder(span, |recorder, id| recorder.add_link(id, target));
}

impl<S> layer::Layer<S> for Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        if let Some(recorder) = self.recorder() {
            recorder.registered(dispatch);
        }
    }

    fn on_layer(&mut self, subscriber: &mut S) {
        self.filtered.on_layer(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.filtered.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, ctx: layer::Context<'_, S>) -> bool {
        self.filtered.enabled(metadata, ctx)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: layer::Context<'_, S>) {
        self.filtered.on_new_span(attributes, id, ctx);
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.filtered.max_level_hint()
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: layer::Context<'_, S>) {
        if let Some(recorder) = self.recorder() {
            recorder.record(id, values);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: layer::Context<'_, S>) {
        if let Some(recorder) = self.recorder() {
            recorder.follows_from(id, follows);
        }
    }

    fn event_enabled(&self, event: &Event<'_>, ctx: layer::Context<'_, S>) -> bool {
        self.filtered.event_enabled(event, ctx)
    }

    fn on_event(&self, event: &Event<'_>, ctx: layer::Context<'_, S>) {
        self.filtered.on_event(event, ctx);
    }

    fn on_enter(&self, id: &Id, _: layer::Context<'_, S>) {
        if let Some(recorder) = self.recorder() {
            recorder.enter(id);
        }
    }

    fn on_exit(&self, id: &Id, _: layer::Context<'_, S>) {
        if let Some(recorder) = self.recorder() {
            recorder.exit(id);
        }
    }

    fn on_close(&self, id: Id, _: layer::Context<'_, S>) {
        if let Some(recorder) = self.recorder() {
            recorder.close(&id);
        }
    }

    // An unsafe method of the trait: forwarding it is how `tracing-subscriber` recognises a layer with a filter.
    #[allow(unsafe_code)]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            return Some(std::ptr::from_ref(self).cast());
        }
        if let Some(access) = self.access.as_ref().filter(|_| id == TypeId::of::<SpanAccess>()) {
            return Some(std::ptr::from_ref(access).cast());
        }
        // SAFETY: the contract is that the pointer is to a value of the type that `id` names and that it lives as long as
        // `self`. `filtered` keeps it for itself, and it is a part of `self` that is never moved out of it.
        unsafe { self.filtered.downcast_raw(id) }
    }
}

impl<S> fmt::Debug for Layer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("enabled", &self.filtered.is_some()).finish_non_exhaustive()
    }
}
