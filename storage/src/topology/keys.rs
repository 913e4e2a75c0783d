//! Keys by number.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Keys by number, each once.
#[derive(Debug, Clone)]
pub(crate) struct Keys<K> {
    keys: Vec<K>,
    // Where somebody looked for a key: the numbers of the first so many, by their hash.
    numbers: HashTable<u32>,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), numbers: HashTable::new() }
    }
}

impl<K: Eq + Hash> Keys<K> {
    /// The number of a key that is there.
    pub(crate) fn find(&mut self, key: &K) -> Option<u32> {
        for next in self.numbers.len()..self.keys.len() {
            self.index(next);
        }
        self.numbers.find(hash(key), |&number| self.keys[number as usize] == *key).copied()
    }

    /// The number of a key.
    pub(crate) fn number(&mut self, key: &K) -> u32
    where
        K: Clone,
    {
        self.find(key).unwrap_or_else(|| {
            self.keys.push(key.clone());
            self.index(self.keys.len() - 1)
        })
    }

    fn index(&mut self, number: usize) -> u32 {
        let Self { keys, numbers } = self;
        let of_key = hash(&keys[number]);
        *numbers.insert_unique(of_key, number as u32, |&other| hash(&keys[other as usize])).get()
    }
}

fn hash(key: &impl Hash) -> u64 {
    FixedState::default().hash_one(key)
}

impl<K> Keys<K> {
    /// Adds a key that is not there yet.
    pub(crate) fn push(&mut self, key: K) {
        self.keys.push(key);
    }

    /// The key of a number.
    pub(crate) fn get(&self, number: u32) -> &K {
        &self.keys[number as usize]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}
