//! Recording spans as OTLP: from the moment a span opens until its bytes are in the queue.
//!
//! ```text
//! open ──▶ Recording, taken from the thread's stock: the head is written, attributes are encoded as they come
//! end  ──▶ one clock read, two patches, one copy into the thread's segment
//!          a full segment, or what is in it when it is time to export ──▶ queue
//! ```
//!
//! Spans come from the crate's own API ([`Span`](crate::Span)), from the `tracing` layer and from the subscriber; all end here.

mod attributes;
mod clock;
pub(crate) mod default;
mod depot;
mod draft;
mod event;
mod limits;
pub(crate) mod local;
mod segment;
mod span;
mod sync;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use laneway_proto::TraceId;
use tracing::dispatcher::WeakDispatch;

use crate::context::{Context, SpanContext, TraceFlags, stack};
use crate::exporter::Queue;
use crate::sampler::Sampler;
use depot::Depot;
use local::Local;
use span::Parent;

pub(crate) use attributes::Key;
pub use attributes::StaticKey;
pub(crate) use clock::Clock;
pub use default::DefaultScope;
pub(crate) use draft::{Draft, Keys};
pub(crate) use event::Event;
pub(crate) use limits::{Limits, truncate};
pub(crate) use segment::{Extent, Segment, Writer};
pub use span::SpanKind;
pub(crate) use span::{BASELINE_FIELDS, Recording, StatusCode, request_fields};
pub use value::Value;

/// Recordings that no thread has at hand, at most.
const MAX_DEPOT: usize = 1024;

/// What recording needs to know, and where its spans go.
pub(crate) struct Core {
    pub(crate) sampler: Sampler,
    pub(crate) limits: Limits,
    pub(crate) error_events_fail_spans: bool,
    pub(crate) queue: Arc<Queue>,
    pub(crate) clock: Clock,
    /// Whom the exporter tells of its troubles: the subscriber that this SDK is part of.
    pub(crate) dispatch: OnceLock<WeakDispatch>,
    depot: Depot<Box<Recording>>,
}

impl Core {
    pub(crate) fn new(sampler: Sampler, limits: Limits, error_events_fail_spans: bool, queue: Queue) -> Self {
        Self {
            sampler,
            limits,
            error_events_fail_spans,
            queue: Arc::new(queue),
            clock: Clock::new(),
            dispatch: OnceLock::new(),
            depot: Depot::with_capacity(MAX_DEPOT),
        }
    }

    /// Opens a span: its context, and its recording if it is sampled.
    #[inline]
    pub(crate) fn open(
        self: &Arc<Self>,
        parent: &Context,
        name: &'static str,
    ) -> (Context, Option<Box<Recording>>) {
        let opened = local::with(|local| self.open_with(local, parent, name));
        // A thread that is being torn down records nothing any more.
        opened.unwrap_or_else(|| (parent.clone(), None))
    }

    /// Opens a span in what is current on this thread.
    #[inline]
    pub(crate) fn open_here(self: &Arc<Self>, name: &'static str) -> (Context, Option<Box<Recording>>) {
        let opened = stack::with(|stack| self.open(stack.current().unwrap_or(&Context::EMPTY), name));
        opened.unwrap_or_default()
    }

    #[inline]
    pub(crate) fn open_with(
        self: &Arc<Self>,
        local: &mut Local,
        parent: &Context,
        name: &'static str,
    ) -> (Context, Option<Box<Recording>>) {
        let (trace_id, flags) = match parent.span() {
            Some(span) => (span.trace_id, span.flags),
            None => (local.trace_id(), TraceFlags::from_bits(TraceFlags::RANDOM)),
        };
        let sampled = self.is_sampled(parent, trace_id);
        let flags = flags.with_sampled(sampled);
        let context =
            parent.with_span(SpanContext { trace_id, span_id: local.span_id(), flags, remote: false });
        if !sampled {
            return (context, None);
        }
        let parent = parent.span().map(|span| Parent { span_id: span.span_id, remote: span.remote });
        let mut recording = local.outlet(self).recording();
        recording.begin(self.clock.now(), &context, parent, name);
        (context, Some(recording))
    }

    #[inline]
    fn is_sampled(&self, parent: &Context, trace_id: TraceId) -> bool {
        self.sampler.is_sampled(parent, trace_id)
    }
}

/// Ends a span now, on whichever thread.
#[inline]
pub(crate) fn finish(recording: Box<Recording>) {
    // Beyond the closure only when it was not called: the thread is being torn down.
    let mut recording = Some(recording);
    local::with(|local| {
        if let Some(recording) = recording.take()
            && let Some(outlet) = local.outlet_of(&recording)
        {
            outlet.finish(recording);
        }
    });
    if let Some(recording) = recording {
        finish_without_thread(recording);
    }
}

#[cold]
fn finish_without_thread(mut recording: Box<Recording>) {
    if let Some(core) = recording.core().upgrade() {
        recording.end(core.clock.unix_ns_since(recording.start()));
        core.queue.push(recording.encoded());
    }
}

/// Runs a function on an empty draft of this thread. The function may call out: what it calls gets another draft.
pub(crate) fn with_draft<T>(f: impl FnOnce(&mut Draft) -> T) -> T {
    let mut draft = local::with(Local::draft).unwrap_or_default();
    let result = f(&mut draft);
    local::with(|local| local.keep_draft(draft));
    result
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("sampler", &self.sampler)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
