//! Where a thread keeps what it has of its own.
//!
//! A `RefCell` in a thread-local asks twice at every look: whether the thread has used it yet or is being torn down, and whether it
//! is borrowed. Here one state answers both, since looking costs more than most of what is done there.

use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::{Stack, Thread};
use crate::context::Context;
use crate::record::Local;

thread_local! {
    // One for all. Nothing drops it but `LAST`, so that it is there at any time.
    static OWN: Own = const { Own::new() };
    /// Empties it when the thread ends.
    static LAST: Last = const { Last };
}

struct Own {
    state: Cell<State>,
    thread: UnsafeCell<ManuallyDrop<Thread>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Never used, and nobody will empty it.
    New,
    /// To be had.
    Ready,
    /// Somebody has it.
    Lent,
    /// Emptied: the thread is being torn down.
    Gone,
}

struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        own().empty();
    }
}

/// Runs a function on what the thread has. `None` while the thread is being torn down. The function must not call out: nobody else
/// has it meanwhile.
#[inline(always)]
pub(crate) fn with<T>(f: impl FnOnce(&mut Thread) -> T) -> Option<T> {
    let own = own();
    own.is_there().then(|| own.lend(f))
}

/// The same, and `None` also when the thread has not been used yet: for those who have another way then, which is not the hot one.
#[inline(always)]
pub(crate) fn with_ready<T>(f: impl FnOnce(&mut Thread) -> T) -> Option<T> {
    let own = own();
    (own.state.get() == State::Ready).then(|| own.lend(f))
}

/// False while the thread is being torn down.
#[inline(always)]
pub(crate) fn is_there() -> bool {
    own().is_there()
}

/// The context that the spans below the innermost one share, if they do: most of what is done where nothing is recorded. `None` also
/// when the thread has not been used yet.
#[inline(always)]
pub(crate) fn shared() -> Option<Arc<Context>> {
    own().look(|stack| stack.shared().cloned()).flatten()
}

/// Whether the spans below the innermost one share this very context.
#[inline(always)]
pub(crate) fn is_shared(context: &Arc<Context>) -> bool {
    own().look(|stack| stack.shared().is_some_and(|shared| Arc::ptr_eq(shared, context))) == Some(true)
}

/// Out of the closure that a thread-local wants: what is done in there is not inlined where it is of some size.
#[inline(always)]
#[allow(unsafe_code)]
fn own<'a>() -> &'a Own {
    let own = OWN.with(std::ptr::from_ref);
    // SAFETY: a thread-local that nothing drops is there for as long as its thread runs. The reference is neither kept, as all who
    // call this are here, nor can it be sent to another thread.
    unsafe { &*own }
}

impl Own {
    const fn new() -> Self {
        let thread = Thread { stack: Stack::new(), local: Local::new() };
        Self { state: Cell::new(State::New), thread: UnsafeCell::new(ManuallyDrop::new(thread)) }
    }

    #[inline(always)]
    fn is_there(&self) -> bool {
        self.state.get() == State::Ready || self.prepare()
    }

    /// # Panics
    /// When the function that has it calls out, and is asked for what it has.
    #[cold]
    #[inline(never)]
    fn prepare(&self) -> bool {
        assert!(self.state.get() != State::Lent, "what a thread has of its own is in use");
        if self.state.get() == State::New && LAST.try_with(|_| ()).is_ok() {
            self.state.set(State::Ready);
        }
        self.state.get() == State::Ready
    }

    /// Runs a function on what is [ready](State::Ready).
    #[inline(always)]
    #[allow(unsafe_code)]
    fn lend<T>(&self, f: impl FnOnce(&mut Thread) -> T) -> T {
        debug_assert_eq!(self.state.get(), State::Ready);
        self.state.set(State::Lent);
        let _back = Back(&self.state);
        // SAFETY: it is the only reference. `Own` is in a thread-local and is not `Sync`, so no other thread has one; on this thread
        // all references are made here and in `empty`, both of which look for it to be `Ready` first, which it is not again until
        // this one is gone.
        f(unsafe { &mut *self.thread.get() })
    }

    /// Looks at what is [ready](State::Ready), by one of the functions above: as none of them calls out, it is not lent.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn look<T>(&self, f: impl FnOnce(&Stack) -> T) -> Option<T> {
        if self.state.get() != State::Ready {
            return None;
        }
        // SAFETY: it is not lent, so that there is no other reference that could change it, as in `lend`; and none is made before
        // this one is gone, for the two functions that come here call nothing that would.
        let thread: &Thread = unsafe { &*self.thread.get() };
        Some(f(&thread.stack))
    }

    /// Drops what the thread has.
    #[allow(unsafe_code)]
    fn empty(&self) {
        // Lent only if the process exits within a function that has it: then it stays.
        if self.state.replace(State::Gone) == State::Ready {
            // SAFETY: it was ready, so that there is no reference, and is gone now, so that there will be none and it is not
            // dropped again.
            unsafe { ManuallyDrop::drop(&mut *self.thread.get()) }
        }
    }
}

/// Takes it back, also when a panic passes by.
struct Back<'a>(&'a Cell<State>);

impl Drop for Back<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.set(State::Ready);
    }
}
