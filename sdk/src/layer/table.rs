//! The open `tracing` spans, by their ids.
//!
//! Not in the registry's span extensions: those are behind a lock that other layers hold while they call out, and every look at
//! them goes through the registry.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use parking_lot::{Mutex, MutexGuard};
use tracing::Metadata;

use crate::context::Context;
use crate::context::thread::Opened;

#[cfg(test)]
mod tests;

/// What is known of an open span.
pub(crate) struct OpenSpan {
    pub(crate) opened: Opened,
    pub(crate) metadata: &'static Metadata<'static>,
    /// How many handles there are, where this crate's subscriber counts them.
    pub(crate) handles: usize,
}

/// A power of two, large enough that threads rarely meet.
const SHARDS: usize = 64;
/// Places of a shard, a power of two.
const NEAR: usize = 32;

/// A map that many threads use at once.
pub(crate) struct Table {
    shards: Box<[Shard; SHARDS]>,
}

/// On cache lines of its own. The lock is one that does not look for panics, of which there are none under it: taking it costs a third.
#[repr(align(64))]
#[derive(Default)]
struct Shard(Mutex<Spans>);

/// The spans of a shard. The id of a span says its place; where another has that already, it is kept elsewhere.
#[derive(Default)]
pub(crate) struct Spans {
    near: [Near; NEAR],
    far: HashMap<u64, OpenSpan, BuildHasherDefault<IdHasher>>,
}

/// A place, empty when its id is zero: no span has that.
#[derive(Default)]
struct Near {
    id: u64,
    span: Option<OpenSpan>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { shards: Box::new(std::array::from_fn(|_| Shard::default())) }
    }

    #[inline(always)]
    pub(crate) fn insert(&self, id: u64, span: OpenSpan) {
        let mut spans = self.shard(id);
        let near = spans.near(id);
        if near.id == 0 {
            near.id = id;
            // An empty place has nothing to drop, and that needs no look.
            std::mem::forget(near.span.replace(span));
        } else {
            spans.insert_far(id, span);
        }
    }

    /// Takes a span out.
    #[inline(always)]
    pub(crate) fn remove(&self, id: u64) -> Option<Opened> {
        self.shard(id).remove(id)
    }

    /// The span's part of the table, locked: whoever holds it must not call out.
    #[inline(always)]
    pub(crate) fn lock(&self, id: u64) -> MutexGuard<'_, Spans> {
        self.shard(id)
    }

    /// Runs a function on a span, under a lock: the function must not call out. `None` when there is no such span.
    #[inline(always)]
    pub(crate) fn with<T>(&self, id: u64, f: impl FnOnce(&mut OpenSpan) -> T) -> Option<T> {
        self.shard(id).get_mut(id).map(f)
    }

    /// The context of a span.
    pub(crate) fn context_of(&self, id: u64) -> Option<Context> {
        self.with(id, |span| span.opened.context().clone())
    }

    /// Takes a handle away from a span, and the span out when that was the last one.
    #[inline(always)]
    pub(crate) fn release(&self, id: u64) -> Option<Opened> {
        let mut spans = self.shard(id);
        let near = spans.near(id);
        match &mut near.span {
            // Nearly always.
            Some(OpenSpan { handles: 1, .. }) if near.id == id => {
                near.id = 0;
                near.span.take().map(|span| span.opened)
            }
            _ => spans.release_slowly(id),
        }
    }

    #[inline(always)]
    fn shard(&self, id: u64) -> MutexGuard<'_, Spans> {
        // Ids that follow each other, as those of one thread do, stay together. The upper bits of a product depend on all of the id.
        let shard = ((id / NEAR as u64).wrapping_mul(ODD) >> (u64::BITS - SHARDS.ilog2())) as usize;
        self.shards[shard].0.lock()
    }
}

impl Spans {
    #[inline]
    fn near(&mut self, id: u64) -> &mut Near {
        &mut self.near[id as usize & (NEAR - 1)]
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut OpenSpan> {
        if self.near(id).id == id { self.near(id).span.as_mut() } else { self.get_far(id) }
    }

    #[inline(always)]
    fn remove(&mut self, id: u64) -> Option<Opened> {
        let near = self.near(id);
        if near.id == id {
            near.id = 0;
            near.span.take().map(|span| span.opened)
        } else {
            self.remove_far(id)
        }
    }

    #[cold]
    fn release_slowly(&mut self, id: u64) -> Option<Opened> {
        let span = self.get_mut(id)?;
        span.handles = span.handles.saturating_sub(1);
        if span.handles > 0 {
            return None;
        }
        self.remove(id)
    }

    #[cold]
    fn insert_far(&mut self, id: u64, span: OpenSpan) {
        self.far.insert(id, span);
    }

    #[cold]
    fn get_far(&mut self, id: u64) -> Option<&mut OpenSpan> {
        self.far.get_mut(&id)
    }

    #[cold]
    #[inline(never)]
    fn remove_far(&mut self, id: u64) -> Option<Opened> {
        self.far.remove(&id).map(|span| span.opened)
    }
}

/// Ids are made by a slab or a counter, not by an adversary: mixing them is enough.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write_u64(&mut self, id: u64) {
        self.0 = hash(id);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = hash(self.0 ^ u64::from(byte));
        }
    }
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Both halves of the product, folded: every bit of the id reaches every bit of the hash.
#[inline]
fn hash(id: u64) -> u64 {
    let product = u128::from(id) * u128::from(ODD);
    (product as u64) ^ (product >> 64) as u64
}
