//! What a thread has of its own, so that a span costs neither a lock nor an allocation: random numbers, recordings to reuse,
//! the segment that its finished spans go into.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use laneway_proto::{SpanId, TraceId};
use rand::Rng;
use rand::rngs::SmallRng;

use super::Core;
use super::draft::Draft;
use super::span::Recording;
use crate::exporter::Sender;

/// Recordings that a thread keeps; beyond it, half of them go to the depot.
const MAX_STOCK: usize = 32;
const HALF_STOCK: usize = MAX_STOCK / 2;
/// Drafts that a thread keeps: events nest only where formatting one traces another.
const MAX_DRAFTS: usize = 4;

thread_local! {
    static LOCAL: RefCell<Local> = const { RefCell::new(Local::new()) };
}

/// Runs a function on what this thread has; `None` while the thread is being torn down. The function must not call out.
#[inline]
pub(crate) fn with<T>(f: impl FnOnce(&mut Local) -> T) -> Option<T> {
    LOCAL.try_with(|local| f(&mut local.borrow_mut())).ok()
}

pub(crate) struct Local {
    rng: Option<SmallRng>,
    /// This thread's default SDK, where it has one of its own; the inner `None` is none at all.
    pub(super) default: Option<Option<Arc<Core>>>,
    /// The way to the queue of each SDK that this thread has used; nearly always one.
    outlets: Vec<Outlet>,
    drafts: Vec<Draft>,
    /// The block of span numbers that this thread gives out of: the next one, and the first that is not in it.
    numbers: (u64, u64),
}

/// This thread's way to the queue of one SDK.
pub(super) struct Outlet {
    core: Arc<Core>,
    sender: Sender,
    #[allow(
        clippy::vec_box,
        reason = "a recording is a few hundred bytes, and is moved around while it is open"
    )]
    stock: Vec<Box<Recording>>,
}

impl Local {
    const fn new() -> Self {
        Self { rng: None, default: None, outlets: Vec::new(), drafts: Vec::new(), numbers: (0, 0) }
    }

    #[inline]
    fn random(&mut self) -> u64 {
        // Seeded from the operating system: no two threads or processes begin alike.
        self.rng.get_or_insert_with(rand::make_rng).next_u64()
    }

    #[inline]
    pub(super) fn span_id(&mut self) -> SpanId {
        loop {
            if let Some(id) = SpanId::from_bytes(self.random().to_ne_bytes()) {
                return id;
            }
        }
    }

    pub(super) fn trace_id(&mut self) -> TraceId {
        loop {
            let random = u128::from(self.random()) << 64 | u128::from(self.random());
            if let Some(id) = TraceId::from_bytes(random.to_ne_bytes()) {
                return id;
            }
        }
    }

    /// A number that no other span of the process has.
    #[inline]
    pub(crate) fn next_span_number(&mut self) -> u64 {
        if self.numbers.0 == self.numbers.1 {
            self.reserve_numbers();
        }
        let number = self.numbers.0;
        self.numbers.0 += 1;
        number
    }

    /// A block at a time: threads that count together would wait for each other at every span.
    #[cold]
    fn reserve_numbers(&mut self) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        const BLOCK: u64 = 1024;
        let first = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
        self.numbers = (first, first + BLOCK);
    }

    #[inline]
    pub(super) fn outlet(&mut self, core: &Arc<Core>) -> &mut Outlet {
        let at = self.position(Arc::as_ptr(core)).unwrap_or_else(|| self.open(core));
        &mut self.outlets[at]
    }

    /// The outlet of the SDK that a recording belongs to; `None` when that SDK is gone.
    #[inline]
    pub(super) fn outlet_of(&mut self, recording: &Recording) -> Option<&mut Outlet> {
        let at = match self.position(Weak::as_ptr(recording.core())) {
            Some(at) => at,
            // It was opened on another thread.
            None => self.open(&recording.core().upgrade()?),
        };
        Some(&mut self.outlets[at])
    }

    #[inline]
    fn position(&self, core: *const Core) -> Option<usize> {
        self.outlets.iter().position(|outlet| Arc::as_ptr(&outlet.core) == core)
    }

    #[cold]
    fn open(&mut self, core: &Arc<Core>) -> usize {
        // Those that were shut down since are not needed any more.
        self.outlets.retain(|outlet| !outlet.core.queue.is_closed());
        let sender = Sender::new(core.queue.clone());
        self.outlets.push(Outlet { core: core.clone(), sender, stock: Vec::new() });
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

    #[cold]
    fn restock(&mut self) -> Box<Recording> {
        self.core.depot.take(&mut self.stock, HALF_STOCK);
        self.stock.pop().unwrap_or_else(|| Box::new(Recording::new(&self.core)))
    }

    /// Ends a span now and puts it on its way.
    #[inline]
    pub(super) fn finish(&mut self, mut recording: Box<Recording>) {
        recording.end(self.core.clock.unix_ns_since(recording.start()));
        self.sender.send(recording.encoded());
        recording.reset();
        self.stock.push(recording);
        if self.stock.len() > MAX_STOCK {
            self.core.depot.give(&mut self.stock, HALF_STOCK);
        }
    }
}

impl Drop for Outlet {
    /// What the thread leaves behind is of use to others.
    fn drop(&mut self) {
        self.core.depot.give(&mut self.stock, 0);
    }
}
