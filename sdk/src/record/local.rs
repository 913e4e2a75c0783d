//! What a thread has of its own, so that a span costs neither a lock nor an allocation: random numbers, recordings to reuse,
//! the segment that its finished spans go into.

use std::sync::Arc;

use laneway_proto::{SpanId, TraceId};
use rand::Rng;
use rand::rngs::SmallRng;

use super::Core;
use super::clock::{Moment, Watch};
use super::draft::{Draft, KEPT_BYTES};
use super::origins::{Origin, RecentOrigins};
use super::span::Recording;
use crate::exporter::{SEGMENT_BYTES, Sender};

/// Recordings that a thread keeps; beyond it, half of them go to the depot.
const MAX_STOCK: usize = 32;
const HALF_STOCK: usize = MAX_STOCK / 2;
/// Drafts that a thread keeps: events nest only where formatting one traces another.
const MAX_DRAFTS: usize = 4;

/// What a thread holds while it is idle: its segment, and recordings with their buffers.
const _: () = assert!(
    SEGMENT_BYTES + (MAX_STOCK + 1) * (size_of::<Recording>() + KEPT_BYTES) + MAX_DRAFTS * KEPT_BYTES
        <= 64 * 1024,
    "the documentation promises less than 64 KiB"
);

pub(crate) struct Local {
    trace_ids: Option<SmallRng>,
    span_ids: u64,
    /// This thread's default SDK, where it has one of its own; the inner `None` is none at all.
    pub(super) default: Option<Option<Arc<Core>>>,
    /// The way to the queue of each SDK that this thread has used; nearly always one.
    outlets: Vec<Outlet>,
    /// Address of the SDK of the first one; zero when there is none.
    first: usize,
    drafts: Vec<Draft>,
}

/// This thread's way to the queue of one SDK.
pub(super) struct Outlet {
    core: Arc<Core>,
    sender: Sender,
    watch: Watch,
    origins: RecentOrigins,
    #[allow(
        clippy::vec_box,
        reason = "a recording is a few hundred bytes, and is moved around while it is open"
    )]
    stock: Vec<Box<Recording>>,
}

impl Local {
    pub(crate) const fn new() -> Self {
        Self {
            trace_ids: None,
            span_ids: 0,
            default: None,
            outlets: Vec::new(),
            first: 0,
            drafts: Vec::new(),
        }
    }

    #[cold]
    pub(super) fn scoped_default(&self) -> Option<Arc<Core>> {
        self.default.clone().flatten()
    }

    /// Unique within its trace, which is all that a span id must be: 64 bits of Wyrand, which begins at a random state.
    #[inline]
    pub(super) fn span_id(&mut self) -> SpanId {
        loop {
            if self.span_ids == 0 {
                self.seed();
            }
            self.span_ids = self.span_ids.wrapping_add(0xa076_1d64_78bd_642f);
            let product = u128::from(self.span_ids) * u128::from(self.span_ids ^ 0xe703_7ed1_a0b4_28db);
            let id = (product >> 64) as u64 ^ product as u64;
            if let Some(id) = SpanId::from_bytes(id.to_ne_bytes()) {
                return id;
            }
        }
    }

    #[cold]
    fn seed(&mut self) {
        self.span_ids = rand::random();
    }

    /// From a generator that is seeded by the operating system: no two threads or processes begin alike.
    pub(super) fn trace_id(&mut self) -> TraceId {
        let rng = self.trace_ids.get_or_insert_with(rand::make_rng);
        loop {
            let random = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
            if let Some(id) = TraceId::from_bytes(random.to_ne_bytes()) {
                return id;
            }
        }
    }

    #[inline(always)]
    pub(super) fn outlet(&mut self, core: &Arc<Core>) -> &mut Outlet {
        if self.is_first_outlet(Arc::as_ptr(core).addr()) {
            return &mut self.outlets[0];
        }
        self.another_outlet(core)
    }

    /// [`is_first`](Self::is_first), for who looks at the outlet next.
    #[inline(always)]
    fn is_first_outlet(&self, core: usize) -> bool {
        self.outlets.first().is_some_and(|outlet| Arc::as_ptr(&outlet.core).addr() == core)
    }

    #[cold]
    fn another_outlet(&mut self, core: &Arc<Core>) -> &mut Outlet {
        let at = self.outlets.iter().position(|outlet| Arc::ptr_eq(&outlet.core, core));
        let at = at.unwrap_or_else(|| self.open(core));
        &mut self.outlets[at]
    }

