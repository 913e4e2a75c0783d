//! Interned byte strings: each distinct value is kept once and named by a small number.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::columns::Strings;
use super::equal::equal;

#[cfg(test)]
mod tests;

/// Distinct byte strings, numbered from 0 in the order of their first appearance.
#[derive(Default)]
pub(super) struct Dictionary {
    values: Strings,
    // Values that were read of a part, in place of `values`: nothing is added to them.
    shared: Option<Arc<Strings>>,
    // Keyed by the hash of a value. The seed is random, so no sender can aim for collisions.
    index: HashTable<u32>,
    hasher: RandomState,
}

impl Dictionary {
    /// The dictionary of a column that was read; it does not grow.
    pub(super) fn shared(values: Arc<Strings>) -> Self {
        Self { shared: Some(values), ..Self::default() }
    }

    /// The number of a value, which is added when it is new and `check` accepts it.
    ///
    /// Equality with a value that was accepted proves a value acceptable, so a check runs once per distinct value.
    pub(super) fn intern<E>(
        &mut self,
        value: &[u8],
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<u32, E> {
        debug_assert!(self.shared.is_none(), "a dictionary that was read does not grow");
        let hash = self.hasher.hash_one(value);
        if let Some(&id) = self.index.find(hash, |&id| self.is(id, value)) {
            return Ok(id);
        }
        check()?;
        let id = self.values.len() as u32;
        self.values.push(value);
        let (values, hasher) = (&self.values, &self.hasher);
        self.index.insert_unique(hash, id, |&id| hasher.hash_one(values.get(id as usize)));
        Ok(id)
    }

    /// The number of a value that needs no check.
    pub(super) fn intern_bytes(&mut self, value: &[u8]) -> u32 {
        let Ok(id) = self.intern(value, || Ok::<(), std::convert::Infallible>(()));
        id
    }

    /// The value of a number that this dictionary gave out.
    pub(super) fn get(&self, id: u32) -> &[u8] {
        self.values().get(id as usize)
    }

    /// Whether it gave this number out. For a dictionary that grows.
    #[inline(always)]
    pub(super) fn has(&self, id: u32) -> bool {
        (id as usize) < self.values.len()
    }

    /// Whether the value of a number that was given out is this one. For a dictionary that grows.
    #[inline(always)]
    pub(super) fn is(&self, id: u32, value: &[u8]) -> bool {
        equal(self.values.get(id as usize), value)
    }

    /// The value as text; values of text columns were checked when they were added.
    pub(super) fn text(&self, id: u32) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.get(id))
    }

    /// How many distinct values.
    pub(super) fn len(&self) -> usize {
        self.values().len()
    }

    /// The numbers of all values.
    pub(super) fn ids(&self) -> Range<u32> {
        0..self.len() as u32
    }

    /// All values, by their number.
    pub(super) fn values(&self) -> &Strings {
        self.shared.as_deref().unwrap_or(&self.values)
    }

    /// All values, without what finds them.
    pub(super) fn into_values(self) -> Strings {
        self.values
    }

    /// Forgets all values, and keeps the buffers.
    pub(super) fn clear(&mut self) {
        self.values.truncate(0);
        self.index.clear();
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.values.memory_bytes() + self.index.allocation_size()
    }
}
