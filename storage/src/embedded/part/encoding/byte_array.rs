//! Byte arrays: PLAIN for dictionaries, DELTA_LENGTH_BYTE_ARRAY for pages.

use std::ops::Range;

use super::delta::{self, Delta};
use super::{Cut, take_u32};
use crate::embedded::columns::Strings;

/// Appends values, each behind its length of four bytes.
pub(in super::super) fn encode_plain<'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a [u8]>) {
    for value in values {
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        out.extend_from_slice(value);
    }
}

/// Reads `count` PLAIN values.
pub(in super::super) fn decode_plain(mut bytes: &[u8], count: usize) -> Result<Strings, Cut> {
    // Each has a length: a count that is made up does not reserve memory.
    if count.checked_mul(4).is_none_or(|least| least > bytes.len()) {
        return Err(Cut);
    }
    let mut values = Strings::with_capacity(count, bytes.len() - 4 * count);
    for _ in 0..count {
        let len = take_u32(&mut bytes)? as usize;
        let (value, rest) = bytes.split_at_checked(len).ok_or(Cut)?;
        bytes = rest;
        values.push(value);
    }
    Ok(values)
}

/// Appends values: all lengths, then all bytes.
pub(in super::super) fn encode<'a>(out: &mut Vec<u8>, values: impl Iterator<Item = &'a [u8]> + Clone) {
    let lengths: Vec<i64> = values.clone().map(|value| value.len() as i64).collect();
    delta::encode(out, &lengths);
    out.reserve(lengths.iter().sum::<i64>() as usize);
    values.for_each(|value| out.extend_from_slice(value));
}

/// Appends the values at some places of a page to `out`.
pub(in super::super) fn decode(bytes: &[u8], places: Range<usize>, out: &mut Strings) -> Result<(), Cut> {
    let lengths = Delta::new(bytes)?;
    if places.end > lengths.len() {
        return Err(Cut);
    }
    let (mut place, mut skipped) = (0, 0u64);
    let mut wanted = Vec::with_capacity(places.len());
    let mut is_good = true;
    let values = lengths.read_all(|len| {
        match u64::try_from(len) {
            Ok(len) if place < places.start => skipped = skipped.saturating_add(len),
            Ok(len) if place < places.end => wanted.push(len),
            Ok(_) => {}
            Err(_) => is_good = false,
        }
        place += 1;
    })?;
    let mut rest = usize::try_from(skipped).ok().and_then(|skipped| values.get(skipped..)).ok_or(Cut)?;
    for len in wanted {
        let (value, behind) =
            usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len)).ok_or(Cut)?;
        rest = behind;
        out.push(value);
    }
    if is_good { Ok(()) } else { Err(Cut) }
}