    /// Whether the first outlet is that of this core. Nearly always there is no other.
    #[inline(always)]
    pub(crate) fn is_first(&self, core: usize) -> bool {
        self.first == core
    }

    /// The SDK at this address, when this thread has used it.
    pub(crate) fn core(&self, address: usize) -> Option<&Arc<Core>> {
        self.outlets.iter().map(|outlet| &outlet.core).find(|core| core.address() == address)
    }

    /// Makes the SDK known to this thread.
    pub(crate) fn learn(&mut self, core: &Arc<Core>) {
        self.outlet(core);
    }

    /// Ends a span now and puts it on its way.
    #[inline(always)]
    pub(crate) fn finish(&mut self, recording: Box<Recording>) {
        if self.is_first_outlet(recording.core_address()) {
            self.outlets[0].finish(recording);
        } else {
            self.finish_elsewhere(recording);
        }
    }

    #[cold]
    fn finish_elsewhere(&mut self, recording: Box<Recording>) {
        // It was opened on another thread, or is of another SDK; unless its SDK is gone.
        if let Some(core) = recording.core().upgrade() {
            self.another_outlet(&core).finish(recording);
        }
    }

    #[cold]
    fn open(&mut self, core: &Arc<Core>) -> usize {
        // Those that were shut down since are not needed any more.
        self.outlets.retain(|outlet| !outlet.core.queue.is_closed());
        let sender = Sender::new(core.queue.clone());
        self.outlets.push(Outlet {
            core: core.clone(),
            sender,
            watch: Watch::default(),
            origins: RecentOrigins::default(),
            stock: Vec::with_capacity(MAX_STOCK),
        });
        self.first = self.outlets[0].core.address();
        self.outlets.len() - 1
    }

    /// An empty draft.
    pub(crate) fn draft(&mut self) -> Draft {
        self.drafts.pop().unwrap_or_default()
    }

    /// Takes a draft back.
    pub(crate) fn keep_draft(&mut self, mut draft: Draft) {
        if self.drafts.len() < MAX_DRAFTS {
            draft.clear();
            self.drafts.push(draft);
        }
    }
}

impl Outlet {
    /// An empty recording.
    #[inline]
    pub(super) fn recording(&mut self) -> Box<Recording> {
        self.stock.pop().unwrap_or_else(|| self.restock())
    }

    /// Writes down what time it is.
    #[inline(always)]
    pub(super) fn read_clock(&mut self, moment: &mut Moment) {
        self.core.clock.read(&mut self.watch, moment);
    }

    /// What calls from this operation are told to come from.
    #[inline]
    pub(super) fn origin(&mut self, operation: &str) -> Option<&'static Origin> {
        self.origins.of(operation, &self.core.origins)
    }

    #[cold]
    fn restock(&mut self) -> Box<Recording> {
        self.core.depot.take(&mut self.stock, HALF_STOCK);
        self.stock.pop().unwrap_or_else(|| Box::new(Recording::new(&self.core)))
    }

    #[inline(always)]
    fn finish(&mut self, mut recording: Box<Recording>) {
        let end_unix_ns = self.core.clock.unix_ns_since(recording.start());
        let is_sent = recording.is_plain()
            && recording
                .end_plain(end_unix_ns)
                .is_some_and(|(head, pieces)| self.sender.try_send(head, pieces));
        if is_sent {
            recording.reset_plain();
        } else {
            self.finish_slowly(&mut recording, end_unix_ns);
        }
        if self.stock.len() == self.stock.capacity() {
            self.make_room();
        }
        self.stock.push(recording);
    }

    /// For one more in the stock.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        if self.stock.len() >= MAX_STOCK {
            self.core.depot.give(&mut self.stock, HALF_STOCK);
        }
        self.stock.reserve(1);
    }

    #[inline(never)]
    fn finish_slowly(&mut self, recording: &mut Recording, end_unix_ns: u64) {
        let is_sent = recording.end(end_unix_ns).is_some_and(|pieces| self.sender.send_pieces(pieces));
        if !is_sent {
            self.sender.send(&recording.encoded());
        }
        recording.reset();
    }
}

impl Drop for Outlet {
    /// What the thread leaves behind is of use to others.
    fn drop(&mut self) {
        self.core.depot.give(&mut self.stock, 0);
    }
}
