//! Lists of ascending numbers, as the gaps between them in a Rice code: not an encoding of Parquet, but of `part.idx`.
//!
//! A gap of list members that are spread at random is geometrically distributed, for which Golomb codes are optimal (Golomb, "Run-length
//! encodings", 1966); Rice codes are those whose parameter is a power of two (Rice and Plaunt, 1971). A list is: how many gaps
//! (LEB128), the parameter `k` (one byte), then of each gap, bit by bit from the lowest of each byte on, `gap >> k` ones and a zero, and the
//! lowest `k` bits. In place of more than 31 ones stand 32 of them and the gap in 32 bits.

use super::{Cut, bits, put_varint, take_varint};

const MAX_ONES: u32 = 32;

/// A list of these gaps.
pub(in super::super) fn encode(gaps: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, gaps.len() as u64);
    let sum: u64 = gaps.iter().copied().map(u64::from).sum();
    // The best parameter is about the logarithm of the mean times ln 2.
    let mean = sum * 7 / 10 / (gaps.len() as u64).max(1);
    let k = if mean < 2 { 0 } else { mean.ilog2() };
    out.push(k as u8);
    let mut writer = BitWriter { out, word: 0, used: 0 };
    for &gap in gaps {
        let ones = gap >> k;
        if ones < MAX_ONES {
            writer.put((1 << ones) - 1, ones + 1);
            writer.put(u64::from(gap) & ((1 << k) - 1), k);
        } else {
            writer.put((1 << MAX_ONES) - 1, MAX_ONES);
            writer.put(gap.into(), 32);
        }
    }
    writer.finish()
}

/// The numbers of a list.
pub(in super::super) fn decode(mut bytes: &[u8]) -> Result<Vec<u32>, Cut> {
    let count = take_varint(&mut bytes)?;
    let (&k, bytes) = bytes.split_first().ok_or(Cut)?;
    // A gap takes a bit at least.
    if k > 32 || count > bytes.len() as u64 * 8 {
        return Err(Cut);
    }
    let k = u32::from(k);
    let (mut numbers, mut next, mut at) = (Vec::with_capacity(count as usize), 0u32, 0);
    for _ in 0..count {
        let ones = bits(bytes, at, MAX_ONES).trailing_ones();
        let (gap, width) = if ones < MAX_ONES {
            at += ones as usize + 1;
            (u64::from(ones) << k | bits(bytes, at, k), k)
        } else {
            at += MAX_ONES as usize;
            (bits(bytes, at, 32), 32)
        };
        at += width as usize;
        let number = u32::try_from(gap).ok().and_then(|gap| next.checked_add(gap)).ok_or(Cut)?;
        numbers.push(number);
        next = number.checked_add(1).ok_or(Cut)?;
    }
    if at > bytes.len() * 8 { Err(Cut) } else { Ok(numbers) }
}

struct BitWriter {
    out: Vec<u8>,
    word: u128,
    used: u32,
}

impl BitWriter {
    fn put(&mut self, bits: u64, width: u32) {
        self.word |= u128::from(bits) << self.used;
        self.used += width;
        while self.used >= 8 {
            self.out.push(self.word as u8);
            self.word >>= 8;
            self.used -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.used > 0 {
            self.out.push(self.word as u8);
        }
        self.out
    }
}
