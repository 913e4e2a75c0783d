//! `tracing` without a registry: a subscriber for those who stack nothing else.

use std::any::TypeId;
use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Metadata};
use tracing_core::span::Current;
use tracing_subscriber::filter::Targets;

use crate::layer::SpanAccess;
use crate::layer::recorder::Recorder;
use crate::record::Core;

/// A `tracing` subscriber that records spans and does nothing else: no printing, no other layers.
///
/// Made by [`Builder::build_subscriber`](crate::Builder::build_subscriber). It costs less than half of a
/// [`Layer`](crate::Layer) on a registry, which keeps every span a second time, for other layers.
pub struct Subscriber {
    access: SpanAccess,
    filter: Targets,
}

impl Subscriber {
    pub(crate) fn new(core: Arc<Core>, filter: Targets) -> Self {
        Self { access: SpanAccess(Arc::new(Recorder::new(core))), filter }
    }

    #[inline]
    fn recorder(&self) -> &Recorder {
        &self.access.0
    }
}

impl tracing::Subscriber for Subscriber {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.recorder().registered(dispatch);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Nothing but target and level decides: the answer is the same every time.
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // The most that any directive lets through.
        self.filter.iter().map(|(_, level)| level).chain(self.filter.default_level()).max()
    }

    #[inline]
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = next_id();
        self.recorder().new_span(attributes, id);
        Id::from_non_zero_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.recorder().record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.recorder().follows_from(span, follows);
    }

    fn event(&self, event: &Event<'_>) {
        self.recorder().event(event);
    }

    #[inline]
    fn enter(&self, span: &Id) {
        self.recorder().enter(span);
    }

    #[inline]
    fn exit(&self, span: &Id) {
        self.recorder().exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.recorder().acquire(id);
        id.clone()
    }

    #[inline]
    fn try_close(&self, id: Id) -> bool {
        self.recorder().release(&id)
    }

    fn current_span(&self) -> Current {
        match self.recorder().current() {
            Some((id, metadata)) => Current::new(id, metadata),
            None => Current::none(),
        }
    }

    // An unsafe method of the trait: this is how a span handle finds its recorder.
    #[allow(unsafe_code)]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            Some(std::ptr::from_ref(self).cast())
        } else if id == TypeId::of::<SpanAccess>() {
            Some(std::ptr::from_ref(&self.access).cast())
        } else {
            None
        }
    }
}

thread_local! {
    /// The id that this thread gives out next, and the first that is not of its block. Zero, which is none, before the first block.
    static NEXT: Cell<u64> = const { Cell::new(0) };
    static END: Cell<u64> = const { Cell::new(0) };
}

/// An id that no other span of the process has.
#[inline(always)]
fn next_id() -> NonZeroU64 {
    let next = NEXT.get();
    let is_left = next != END.get();
    let id = if is_left { NonZeroU64::new(next) } else { None };
    let id = id.unwrap_or_else(reserve_ids);
    NEXT.set(id.get().wrapping_add(1));
    id
}

/// A block at a time: threads that count together would wait for each other at every span. By the size of a block, threads that begin
/// together begin 32 ids apart from each other where a table looks at the low bits.
#[cold]
#[inline(never)]
fn reserve_ids() -> NonZeroU64 {
    static RESERVED: AtomicU64 = AtomicU64::new(0);
    const BLOCK: u64 = 31 * 32;
    let before = RESERVED.fetch_add(BLOCK, Ordering::Relaxed);
    END.set(before + BLOCK + 1);
    NonZeroU64::MIN.saturating_add(before)
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("filter", &self.filter).finish_non_exhaustive()
    }
}
