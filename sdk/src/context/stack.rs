//! What is entered on a thread, innermost last.
//!
//! Entered spans and entered contexts share one stack, so that "current" has one meaning; each entry is removed by its own key,
//! so that guards dropped out of order neither restore a stale context nor leave one behind.

use std::cell::RefCell;

use super::Context;
use crate::record::Recording;

/// An entered context, and the recording of its span where that is not kept elsewhere.
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) context: Context,
    pub(crate) recording: Option<Box<Recording>>,
}

/// Which entry it is: a guard's, by its number, or that of a `tracing` span, by who records it and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Address of the recorder; zero for a guard.
    recorder: usize,
    id: u64,
}

impl Key {
    pub(crate) const fn of_span(recorder: usize, id: u64) -> Self {
        Self { recorder, id }
    }

    /// The id of a span of this recorder.
    pub(crate) fn span_of(self, recorder: usize) -> Option<u64> {
        (self.recorder == recorder).then_some(self.id)
    }
}

pub(crate) struct Stack {
    entries: Vec<Entry>,
    guards: u64,
}

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { entries: Vec::new(), guards: 0 }) };
}

/// `None` while the thread is being torn down. The function must not call out: the stack is borrowed.
#[inline]
pub(crate) fn with<T>(f: impl FnOnce(&mut Stack) -> T) -> Option<T> {
    STACK.try_with(|stack| f(&mut stack.borrow_mut())).ok()
}

impl Stack {
    /// The innermost context.
    #[inline]
    pub(crate) fn current(&self) -> Option<&Context> {
        self.entries.last().map(|entry| &entry.context)
    }

    /// What is entered, innermost first.
    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().rev()
    }

    /// Enters with a key of its own.
    #[inline]
    pub(crate) fn enter(&mut self, context: Context, recording: Option<Box<Recording>>) -> Key {
        self.guards += 1;
        let key = Key { recorder: 0, id: self.guards };
        self.entries.push(Entry { key, context, recording });
        key
    }

    #[inline]
    pub(crate) fn enter_span(&mut self, key: Key, context: Context) {
        self.entries.push(Entry { key, context, recording: None });
    }

    #[inline]
    pub(crate) fn leave(&mut self, key: Key) -> Option<Entry> {
        if self.entries.last().is_some_and(|last| last.key == key) {
            return self.entries.pop();
        }
        let at = self.entries.iter().rposition(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// The entry of this key.
    pub(crate) fn entry_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries_mut().find(|entry| entry.key == key)
    }
}
