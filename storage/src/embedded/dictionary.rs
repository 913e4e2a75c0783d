//! Interned byte strings: each distinct value is kept once and named by a small number.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

#[cfg(test)]
mod tests;

/// Distinct byte strings, numbered from 0 in the order of their first appearance.
#[derive(Default)]
pub(super) struct Dictionary {
    bytes: Vec<u8>,
    // End of each value in `bytes`; it begins where the one before ends.
    ends: Vec<usize>,
    // Keyed by the hash of a value. The seed is random, so no sender can aim for collisions.
    index: HashTable<u32>,
    hasher: RandomState,
}

impl Dictionary {
    /// The number of a value, which is added when it is new and `check` accepts it.
    ///
    /// Equality with a value that was accepted proves a value acceptable, so a check runs once per distinct value.
    pub(super) fn intern<E>(
        &mut self,
        value: &[u8],
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<u32, E> {
        let hash = self.hasher.hash_one(value);
        if let Some(&id) = self.index.find(hash, |&id| slice(&self.bytes, &self.ends, id) == value) {
            return Ok(id);
        }
        check()?;
        let id = self.ends.len() as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.index.insert_unique(hash, id, |&id| hasher.hash_one(slice(bytes, ends, id)));
        Ok(id)
    }

    /// The number of a value that needs no check.
    pub(super) fn intern_bytes(&mut self, value: &[u8]) -> u32 {
        let Ok(id) = self.intern(value, || Ok::<(), std::convert::Infallible>(()));
        id
    }

    /// The value of a number that this dictionary gave out.
    pub(super) fn get(&self, id: u32) -> &[u8] {
        slice(&self.bytes, &self.ends, id)
    }

    /// The value as text; values of text columns were checked when they were added.
    pub(super) fn text(&self, id: u32) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.get(id))
    }

    /// How many distinct values.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The numbers of all values.
    pub(super) fn ids(&self) -> Range<u32> {
        0..self.ends.len() as u32
    }

    /// All values one behind another, and where each ends.
    pub(super) fn parts(&self) -> (&[u8], &[usize]) {
        (&self.bytes, &self.ends)
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>() + self.index.capacity() * 5
    }
}

fn slice<'a>(bytes: &'a [u8], ends: &[usize], id: u32) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    &bytes[start..ends[id]]
}
