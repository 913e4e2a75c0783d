//! Which SDK the crate's own API records with.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use super::{Core, Recording, local};
use crate::context::{Context, stack};
use crate::silence::is_silent;

/// As `tracing` has one global subscriber: a span that is opened deep in a library must find its way without being handed one.
static DEFAULT: OnceLock<Arc<Core>> = OnceLock::new();

impl Core {
    /// Makes this the default of the process; false when there is one.
    pub(crate) fn make_default(self: &Arc<Self>) -> bool {
        DEFAULT.set(self.clone()).is_ok()
    }
}

/// Opens a span of the default SDK, in this context or else the current one. Without an SDK the context stays the same.
#[inline]
pub(crate) fn open(parent: Option<&Context>, name: &'static str) -> (Context, Option<Box<Recording>>) {
    let opened = stack::with(|stack| {
        let parent = parent.or_else(|| stack.current()).unwrap_or(&Context::EMPTY);
        let opened = local::with(|local| {
            let scoped = local.default.clone();
            let core = scoped.as_ref().map_or_else(|| DEFAULT.get(), Option::as_ref);
            match core {
                Some(core) if !is_silent() => core.open_with(local, parent, name),
                _ => (parent.clone(), None),
            }
        });
        opened.unwrap_or_else(|| (parent.clone(), None))
    });
    opened.unwrap_or_default()
}

/// Makes an SDK this thread's default until it is dropped; made by [`Guard::default_scope`](crate::Guard::default_scope).
pub struct DefaultScope {
    outer: Option<Option<Arc<Core>>>,
    _not_send: PhantomData<*const ()>,
}

impl DefaultScope {
    pub(crate) fn enter(core: Option<Arc<Core>>) -> Self {
        let outer = local::with(|local| local.default.replace(core)).flatten();
        Self { outer, _not_send: PhantomData }
    }
}

impl Drop for DefaultScope {
    fn drop(&mut self) {
        drop(local::with(|local| std::mem::replace(&mut local.default, self.outer.take())));
    }
}

impl fmt::Debug for DefaultScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DefaultScope").finish_non_exhaustive()
    }
}
