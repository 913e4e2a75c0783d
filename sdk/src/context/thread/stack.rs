//! What is entered on a thread.
//!
//! Entered spans and entered contexts share one stack, so that "current" has one meaning; each entry is removed by its own key,
//! so that guards dropped out of order neither restore a stale context nor leave one behind.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::context::Context;
use crate::record::Recording;

/// What an entry of the stack stands for. With a tag of its own, which is cheaper to tell than one that is hidden in a context.
#[repr(u8)]
pub(crate) enum Place {
    /// It is recorded, here.
    Recorded(Box<Recording>),
    /// It is not sampled, and nor is what is below, without asking: see [`Opened::Shared`](super::Opened::Shared).
    Shared(Arc<Context>),
    /// A context that was entered, or that of a span which has ended or records nothing.
    Plain(Context),
    /// A `tracing` span, of which the entry's key says where it is known. It may not be known there, when it is not recorded.
    Traced,
}

impl Place {
    #[inline]
    pub(crate) fn recording_mut(&mut self) -> Option<&mut Recording> {
        match self {
            Self::Recorded(recording) => Some(recording),
            _ => None,
        }
    }

    /// Takes the recording out; the context stays.
    pub(crate) fn take_recording(&mut self) -> Option<Box<Recording>> {
        let rest = match self {
            Self::Recorded(recording) => Self::Plain(recording.context().clone()),
            _ => return None,
        };
        match std::mem::replace(self, rest) {
            Self::Recorded(recording) => Some(recording),
            _ => None,
        }
    }
}

/// What is entered, innermost last.
pub(crate) struct Stack {
    entries: Vec<Entry>,
    next_guard: NonZeroU64,
}

pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) place: Place,
}

/// Which entry it is: a guard's, by its number, or that of a `tracing` span, by who records it and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Address of the SDK; zero for a guard.
    pub(super) recorder: usize,
    pub(super) id: NonZeroU64,
}

/// Which guard it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GuardKey(NonZeroU64);

impl From<GuardKey> for Key {
    #[inline]
    fn from(GuardKey(id): GuardKey) -> Self {
        Self { recorder: 0, id }
    }
}

impl Key {
    pub(crate) const fn of_span(recorder: usize, id: NonZeroU64) -> Self {
        Self { recorder, id }
    }

    /// The id of a span of this SDK.
    #[inline]
    pub(crate) fn span_of(self, recorder: usize) -> Option<NonZeroU64> {
        (self.recorder == recorder).then_some(self.id)
    }
}

impl Stack {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), next_guard: NonZeroU64::MIN }
    }

    /// The id of what was entered last, when that is a `tracing` span of this SDK.
    #[inline(always)]
    pub(crate) fn innermost_traced(&self, core: usize) -> Option<NonZeroU64> {
        let last = self.entries.last()?;
        last.key.span_of(core)
    }

    /// What was entered last.
    #[inline]
    pub(crate) fn innermost(&self) -> Option<&Place> {
        self.entries.last().map(|entry| &entry.place)
    }

    /// The innermost context, when it is one that the spans below it share.
    #[inline(always)]
    pub(super) fn shared(&self) -> Option<&Arc<Context>> {
        match self.innermost() {
            Some(Place::Shared(context)) => Some(context),
            _ => None,
        }
    }

    /// What is entered, innermost first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    /// The same, to be changed.
    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().rev()
    }

    /// Enters with a key of its own.
    #[inline]
    pub(crate) fn enter(&mut self, place: Place) -> GuardKey {
        let key = self.next_key();
        self.entries.push(Entry { key: key.into(), place });
        key
    }

    #[inline]
    fn next_key(&mut self) -> GuardKey {
        let key = GuardKey(self.next_guard);
        // Odd numbers only: none is zero, and that needs no look.
        self.next_guard = NonZeroU64::MIN | self.next_guard.get().wrapping_add(2);
        key
    }

    /// Enters a span with its recording.
    #[inline(always)]
    pub(crate) fn enter_recorded(&mut self, recording: Box<Recording>) -> GuardKey {
        if self.entries.len() == self.entries.capacity() {
            return self.enter_growing(recording);
        }
        // Now that it fits it is written where it belongs, and not moved there.
        let key = self.next_key();
        self.entries.push(Entry { key: key.into(), place: Place::Recorded(recording) });
        key
    }

    #[cold]
    #[inline(never)]
    fn enter_growing(&mut self, recording: Box<Recording>) -> GuardKey {
        self.enter(Place::Recorded(recording))
    }

    /// Enters a `tracing` span.
    pub(crate) fn enter_traced(&mut self, key: Key) {
        self.entries.push(Entry { key, place: Place::Traced });
    }

    /// The same; false, and nothing is entered, when memory is to be had first.
    #[inline(always)]
    pub(crate) fn try_enter_traced(&mut self, key: Key) -> bool {
        let has_room = self.entries.len() < self.entries.capacity();
        if has_room {
            self.entries.push(Entry { key, place: Place::Traced });
        }
        has_room
    }

    /// Leaves a `tracing` span that was entered last; false, and nothing is left, when it was not.
    #[inline(always)]
    pub(crate) fn leave_last_traced(&mut self, key: Key) -> bool {
        let is_last = matches!(
            self.entries.last(),
            Some(Entry { key: last, place: Place::Traced }) if *last == key
        );
        if is_last {
            self.entries.truncate(self.entries.len() - 1);
        }
        is_last
    }

    #[inline]
    pub(crate) fn leave(&mut self, key: Key) -> Option<Place> {
        if let Some(last) = self.entries.pop_if(|last| last.key == key) {
            return Some(last.place);
        }
        let at = self.entries.iter().rposition(|entry| entry.key == key)?;
        Some(self.entries.remove(at).place)
    }

    /// Leaves an entry that nobody wants any more.
    #[inline]
    pub(crate) fn forget(&mut self, key: Key) {
        if self.entries.last().is_some_and(|last| last.key == key) {
            // Where it is, as it is of some size.
            self.entries.truncate(self.entries.len() - 1);
        } else {
            drop(self.leave(key));
        }
    }

    /// Leaves an entry that is recorded there and was entered last; else `None`, and nothing is left.
    #[inline]
    pub(crate) fn leave_recorded(&mut self, GuardKey(id): GuardKey) -> Option<Box<Recording>> {
        // Only guards' entries are recorded there.
        let is_wanted = |last: &mut Entry| last.key.id == id && matches!(last.place, Place::Recorded(_));
        match self.entries.pop_if(is_wanted)?.place {
            Place::Recorded(recording) => Some(recording),
            _ => None,
        }
    }

    /// The entry of this key.
    pub(crate) fn entry_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries_mut().find(|entry| entry.key == key)
    }
}
