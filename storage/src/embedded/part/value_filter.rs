//! Whether a part has a value of an attribute at all.
//!
//! A split block Bloom filter, as the Parquet format defines it (`BloomFilter.md`, after Putze, Sanders and Singler, "Cache-, Hash- and
//! Space-Efficient Bloom Filters", 2007): all that is known of a value stands in one block, so that one short read tells. It is
//! neither read as a whole nor kept in memory: what asking costs grows with the number of parts, and with nothing else.

use super::encoding::Cut;

/// Of a block: eight words of 32 bits, in each of which a value sets one.
const BLOCK_BYTES: usize = 32;
/// What is read, and has a checksum of its own.
const CHUNK_BLOCKS: usize = 64;
const CHUNK_BYTES: usize = CHUNK_BLOCKS * BLOCK_BYTES;
const CRC_BYTES: usize = 4;
/// With ten bits for a value, one absent value in about a hundred may be there.
const BITS_PER_VALUE: usize = 10;
/// Rows for each value, at least: a filter takes at most an eighth of a byte for each span.
pub(super) const MIN_ROWS_PER_VALUE: usize = 10;
/// Hashes that are collected of an attribute, at most.
const MAX_HASHES: usize = 1 << 20;

/// The Parquet format's constants: odd, and otherwise random.
const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// The bit of each word of a block that a value sets.
fn mask(hash: u64) -> [u32; 8] {
    SALT.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

/// The block of a value, of so many.
fn block_of(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize
}

/// The hashes of an attribute's values, of one row group after the other.
#[derive(Debug, Default)]
pub(super) struct ValueHashes {
    hashes: Vec<u64>,
    // Some values are not among them: they are too many, or were never hashed.
    is_partial: bool,
    has_many: bool,
}

impl ValueHashes {
    /// Adds all values of a row group; `None` where they are not known. `has_many`: they are so many that a dictionary does not tell
    /// what is not there.
    pub(super) fn add(&mut self, hashes: Option<Vec<u64>>, has_many: bool) {
        self.has_many |= has_many;
        let Some(hashes) = hashes.filter(|_| !self.is_partial) else {
            self.give_up();
            return;
        };
        if self.hashes.is_empty() {
            self.hashes = hashes;
        } else {
            self.hashes.extend(hashes);
        }
        if self.hashes.len() > MAX_HASHES {
            self.hashes.sort_unstable();
            self.hashes.dedup();
            if self.hashes.len() > MAX_HASHES / 2 {
                self.give_up();
            }
        }
    }

    fn give_up(&mut self) {
        (self.hashes, self.is_partial) = (Vec::new(), true);
    }

    /// The filter of a part with so many rows, where one is of use and not too large.
    pub(super) fn into_filter(mut self, rows: usize) -> Option<Vec<u8>> {
        if self.is_partial || !self.has_many {
            return None;
        }
        self.hashes.sort_unstable();
        self.hashes.dedup();
        (self.hashes.len() * MIN_ROWS_PER_VALUE <= rows).then(|| filter(&self.hashes))
    }
}

/// The filter of some values, as it is written: chunks of blocks, each followed by its CRC-32C.
fn filter(hashes: &[u64]) -> Vec<u8> {
    let count = (hashes.len() * BITS_PER_VALUE).div_ceil(BLOCK_BYTES * 8).max(1);
    let mut blocks = vec![[0u32; 8]; count];
    for &hash in hashes {
        let block = &mut blocks[block_of(hash, count)];
        block.iter_mut().zip(mask(hash)).for_each(|(word, bit)| *word |= bit);
    }
    let mut out = Vec::with_capacity(count * BLOCK_BYTES + count.div_ceil(CHUNK_BLOCKS) * CRC_BYTES);
    for chunk in blocks.chunks(CHUNK_BLOCKS) {
        let start = out.len();
        out.extend(chunk.as_flattened().iter().flat_map(|word| word.to_le_bytes()));
        out.extend(crc32c::crc32c(&out[start..]).to_le_bytes());
    }
    out
}

/// Where a filter of so many bytes has what it knows of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Of the chunk, from the begin of the filter.
    pub(super) offset: usize,
    /// Of the chunk's blocks.
    pub(super) len: usize,
    block: usize,
}

impl Place {
    /// Of the chunk with its checksum.
    pub(super) fn checked_len(&self) -> usize {
        self.len + CRC_BYTES
    }

    pub(super) fn of(hash: u64, filter_len: usize) -> Result<Self, Cut> {
        let (whole, rest) = (filter_len / (CHUNK_BYTES + CRC_BYTES), filter_len % (CHUNK_BYTES + CRC_BYTES));
        let blocks = whole * CHUNK_BLOCKS + rest.saturating_sub(CRC_BYTES) / BLOCK_BYTES;
        if blocks == 0 {
            return Err(Cut);
        }
        let block = block_of(hash, blocks);
        let chunk = block / CHUNK_BLOCKS;
        let len = (blocks - chunk * CHUNK_BLOCKS).min(CHUNK_BLOCKS) * BLOCK_BYTES;
        Ok(Self { offset: chunk * (CHUNK_BYTES + CRC_BYTES), len, block: block % CHUNK_BLOCKS })
    }

    /// Whether the value may be there, by the chunk with its checksum.
    pub(super) fn may_have(&self, hash: u64, chunk: &[u8]) -> Result<bool, Cut> {
        let (blocks, crc) = chunk.split_at_checked(self.len).ok_or(Cut)?;
        if crc != crc32c::crc32c(blocks).to_le_bytes() {
            return Err(Cut);
        }
        let block = blocks.as_chunks::<BLOCK_BYTES>().0.get(self.block).ok_or(Cut)?;
        let words = block.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word));
        Ok(words.zip(mask(hash)).all(|(word, bit)| word & bit != 0))
    }
}

#[cfg(test)]
mod tests;
