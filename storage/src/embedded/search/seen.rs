//! Which spans were counted already: one that was sent twice may be in two sources.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use parking_lot::Mutex;

use super::Work;
use super::budget::Taken;
use crate::QueryError;

/// Locks that threads share: each takes what it has for one of them at once, and they rarely meet.
const SHARDS: usize = 16;
/// What an entry of a hash table takes: eight bytes and one, in a table of which about half is in use.
const ENTRY_BYTES: usize = 18;

/// Trace id, span id and start: what makes two spans the same one.
pub(super) type Identity = ([u8; 16], [u8; 8], u64);

/// Hashes of spans, of which a few million to one are distinct where the spans are.
pub(super) struct Seen<'w> {
    hasher: RandomState,
    shards: [Mutex<HashSet<u64>>; SHARDS],
    taken: Mutex<Taken<'w>>,
}

impl<'w> Seen<'w> {
    pub(super) fn new(work: &'w Work) -> Result<Self, QueryError> {
        let taken = Mutex::new(work.take(0)?);
        Ok(Self { hasher: RandomState::default(), shards: Default::default(), taken })
    }

    /// The rows whose spans were not seen before; from now on they were.
    pub(super) fn new_of(
        &self,
        rows: impl Iterator<Item = (usize, Identity)>,
    ) -> Result<Vec<usize>, QueryError> {
        let mut sharded: [Vec<(usize, u64)>; SHARDS] = Default::default();
        let mut count = 0;
        for (row, identity) in rows {
            let hash = self.hasher.hash_one(identity);
            // The table goes by the highest and the lowest bits.
            sharded[(hash >> 32) as usize % SHARDS].push((row, hash));
            count += 1;
        }
        self.taken.lock().more(count * ENTRY_BYTES)?;
        let mut new = Vec::with_capacity(count);
        for (rows, shard) in sharded.into_iter().zip(&self.shards) {
            let mut shard = shard.lock();
            new.extend(rows.into_iter().filter(|(_, hash)| shard.insert(*hash)).map(|(row, _)| row));
        }
        Ok(new)
    }
}
