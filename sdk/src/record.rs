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
mod head;
mod kind;
mod limits;
mod local;
mod origins;
mod orphans;
mod request;
mod room;
mod segment;
mod slots;
mod span;
mod sync;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use tracing::dispatcher::WeakDispatch;

use crate::context::thread::{self, Opened, Place, Thread};
use crate::context::{Context, SpanContext, TraceFlags};
use crate::exporter::Queue;
use crate::layer::table::Table;
use crate::propagation::Identity;
use crate::sampler::{Sampler, SamplerHandle};
use depot::Depot;
use origins::Origins;
use orphans::Orphans;

pub(crate) use attributes::PaddedKey;
pub use attributes::{Attributes, StaticKey};
pub(crate) use clock::Clock;
pub use default::DefaultScope;
pub(crate) use draft::{Draft, Keys};
pub(crate) use event::Event;
pub use kind::SpanKind;
pub(crate) use kind::StatusCode;
pub(crate) use limits::{Limits, truncate};
pub(crate) use local::Local;
pub(crate) use origins::Origin;
pub(crate) use request::{BASELINE_FIELDS, RequestFields};
pub(crate) use segment::{Extent, Segment, Writer};
pub(crate) use slots::{Held, Slots};
pub(crate) use span::Recording;
pub use value::Value;

/// Recordings that no thread has at hand, at most.
const MAX_DEPOT: usize = 1024;

/// What recording needs to know, and where its spans go.
pub(crate) struct Core {
    pub(crate) sampler: SamplerHandle,
    pub(crate) limits: Limits,
    pub(crate) error_events_fail_spans: bool,
    pub(crate) queue: Arc<Queue>,
    pub(crate) clock: Clock,
    /// Whom the exporter tells of its troubles: the subscriber that this SDK is part of.
    pub(crate) dispatch: OnceLock<WeakDispatch>,
    pub(crate) orphans: Orphans,
    /// The open spans of `tracing`.
    pub(crate) spans: Table,
    origins: Origins,
    depot: Depot<Box<Recording>>,
}

impl Core {
    pub(crate) fn new(
        identity: Identity,
        sampler: Sampler,
        limits: Limits,
        error_events_fail_spans: bool,
        queue: Queue,
    ) -> Self {
        Self {
            sampler: SamplerHandle::new(sampler),
            limits,
            error_events_fail_spans,
            queue: Arc::new(queue),
            clock: Clock::new(),
            dispatch: OnceLock::new(),
            orphans: Orphans::default(),
            spans: Table::new(),
            origins: Origins::new(identity),
            depot: Depot::with_capacity(MAX_DEPOT),
        }
    }

    /// Opens a span in this context.
    pub(crate) fn open(self: &Arc<Self>, parent: &Context, name: &'static str) -> Opened {
        let opened = thread::with(|thread| self.open_with(&mut thread.local, parent, name));
        opened.unwrap_or_else(|| Opened::carrier(parent))
    }

    /// Opens a span in what is current.
    #[inline(always)]
    fn open_on(self: &Arc<Self>, thread: &mut Thread, name: &'static str) -> Opened {
        let Thread { stack, local } = thread;
        // Where nothing is to be decided: below a span that is recorded, and below one that is not.
        if self.sampler.is_parent_based() {
            match stack.innermost() {
                Some(Place::Recorded(parent)) => return self.open_child(local, parent.context(), name),
                Some(Place::Shared(context)) => return Opened::Shared(context.clone()),
                _ => {}
            }
        }
        self.open_in_current(thread, name)
    }

    /// Opens a span in what is current, where that is expected to be a `tracing` span of this SDK. It is to be given its name once
    /// more. `None` while the thread is being torn down.
    #[inline(always)]
    pub(crate) fn open_traced(self: &Arc<Self>, name: &'static str) -> Option<Opened> {
        thread::with(|thread| {
            let Thread { stack, local } = thread;
            if let Some(id) = stack.innermost_traced(self.address())
                && self.sampler.is_parent_based()
                && let Some(mut span) = self.spans.at_hand(id)
            {
                match &span.value().opened {
                    Opened::Recorded(parent) => {
                        return self.open_nameless_child(local, parent.context()).into();
                    }
                    Opened::Shared(context) if !context.is_sampled() => {
                        return Opened::Shared(context.clone());
                    }
                    _ => {}
                }
            }
            self.open_elsewhere(thread, name)
        })
    }

    #[cold]
    #[inline(never)]
    fn open_elsewhere(self: &Arc<Self>, thread: &mut Thread, name: &'static str) -> Opened {
        self.open_on(thread, name)
    }

