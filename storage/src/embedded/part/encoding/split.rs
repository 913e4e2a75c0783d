//! BYTE_STREAM_SPLIT: the first bytes of all values, then their second bytes, and so on.
//!
//! It compresses nothing by itself, but brings together what is alike: the high bytes of durations are mostly zero. And a
//! value is found without reading those before it.

use std::ops::Range;

use super::Cut;

/// Appends values of `N` bytes.
pub(in super::super) fn encode<const N: usize>(out: &mut Vec<u8>, values: &[[u8; N]]) {
    for byte in 0..N {
        out.extend(values.iter().map(|value| value[byte]));
    }
}

/// Appends the values at some places, of the `count` that a page has, to `out`.
pub(in super::super) fn decode<const N: usize>(
    bytes: &[u8],
    count: usize,
    places: Range<usize>,
    out: &mut Vec<[u8; N]>,
) -> Result<(), Cut> {
    if bytes.len() < count.checked_mul(N).ok_or(Cut)? || places.end > count {
        return Err(Cut);
    }
    let streams: [&[u8]; N] = std::array::from_fn(|byte| &bytes[byte * count..][..count]);
    out.extend(places.map(|place| std::array::from_fn(|byte| streams[byte][place])));
    Ok(())
}
