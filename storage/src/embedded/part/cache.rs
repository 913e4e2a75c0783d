//! What was read of parts and will likely be read again: page indexes, dictionaries, trace tables, postings, filters, and the pages of the
//! columns by which traces are found.
//!
//! One cache serves all parts of a store, within a budget of bytes. All other pages are the operating system's to cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;

use super::needles::Needles;
use super::pages::PageIndex;
use super::postings::Postings;
use super::table::TraceTable;
use crate::QueryError;
use crate::embedded::columns::Strings;

/// The cache of a store.
pub(in super::super) struct Cache {
    entries: quick_cache::sync::Cache<Key, Entry, ByBytes>,
    // Decompressed, by their place in the part's file. Apart, since they are many, and less is lost with one.
    pages: quick_cache::sync::Cache<(u64, u64), Arc<Vec<u8>>, ByBytes>,
    next_part: AtomicU64,
    uses: AtomicU64,
}

/// What an entry was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Given out by [`Cache::new_part`].
    pub(super) part: u64,
    pub(super) row_group: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    Pages,
    Table,
    Postings,
    TraceFilter,
    /// Of an attribute column.
    Needles(usize),
    /// Of a column of the file.
    Dictionary(usize),
}

/// A thing that is cached.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Pages(Arc<PageIndex>),
    Table(Arc<TraceTable>),
    Postings(Arc<Postings>),
    Needles(Arc<Needles>),
    Texts(Arc<Strings>),
    /// A dictionary of values of a fixed length.
    Values(Arc<Vec<u8>>),
}

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Key, Entry> for ByBytes {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        let bytes = match entry {
            Entry::Pages(pages) => pages.memory_bytes(),
            Entry::Table(table) => table.memory_bytes(),
            Entry::Postings(postings) => postings.memory_bytes(),
            Entry::Needles(needles) => needles.memory_bytes(),
            Entry::Texts(texts) => texts.memory_bytes(),
            Entry::Values(values) => values.capacity(),
        };
        // An entry costs its place in the cache too.
        (bytes + 128) as u64
    }
}

impl Weighter<(u64, u64), Arc<Vec<u8>>> for ByBytes {
    fn weight(&self, _: &(u64, u64), page: &Arc<Vec<u8>>) -> u64 {
        (page.capacity() + 128) as u64
    }
}

impl Cache {
    /// A cache that holds about this many bytes at most.
    pub(in super::super) fn new(bytes: usize) -> Arc<Self> {
        const TYPICAL_ENTRY: usize = 16 * 1024;
        const TYPICAL_PAGE: usize = 8 * 1024;
        let of_pages = bytes / 4;
        let of_entries = bytes - of_pages;
        Arc::new(Self {
            entries: quick_cache::sync::Cache::with_weighter(
                of_entries / TYPICAL_ENTRY + 1,
                of_entries as u64,
                ByBytes,
            ),
            pages: quick_cache::sync::Cache::with_weighter(
                of_pages / TYPICAL_PAGE + 1,
                of_pages as u64,
                ByBytes,
            ),
            next_part: AtomicU64::new(0),
            uses: AtomicU64::new(0),
        })
    }

    /// A cache for one reader of one row group: everything that the reader meets stays until the reader has done.
    pub(in super::super) fn of_one_reader() -> Self {
        const TYPICAL_ENTRIES: usize = 64;
        const UNBOUNDED: u64 = 1 << 40;
        Self {
            entries: quick_cache::sync::Cache::with_weighter(TYPICAL_ENTRIES, UNBOUNDED, ByBytes),
            // It reads each page once.
            pages: quick_cache::sync::Cache::with_weighter(0, 0, ByBytes),
            next_part: AtomicU64::new(0),
            uses: AtomicU64::new(0),
        }
    }

    /// A number for a part that is being opened: a part may come back under an old name with other content.
    pub(super) fn new_part(&self) -> u64 {
        self.next_part.fetch_add(1, Ordering::Relaxed)
    }

    /// The entry of a key, which `read` makes when it is not there.
    pub(super) fn get(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<Entry, QueryError>,
    ) -> Result<Entry, QueryError> {
        self.uses.fetch_add(1, Ordering::Relaxed);
        self.entries.get_or_insert_with(&key, read)
    }

    /// The page at a place in a part's file, which `read` decompresses when it is not there.
    pub(super) fn page(
        &self,
        part: u64,
        offset: u64,
        read: impl FnOnce() -> Result<Vec<u8>, QueryError>,
    ) -> Result<Arc<Vec<u8>>, QueryError> {
        self.pages.get_or_insert_with(&(part, offset), || read().map(Arc::new))
    }

    /// How often something was asked for: where the number stays, nobody reads.
    pub(in super::super) fn uses(&self) -> u64 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Forgets everything.
    pub(in super::super) fn clear(&self) {
        self.entries.clear();
        self.pages.clear();
    }

    /// How many entries and pages it has.
    #[cfg(test)]
    pub(in super::super) fn len(&self) -> usize {
        self.entries.len() + self.pages.len()
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}
