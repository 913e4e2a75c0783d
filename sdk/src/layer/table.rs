//! The open `tracing` spans, by their ids.
//!
//! Not in the registry's span extensions: those are behind a lock that other layers hold while they call out, and every look at
//! them goes through the registry.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Metadata;

use crate::context::Context;
use crate::context::thread::Opened;
use crate::record::{Held, Slots};

#[cfg(test)]
mod tests;

/// What is known of an open span.
pub(crate) struct OpenSpan {
    pub(crate) opened: Opened,
    pub(crate) metadata: &'static Metadata<'static>,
    /// How many handles there are, where this crate's subscriber counts them.
    pub(crate) handles: usize,
}

/// Places for spans that are open at the same time; each takes 64 bytes. Spans beyond it work, and cost more.
const PLACES: usize = 2048;

/// A map that many threads use at once.
pub(crate) struct Table {
    near: Slots<OpenSpan, PLACES>,
    /// Spans whose place was taken when they opened.
    far: Mutex<HashMap<NonZeroU64, OpenSpan>>,
    /// How many those are.
    far_len: AtomicUsize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { near: Slots::new(), far: Mutex::default(), far_len: AtomicUsize::new(0) }
    }

    /// Takes a span in, which has one handle.
    #[inline(always)]
    pub(crate) fn insert(
        &self,
        id: NonZeroU64,
        opened: impl Into<Opened>,
        metadata: &'static Metadata<'static>,
    ) {
        match self.near.vacancy(id) {
            Some(vacancy) => vacancy.put(OpenSpan { opened: opened.into(), metadata, handles: 1 }),
            None => self.insert_far(id, OpenSpan { opened: opened.into(), metadata, handles: 1 }),
        }
    }

    /// Takes a span out, and runs a function on it; false when there is no such span.
    #[inline(always)]
    pub(crate) fn remove(&self, id: NonZeroU64, end: impl FnOnce(Opened)) -> bool {
        self.take_if(id, |_| true, end)
    }

    /// Takes a handle away from a span, and when that was the last one the span out, as [`remove`](Self::remove) does; else false.
    #[inline(always)]
    pub(crate) fn release(&self, id: NonZeroU64, end: impl FnOnce(Opened)) -> bool {
        let is_last = |span: &mut OpenSpan| {
            let is_last = span.handles <= 1;
            if !is_last {
                span.handles -= 1;
            }
            is_last
        };
        self.take_if(id, is_last, end)
    }

    #[inline(always)]
    fn take_if(
        &self,
        id: NonZeroU64,
        is_wanted: impl Fn(&mut OpenSpan) -> bool,
        end: impl FnOnce(Opened),
    ) -> bool {
        let Some(mut held) = self.near.try_get(id) else {
            return self.take_slowly_if(id, &is_wanted).map(|span| end(span.opened)).is_some();
        };
        let is_wanted = is_wanted(held.value());
        if is_wanted {
            end(held.take().opened);
        }
        is_wanted
    }

    /// Runs a function on a span, which nobody else uses meanwhile: the function must not call out. `None` when there is no such
    /// span.
    #[inline]
    pub(crate) fn with<T>(&self, id: NonZeroU64, f: impl FnOnce(&mut OpenSpan) -> T) -> Option<T> {
        match self.near.get(id) {
            Some(mut held) => Some(f(held.value())),
            None => self.with_far(id, f),
        }
    }

    /// A span, which nobody else uses meanwhile: as with [`with`](Self::with). `None` also for one that is not at hand right now:
    /// for those who have another way then, which is not the hot one.
    #[inline(always)]
    pub(crate) fn at_hand(&self, id: NonZeroU64) -> Option<Held<'_, OpenSpan>> {
        self.near.try_get(id)
    }

    /// The context of a span.
    pub(crate) fn context_of(&self, id: NonZeroU64) -> Option<Context> {
        self.with(id, |span| span.opened.context().clone())
    }

    #[cold]
    #[inline(never)]
    fn insert_far(&self, id: NonZeroU64, span: OpenSpan) {
        let mut far = self.far();
        far.insert(id, span);
        // Whoever asks for the span has its id from who opened it, and sees this.
        self.far_len.store(far.len(), Ordering::Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn take_slowly_if(&self, id: NonZeroU64, is_wanted: &dyn Fn(&mut OpenSpan) -> bool) -> Option<OpenSpan> {
        if let Some(mut held) = self.near.get(id) {
            return is_wanted(held.value()).then(|| held.take());
        }
        if self.far_len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut far = self.far();
        if !is_wanted(far.get_mut(&id)?) {
            return None;
        }
        let span = far.remove(&id);
        self.far_len.store(far.len(), Ordering::Relaxed);
        span
    }

    #[cold]
    #[inline(never)]
    fn with_far<T>(&self, id: NonZeroU64, f: impl FnOnce(&mut OpenSpan) -> T) -> Option<T> {
        if self.far_len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.far().get_mut(&id).map(f)
    }

    fn far(&self) -> MutexGuard<'_, HashMap<NonZeroU64, OpenSpan>> {
        self.far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
