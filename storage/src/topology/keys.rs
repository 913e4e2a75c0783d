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
    /// The number of a key.
    pub(crate) fn number(&mut self, key: &K) -> u32
    where
        K: Clone,
    {
        let hash = |key: &K| FixedState::default().hash_one(key);
        for next in self.numbers.len()..self.keys.len() {
            let keys = &self.keys;
            self.numbers.insert_unique(hash(&keys[next]), next as u32, |&other| hash(&keys[other as usize]));
        }
        let (keys, hash_of_key) = (&self.keys, hash(key));
        if let Some(&number) = self.numbers.find(hash_of_key, |&other| keys[other as usize] == *key) {
            return number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key.clone());
        let keys = &self.keys;
        self.numbers.insert_unique(hash_of_key, number, |&other| hash(&keys[other as usize]));
        number
    }
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
