//! Recording `tracing` spans as OTLP spans.

mod attributes;
mod fields;
mod limits;
mod open;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use laneway_proto::{SpanId, TraceId};
use tracing::dispatcher::WeakDispatch;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::context::{self, Context, SpanContext, TraceFlags};
use crate::exporter::Queue;
use crate::sampler::Sampler;
use crate::silence::is_silent;
use fields::{EventFields, SpanFields};
use open::{Parent, Recording};

pub(crate) use limits::Limits;
pub(crate) use open::OpenSpan;

/// What recording needs to know.
pub(crate) struct Core {
    pub(crate) sampler: Sampler,
    pub(crate) limits: Limits,
    pub(crate) error_events_fail_spans: bool,
    pub(crate) queue: Arc<Queue>,
    /// Whom the exporter tells of its troubles: the subscriber that this layer is part of.
    pub(crate) dispatch: OnceLock<WeakDispatch>,
}

/// The `tracing` layer proper; [`Layer`](crate::Layer) is it behind a filter.
///
/// A span's data lives in the registry's extensions. Their lock is held only to copy in and out, never while fields are
/// formatted, spans are encoded or anything is sent: user code that traces while it is being traced cannot deadlock.
#[derive(Debug)]
pub(crate) struct Recorder {
    core: Arc<Core>,
}

impl Recorder {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl Core {
    /// The context of a new span, and how it is recorded if it is sampled.
    fn open(&self, parent: &Context, attributes: &Attributes<'_>) -> OpenSpan {
        let span = match parent.span() {
            Some(parent) => SpanContext { span_id: random_span_id(), remote: false, ..*parent },
            None => SpanContext {
                trace_id: random_trace_id(),
                span_id: random_span_id(),
                flags: TraceFlags::from_bits(TraceFlags::RANDOM),
                remote: false,
            },
        };
        let sampled = self.sampler.is_sampled(parent, span.trace_id);
        let context = parent.with_span(SpanContext { flags: span.flags.with_sampled(sampled), ..span });
        let recording = sampled.then(|| {
            let mut fields = SpanFields::new(&self.limits);
            attributes.record(&mut fields.visitor());
            let parent = parent.span().map(|span| Parent { span_id: span.span_id, remote: span.remote });
            Box::new(Recording::new(parent, attributes.metadata().name(), fields))
        });
        OpenSpan { context, recording }
    }

    /// Exports a span that was open until now.
    pub(crate) fn close(&self, context: &Context, recording: &Recording) {
        self.queue.push(&recording.encode(context, &self.limits));
    }

    pub(crate) fn link(&self, open: &mut OpenSpan, target: &Context) {
        if let Some(recording) = &mut open.recording {
            recording.add_link(target, &self.limits);
        }
    }
}

impl<S> layer::Layer<S> for Recorder
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // The first one is kept: one layer is part of one subscriber.
        let _ = self.core.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: layer::Context<'_, S>) {
        let Some(span) = ctx.span(id).filter(|_| !is_silent()) else { return };
        let current = || Context::current();
        let parent = match attributes.parent() {
            Some(parent) => ctx.span(parent).and_then(|span| context_of(&span)).unwrap_or_else(current),
            None if attributes.is_root() => current().without_trace(),
            None => current(),
        };
        let open = self.core.open(&parent, attributes);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: layer::Context<'_, S>) {
        let Some(span) = ctx.span(id).filter(is_recording) else { return };
        let mut fields = SpanFields::new(&self.core.limits);
        values.record(&mut fields.visitor());
        with_recording(&span, |recording| recording.record(&fields));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: layer::Context<'_, S>) {
        let (Some(span), Some(follows)) = (ctx.span(id), ctx.span(follows)) else { return };
        let Some(target) = context_of(&follows) else { return };
        with_recording(&span, |recording| recording.add_link(&target, &self.core.limits));
    }

    fn on_event(&self, event: &Event<'_>, ctx: layer::Context<'_, S>) {
        let Some(span) = ctx.event_span(event).filter(is_recording) else { return };
        let mut fields = EventFields::new(&self.core.limits);
        event.record(&mut fields.visitor());
        fields.describe(event.metadata());
        let fails = self.core.error_events_fail_spans && *event.metadata().level() == Level::ERROR;
        with_recording(&span, |recording| {
            recording.add_event(event.metadata().name(), &fields, &self.core.limits);
            if fails {
                recording.fail(fields.message.as_deref());
            }
        });
    }

    fn on_enter(&self, id: &Id, ctx: layer::Context<'_, S>) {
        if let Some(context) = ctx.span(id).and_then(|span| context_of(&span)) {
            context::enter_span(id.into_u64(), context);
        }
    }

    fn on_exit(&self, id: &Id, _: layer::Context<'_, S>) {
        context::exit_span(id.into_u64());
    }

    fn on_close(&self, id: Id, ctx: layer::Context<'_, S>) {
        let open = ctx.span(&id).and_then(|span| span.extensions_mut().remove::<OpenSpan>());
        if let Some(OpenSpan { context, recording: Some(recording) }) = open {
            self.core.close(&context, &recording);
        }
    }
}

fn context_of<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<Context> {
    span.extensions().get::<OpenSpan>().map(|open| open.context.clone())
}

fn is_recording<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> bool {
    span.extensions().get::<OpenSpan>().is_some_and(|open| open.recording.is_some())
}

/// The function runs under the lock of the span's extensions: it must not call out.
fn with_recording<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>, f: impl FnOnce(&mut Recording)) {
    if let Some(OpenSpan { recording: Some(recording), .. }) = span.extensions_mut().get_mut::<OpenSpan>() {
        f(recording);
    }
}

fn random_trace_id() -> TraceId {
    loop {
        if let Some(id) = TraceId::from_bytes(rand::random()) {
            return id;
        }
    }
}

fn random_span_id() -> SpanId {
    loop {
        if let Some(id) = SpanId::from_bytes(rand::random()) {
            return id;
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("sampler", &self.sampler)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
