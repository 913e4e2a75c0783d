//! Which traces a part holds.

use std::io;

use laneway_proto::TraceId;
use xorf::{BinaryFuse16, Descriptor, Filter};

use super::encoding::{Cut, take_u32};

/// A filter that tells at once that a trace is not in a part; it says "maybe" for one absent trace in 65,536.
///
/// A binary fuse filter of 16 bits (Graf and Lemire, "Binary Fuse Filters", 2022) over 64 bits of the trace id. It is the one
/// index that is always in memory: 2.3 bytes a trace. Of a part whose row
/// groups were those of other parts, each row group has one of its own too, which is read when it is asked.
#[derive(Debug)]
pub(super) struct TraceFilter(BinaryFuse16);

impl TraceFilter {
    /// The filter of these keys.
    pub(super) fn new(mut keys: Vec<u64>) -> io::Result<Self> {
        keys.sort_unstable();
        keys.dedup();
        BinaryFuse16::try_from(keys).map(Self).map_err(io::Error::other)
    }

    /// Whether the trace may be here.
    pub(super) fn may_have(&self, trace_id: TraceId) -> bool {
        self.0.contains(&filter_key(trace_id.to_bytes()))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let BinaryFuse16 { descriptor, fingerprints } = &self.0;
        let mut bytes = descriptor.seed.to_le_bytes().to_vec();
        for number in
            [descriptor.segment_length, descriptor.segment_length_mask, descriptor.segment_count_length]
        {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(fingerprints.iter().flat_map(|print| print.to_le_bytes()));
        bytes
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Result<Self, Cut> {
        let bytes = &mut bytes;
        let seed = u64::from(take_u32(bytes)?) | u64::from(take_u32(bytes)?) << 32;
        let (segment_length, segment_length_mask, segment_count_length) =
            (take_u32(bytes)?, take_u32(bytes)?, take_u32(bytes)?);
        let fingerprints: Box<[u16]> =
            bytes.as_chunks().0.iter().map(|print| u16::from_le_bytes(*print)).collect();
        // The places that the filter computes must exist.
        let places = u64::from(segment_count_length) + 2 * u64::from(segment_length);
        if places > fingerprints.len() as u64 || segment_length_mask >= segment_length.max(1) {
            return Err(Cut);
        }
        let descriptor = Descriptor { seed, segment_length, segment_length_mask, segment_count_length };
        Ok(Self(BinaryFuse16 { descriptor, fingerprints }))
    }
}

/// 64 bits of a trace id. Both halves take part: senders exist that fill only one of them at random.
pub(super) fn filter_key(id: [u8; 16]) -> u64 {
    let id = u128::from_be_bytes(id);
    (id >> 64) as u64 ^ (id as u64).rotate_left(32)
}
