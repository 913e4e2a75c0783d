//! The open `tracing` spans, by their ids.
//!
//! Not in the registry's span extensions: those are behind a lock that other layers hold while they call out, and every look at
//! them goes through the registry.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Metadata;

use crate::context::thread::Opened;

/// What is known of an open span.
pub(crate) struct OpenSpan {
    pub(crate) opened: Opened,
    pub(crate) metadata: &'static Metadata<'static>,
    /// How many handles there are, where this crate's subscriber counts them.
    pub(crate) handles: usize,
}

/// A power of two, large enough that threads rarely meet.
const SHARDS: usize = 64;

/// A map that many threads use at once.
pub(crate) struct Table {
    shards: Box<[Shard]>,
}

/// On cache lines of its own.
#[repr(align(64))]
#[derive(Default)]
struct Shard(Mutex<HashMap<u64, OpenSpan, BuildHasherDefault<IdHasher>>>);

impl Table {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    #[inline]
    pub(crate) fn insert(&self, id: u64, span: OpenSpan) {
        self.shard(id).insert(id, span);
    }

    #[inline]
    pub(crate) fn remove(&self, id: u64) -> Option<OpenSpan> {
        self.shard(id).remove(&id)
    }

    /// Runs a function on a span, under a lock: the function must not call out. `None` when there is no such span.
    #[inline]
    pub(crate) fn with<T>(&self, id: u64, f: impl FnOnce(&mut OpenSpan) -> T) -> Option<T> {
        self.shard(id).get_mut(&id).map(f)
    }

    /// Takes a handle away from a span, and the span out when that was the last one.
    #[inline]
    pub(crate) fn release(&self, id: u64) -> Option<OpenSpan> {
        let mut shard = self.shard(id);
        let span = shard.get_mut(&id)?;
        span.handles = span.handles.saturating_sub(1);
        if span.handles == 0 { shard.remove(&id) } else { None }
    }

    #[inline]
    fn shard(&self, id: u64) -> MutexGuard<'_, HashMap<u64, OpenSpan, BuildHasherDefault<IdHasher>>> {
        // The map takes its place from the low bits of the hash and a tag from its highest seven: these are others.
        let shard = (hash(id) >> 40) as usize & (SHARDS - 1);
        // Nothing panics under the lock.
        self.shards[shard].0.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Both halves of the product, folded: every bit of the id reaches every bit of the hash.
#[inline]
fn hash(id: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(id) * u128::from(ODD);
    (product as u64) ^ (product >> 64) as u64
}
