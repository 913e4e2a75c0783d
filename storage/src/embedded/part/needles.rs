//! Which pages of an attribute column may hold a value.
//!
//! Columns of ids and paths have too many distinct values for a dictionary to answer "not here". Each of their pages has
//! a binary fuse filter of 8 bits (Graf and Lemire, "Binary Fuse Filters", 2022) over the XXH3 hashes of its values: it says
//! "maybe" for one absent value in 256.

use xorf::{BinaryFuse8, Descriptor, Filter};
use xxhash_rust::xxh3::xxh3_64;

use super::encoding::{Cut, put_varint, take_u32, take_varint};

/// The filters of the pages of one column.
#[derive(Debug, Default)]
pub(super) struct Needles {
    // None: the page may hold anything.
    pages: Vec<Option<BinaryFuse8>>,
}

/// What filters know of a value.
pub(super) fn hash(value: &[u8]) -> u64 {
    xxh3_64(value)
}

impl Needles {
    /// Adds the filter of the next page, by the hashes of its values.
    pub(super) fn push(&mut self, mut hashes: Vec<u64>) {
        hashes.sort_unstable();
        hashes.dedup();
        self.pages.push(BinaryFuse8::try_from(&hashes).ok());
    }

    /// The pages that may hold the value of this hash.
    pub(super) fn pages_with(&self, hash: u64) -> impl Iterator<Item = usize> {
        let pages = self.pages.iter().enumerate();
        pages
            .filter(move |(_, page)| page.as_ref().is_none_or(|page| page.contains(&hash)))
            .map(|(page, _)| page)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.pages.len() as u64);
        for page in &self.pages {
            let Some(BinaryFuse8 { descriptor, fingerprints }) = page else {
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
                needles.pages.push(None);
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
            needles.pages.push(Some(BinaryFuse8 { descriptor, fingerprints: fingerprints.into() }));
        }
        Ok(needles)
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.pages.iter().flatten().map(|page| page.fingerprints.len() + size_of::<BinaryFuse8>()).sum()
    }
}
