//! Which traces a part holds, and where.

use laneway_proto::TraceId;
use std::ops::Range;
use xorf::{BinaryFuse16, Descriptor, Filter};

/// Rows between two fences.
const FENCE_ROWS: usize = 1024;

const MAGIC: &[u8; 8] = b"LWTRACE1";

/// The trace ids of a part: a filter that tells at once that a trace is not there (a false "maybe" in 65,536), and the trace id
/// of every 1024th row.
///
/// The filter is a binary fuse filter of 16 bits (Graf and Lemire, "Binary Fuse Filters", 2022) over 64 bits of the id.
///
/// `traces.idx`, all numbers little-endian: magic `LWTRACE1`; filter seed u64; segment length, segment length
/// mask, segment count length, number of fingerprints, number of fences: u32 each; fingerprints u16 each; fences 16 bytes each;
/// CRC-32C u32 of all before.
pub(super) struct TraceIndex {
    filter: BinaryFuse16,
    fences: Vec<[u8; 16]>,
}

impl TraceIndex {
    /// The index of rows that are ordered by trace id.
    pub(super) fn new(sorted: impl Iterator<Item = [u8; 16]>) -> Result<Self, String> {
        let (mut keys, mut fences) = (Vec::new(), Vec::new());
        let mut last = None;
        for (row, id) in sorted.enumerate() {
            if row % FENCE_ROWS == 0 {
                fences.push(id);
            }
            if last != Some(id) {
                keys.push(filter_key(id));
                last = Some(id);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let filter = BinaryFuse16::try_from(&keys).map_err(|error| format!("trace filter: {error}"))?;
        Ok(Self { filter, fences })
    }

    /// The rows, of `rows` in all, among which those of a trace lie; `None` when it is not here.
    pub(super) fn candidate_rows(&self, trace_id: TraceId, rows: usize) -> Option<Range<usize>> {
        let id = trace_id.to_bytes();
        if rows == 0 || !self.filter.contains(&filter_key(id)) {
            return None;
        }
        // The trace may begin within the block before the first fence that is not below it.
        let first = self.fences.partition_point(|fence| *fence < id).saturating_sub(1);
        let end = self.fences.partition_point(|fence| *fence <= id);
        Some(first * FENCE_ROWS..(end * FENCE_ROWS).min(rows))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let descriptor = &self.filter.descriptor;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(descriptor.seed.to_le_bytes());
        for number in [
            descriptor.segment_length,
            descriptor.segment_length_mask,
            descriptor.segment_count_length,
            self.filter.fingerprints.len() as u32,
            self.fences.len() as u32,
        ] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.filter.fingerprints.iter().flat_map(|print| print.to_le_bytes()));
        bytes.extend(self.fences.iter().flatten());
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let (content, crc) = bytes.split_last_chunk().ok_or("traces.idx is cut")?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(content) {
            return Err("the checksum of traces.idx does not match");
        }
        let mut rest = content;
        if take(&mut rest)? != *MAGIC {
            return Err("traces.idx is of another format");
        }
        let seed = u64::from_le_bytes(take(&mut rest)?);
        let mut number = || take(&mut rest).map(u32::from_le_bytes);
        let (segment_length, segment_length_mask, segment_count_length) = (number()?, number()?, number()?);
        let (prints, fences) = (number()? as usize, number()? as usize);
        if rest.len() != prints * 2 + fences * 16 {
            return Err("traces.idx is cut");
        }
        if u64::from(segment_count_length) + 2 * u64::from(segment_length) > prints as u64 {
            return Err("the trace filter of traces.idx is too short");
        }
        let (prints, fences) = rest.split_at(prints * 2);
        let descriptor = Descriptor { seed, segment_length, segment_length_mask, segment_count_length };
        let fingerprints = prints.as_chunks().0.iter().map(|print| u16::from_le_bytes(*print)).collect();
        Ok(Self { filter: BinaryFuse16 { descriptor, fingerprints }, fences: fences.as_chunks().0.to_vec() })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (head, rest) = bytes.split_first_chunk().ok_or("traces.idx is cut")?;
    *bytes = rest;
    Ok(*head)
}

/// 64 bits of a trace id. Both halves take part: senders exist that fill only one of them at random.
fn filter_key(id: [u8; 16]) -> u64 {
    let id = u128::from_be_bytes(id);
    (id >> 64) as u64 ^ (id as u64).rotate_left(32)
}