    #[inline(never)]
    fn open_in_current(self: &Arc<Self>, thread: &mut Thread, name: &'static str) -> Opened {
        let Thread { stack, local } = thread;
        match stack.innermost() {
            Some(Place::Plain(context)) => self.open_unasked(local, context, name),
            None => self.open_unasked(local, &Context::EMPTY, name),
            _ => {
                let current = thread.current();
                self.open_unasked(&mut thread.local, &current, name)
            }
        }
    }

    /// What tells it from other SDKs.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Opens a child of a span of this process that is recorded, as it is itself.
    #[inline(always)]
    fn open_child(self: &Arc<Self>, local: &mut Local, parent: &Context, name: &'static str) -> Opened {
        let mut recording = self.open_nameless_child(local, parent);
        recording.name_first(name);
        Opened::Recorded(recording)
    }

    /// [`open_child`](Self::open_child), to be given its name.
    #[inline(always)]
    fn open_nameless_child(self: &Arc<Self>, local: &mut Local, parent: &Context) -> Box<Recording> {
        let span_id = local.span_id();
        let outlet = local.outlet(self);
        let mut recording = outlet.recording();
        recording.begin_child(outlet, span_id, parent);
        recording
    }

    /// Opens a span in a context that nobody chose: when it is that of no trace, perhaps one was lost.
    #[inline(never)]
    fn open_unasked(self: &Arc<Self>, local: &mut Local, parent: &Context, name: &'static str) -> Opened {
        if parent.span().is_some() {
            return self.open_with(local, parent, name);
        }
        let mut opened = self.open_entry(local, parent, name);
        if self.orphans.has_entries()
            && let Some(recording) = opened.recording_mut()
        {
            recording.set_orphan();
        }
        opened
    }

    /// Opens a span in this context.
    #[inline(never)]
    fn open_with(self: &Arc<Self>, local: &mut Local, parent: &Context, name: &'static str) -> Opened {
        match parent.span() {
            Some(span) if !span.remote && span.flags.is_sampled() && self.sampler.is_parent_based() => {
                self.open_child(local, parent, name)
            }
            _ => self.open_entry(local, parent, name),
        }
    }

    /// Opens a span that enters the process, or one that the sampler is to decide about.
    #[inline(never)]
    fn open_entry(self: &Arc<Self>, local: &mut Local, parent: &Context, name: &'static str) -> Opened {
        let (trace_id, flags) = match parent.span() {
            Some(span) => (span.trace_id, span.flags),
            None => (local.trace_id(), TraceFlags::from_bits(TraceFlags::RANDOM)),
        };
        let decision = self.sampler.decide(parent, trace_id);
        let flags = flags.with_sampled(decision.is_sampled);
        let mut span = SpanContext { trace_id, span_id: local.span_id(), flags, remote: false, origin: None };
        if !decision.is_sampled {
            return Opened::Shared(Arc::new(parent.with_span(span)));
        }
        let chosen =
            decision.threshold.map(|threshold| parent.with_tracestate(threshold.write(parent.tracestate())));
        let parent = chosen.as_ref().unwrap_or(parent);
        let outlet = local.outlet(self);
        span.origin = match parent.span() {
            Some(parent) if !parent.remote => parent.origin,
            _ => outlet.origin(name),
        };
        let mut recording = outlet.recording();
        recording.begin_entry(outlet, span, parent, name);
        Opened::Recorded(recording)
    }
}

/// The origin of calls from an operation of this SDK.
fn origin(core: &Arc<Core>, operation: &str) -> Option<&'static Origin> {
    thread::with(|thread| thread.local.outlet(core).origin(operation)).flatten()
}

/// Ends a span now, on whichever thread.
#[inline(never)]
pub(crate) fn finish(recording: Box<Recording>) {
    if thread::is_there() {
        thread::with(|thread| thread.local.finish(recording));
    } else {
        finish_without_thread(recording);
    }
}

#[cold]
fn finish_without_thread(mut recording: Box<Recording>) {
    if let Some(core) = recording.core().upgrade() {
        recording.end(core.clock.unix_ns_since(recording.start()));
        core.queue.push(&recording.encoded());
    }
}

/// Runs a function on an empty draft of this thread. The function may call out: what it calls gets another draft.
pub(crate) fn with_draft<T>(f: impl FnOnce(&mut Draft) -> T) -> T {
    let mut draft = thread::with(|thread| thread.local.draft()).unwrap_or_default();
    let result = f(&mut draft);
    thread::with(|thread| thread.local.keep_draft(draft));
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
