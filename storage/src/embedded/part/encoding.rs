//! The Parquet encodings that parts use, written from and read to Laneway's own columns.
//!
//! The `parquet` crate encodes and decodes value by value, each byte array a value of its own. Laneway has numbers of
//! dictionary entries on both sides, knows where a page begins, and mostly wants a few rows of it. What is written here is what
//! the format's [specification] says, and any Parquet reader reads it.
//!
//! Readers never trust the bytes: a page that is cut or does not add up is [`Cut`], not a panic and not an endless loop.
//!
//! [specification]: https://parquet.apache.org/docs/file-format/data-pages/encodings/

pub(super) mod byte_array;
pub(super) mod delta;
pub(super) mod gaps;
pub(super) mod hybrid;
pub(super) mod split;
#[cfg(test)]
mod tests;

/// The bytes of a page end too early, or contradict themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a page is cut or contradicts itself")]
pub(in super::super) struct Cut;

/// Appends an unsigned LEB128 number.
pub(in super::super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes an unsigned LEB128 number off the front.
pub(in super::super) fn take_varint(bytes: &mut &[u8]) -> Result<u64, Cut> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Cut)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Cut)
}

/// Maps numbers of small magnitude to small unsigned ones.
pub(in super::super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// Undoes [`zigzag`].
pub(in super::super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The number in the first four bytes, and what follows them.
pub(super) fn take_u32(bytes: &mut &[u8]) -> Result<u32, Cut> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Cut)?;
    *bytes = rest;
    Ok(u32::from_le_bytes(*number))
}

/// `width` bits from `start_bit` on, least significant first; bits behind the end are zero. `width` is at most 57.
#[inline]
fn bits(bytes: &[u8], start_bit: usize, width: u32) -> u64 {
    let first = start_bit / 8;
    let word = match bytes.get(first..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => {
            let mut chunk = [0; 8];
            let rest = bytes.get(first..).unwrap_or_default();
            chunk[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(chunk)
        }
    };
    word >> (start_bit % 8) & ((1 << width) - 1)
}
