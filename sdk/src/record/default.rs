//! Which SDK the crate's own API records with.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use super::{Core, Local};
use crate::context::Context;
use crate::context::thread::{self, GuardKey, Opened, Place, Thread};

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
    match thread::shared() {
        Some(context) => Opened::Shared(context),
        None => open_asking(name),
    }
}

/// [`open_here`], where it may have to be recorded.
#[inline(never)]
fn open_asking(name: &'static str) -> Opened {
    let opened = thread::with(|thread| match default_of(&thread.local) {
        Some(core) => core.open_on(thread, name),
        None => open_in_scope(thread, name),
    });
    opened.unwrap_or(Opened::Nothing)
}

/// Whether spans that the default SDK opens are sampled as their parents are; so they are where there is no SDK.
pub(crate) fn follows_parents(local: &Local) -> bool {
    let scoped = local.scoped_default();
    default_of(local).or(scoped.as_ref()).is_none_or(|core| core.sampler.is_parent_based())
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
    /// Where what is entered has spans below share its context: the same once more, so that they are asked about. It was another
    /// SDK that said so.
    key: Option<GuardKey>,
    _not_send: PhantomData<*const ()>,
}

impl DefaultScope {
    pub(crate) fn enter(core: Option<Arc<Core>>) -> Self {
        let shared = thread::shared();
        let entered = thread::with(|Thread { stack, local }| {
            let again = shared.map(|context| stack.enter(Place::Plain(Context::clone(&context))));
            (local.default.replace(core), again)
        });
        let (outer, key) = entered.unwrap_or_default();
        Self { outer, key, _not_send: PhantomData }
    }
}

impl Drop for DefaultScope {
    fn drop(&mut self) {
        drop(thread::with(|Thread { stack, local }| {
            if let Some(key) = self.key {
                stack.forget(key.into());
            }
            std::mem::replace(&mut local.default, self.outer.take())
        }));
    }
}

impl fmt::Debug for DefaultScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultScope").finish_non_exhaustive()
    }
}
