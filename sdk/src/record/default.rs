//! Which SDK the crate's own API records with.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use super::{Core, Local};
use crate::context::Context;
use crate::context::thread::{self, Opened, Thread};

/// As `tracing` has one global subscriber: a span that is opened deep in a library must find its way without being handed one.
static DEFAULT: OnceLock<Arc<Core>> = OnceLock::new();

impl Core {
    /// Makes this the default of the process; false when there is one.
    pub(crate) fn make_default(self: &Arc<Self>) -> bool {
        DEFAULT.set(self.clone()).is_ok()
    }
}

/// Opens a span of the default SDK in what is current. Without an SDK it carries the current context.
#[inline(never)]
pub(crate) fn open_here(name: &'static str) -> Opened {
    let opened = thread::with(|thread| match default_of(&thread.local) {
        Some(core) => core.open_on(thread, name),
        None => open_in_scope(thread, name),
    });
    opened.unwrap_or(Opened::Nothing)
}

/// [`open_here`] by this thread's own default, if it has one.
#[cold]
#[inline(never)]
fn open_in_scope(thread: &mut Thread, name: &'static str) -> Opened {
    match thread.local.scoped_default() {
        Some(core) => core.open_on(thread, name),
        None => Opened::carrier(&thread.current()),
    }
}

/// Opens a span of the default SDK in this context. Without an SDK it carries that context.
pub(crate) fn open(parent: &Context, name: &'static str) -> Opened {
    let opened = thread::with(|Thread { local, .. }| {
        let scoped = local.scoped_default();
        let core = default_of(local).or(scoped.as_ref())?;
        Some(core.open_with(local, parent, name))
    });
    opened.flatten().unwrap_or_else(|| Opened::carrier(parent))
}

/// From now on, this thread has no default.
pub(crate) fn unset_on_this_thread() {
    drop(thread::with(|thread| thread.local.default.replace(None)));
}

/// The process's default, unless this thread has one of its own.
#[inline]
fn default_of(local: &Local) -> Option<&'static Arc<Core>> {
    if local.default.is_some() { None } else { DEFAULT.get() }
}

/// Makes an SDK this thread's default until it is dropped; made by [`Guard::default_scope`](crate::Guard::default_scope).
pub struct DefaultScope {
    outer: Option<Option<Arc<Core>>>,
    _not_send: PhantomData<*const ()>,
}

impl DefaultScope {
    pub(crate) fn enter(core: Option<Arc<Core>>) -> Self {
        let outer = thread::with(|thread| thread.local.default.replace(core)).flatten();
        Self { outer, _not_send: PhantomData }
    }
}

impl Drop for DefaultScope {
    fn drop(&mut self) {
        drop(thread::with(|thread| std::mem::replace(&mut thread.local.default, self.outer.take())));
    }
}

impl fmt::Debug for DefaultScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultScope").finish_non_exhaustive()
    }
}
