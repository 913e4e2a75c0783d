//! Which pages of an attribute column may hold a value.
//!
//! Columns of ids and paths have too many distinct values for a dictionary to answer "not here". Each of their pages has
//! a binary fuse filter of 8 bits (Graf and Lemire, "Binary Fuse Filters", 2022) over the XXH3 hashes of its values: it says
//! "maybe" for one absent value in 256. The trace ids of a row group have such a filter too, where they are not told by its place.

use std::collections::HashSet;
use std::ops::Range;

use foldhash::fast::RandomState;
use xorf::{BinaryFuse8, Descriptor, Filter};
use xxhash_rust::xxh3::xxh3_64;

use super::encoding::{Cut, put_varint, take_u32, take_varint};

/// Pages that share a filter: larger filters take less for each value.
const PAGES_PER_FILTER: usize = 4;

/// The filters of the pages of one column.
#[derive(Debug, Default)]
pub(super) struct Needles {
    // None: the pages may hold anything.
    filters: Vec<Option<BinaryFuse8>>,
    // Of the pages that have no filter yet, when filters are being made.
    pending: Vec<u64>,
    pending_pages: usize,
}

/// What filters know of a value.
pub(super) fn hash(value: &[u8]) -> u64 {
    xxh3_64(value)
}

impl Needles {
    /// One filter of all these hashes.
    pub(super) fn of_all(hashes: impl Iterator<Item = u64>) -> Self {
        let mut needles = Self { pending: hashes.collect(), pending_pages: 1, ..Self::default() };
        needles.finish();
        needles
    }

    /// Adds the next page, by the hashes of its values.
    pub(super) fn push(&mut self, hashes: impl Iterator<Item = u64>) {
        self.pending.extend(hashes);
        self.pending_pages += 1;
        if self.pending_pages == PAGES_PER_FILTER {
            self.finish();
        }
    }

    /// Makes the filter of the pages that have none yet.
    fn finish(&mut self) {
        if self.pending_pages > 0 {
            let mut hashes = std::mem::take(&mut self.pending);
            // In less than half of the time of sorting.
            let mut known = HashSet::with_capacity_and_hasher(hashes.len(), RandomState::default());
            hashes.retain(|hash| known.insert(*hash));
            self.filters.push(BinaryFuse8::try_from(&hashes).ok());
            self.pending_pages = 0;
        }
    }

    /// Whether any filter says that it may have this hash.
    pub(super) fn may_have(&self, hash: u64) -> bool {
        !self.pages_with(hash).is_empty()
    }

    /// The pages that may hold the value of this hash: those of each filter that says so. The last may name more pages than there are.
    pub(super) fn pages_with(&self, hash: u64) -> Vec<Range<usize>> {
        let may_have =
            |filter: &Option<BinaryFuse8>| filter.as_ref().is_none_or(|filter| filter.contains(&hash));
        let numbers = self.filters.iter().enumerate().filter(|(_, filter)| may_have(filter));
        numbers.map(|(number, _)| number * PAGES_PER_FILTER..(number + 1) * PAGES_PER_FILTER).collect()
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.finish();
        let mut out = Vec::new();
        put_varint(&mut out, self.filters.len() as u64);
        for filter in &self.filters {
            let Some(BinaryFuse8 { descriptor, fingerprints }) = filter else {
                put_varint(&mut out, 0);
                continue;
            };
            put_varint(&mut out, fingerprints.len() as u64 + 1);
            out.extend(descriptor.seed.to_le_bytes());
            for number in
                [descriptor.segment_length, descriptor.segment_length_mask, descriptor.segment_count_length]
            {
                out.extend(number.to_le_bytes());
            }
            out.extend_from_slice(fingerprints);
        }
        out
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Result<Self, Cut> {
        let bytes = &mut bytes;
        let mut needles = Self::default();
        for _ in 0..take_varint(bytes)? {
            let Some(len) = take_varint(bytes)?.checked_sub(1) else {
                needles.filters.push(None);
                continue;
            };
            let seed = u64::from(take_u32(bytes)?) | u64::from(take_u32(bytes)?) << 32;
            let (segment_length, segment_length_mask, segment_count_length) =
                (take_u32(bytes)?, take_u32(bytes)?, take_u32(bytes)?);
            // The places that the filter computes must exist.
            if u64::from(segment_count_length) + 2 * u64::from(segment_length) > len
                || (len > 0 && segment_length_mask >= segment_length)
            {
                return Err(Cut);
            }
            let (fingerprints, rest) =
                usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len)).ok_or(Cut)?;
            *bytes = rest;
            let descriptor = Descriptor { seed, segment_length, segment_length_mask, segment_count_length };
            needles.filters.push(Some(BinaryFuse8 { descriptor, fingerprints: fingerprints.into() }));
        }
        Ok(needles)
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.filters.iter().flatten().map(|filter| filter.fingerprints.len() + size_of::<BinaryFuse8>()).sum()
    }
}
