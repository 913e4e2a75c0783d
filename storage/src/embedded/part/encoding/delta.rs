//! DELTA_BINARY_PACKED: integers as bit-packed differences.
//!
//! Blocks of 128 values in four miniblocks of 32. A block states its least difference; a miniblock packs what its
//! differences have above it.

use super::{Cut, bits, put_varint, take_varint, unzigzag, zigzag};

const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// Appends integers.
pub(in super::super) fn encode(out: &mut Vec<u8>, values: &[i64]) {
    put_varint(out, BLOCK as u64);
    put_varint(out, MINIBLOCKS as u64);
    put_varint(out, values.len() as u64);
    put_varint(out, zigzag(values.first().copied().unwrap_or_default()));
    let mut deltas = [0i64; BLOCK];
    let mut last = values.first().copied().unwrap_or_default();
    for block in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        for (delta, &value) in deltas.iter_mut().zip(block) {
            *delta = value.wrapping_sub(last);
            last = value;
        }
        let deltas = &deltas[..block.len()];
        let least = deltas.iter().copied().min().unwrap_or_default();
        put_varint(out, zigzag(least));
        let widths_at = out.len();
        out.resize(widths_at + MINIBLOCKS, 0);
        for (i, miniblock) in deltas.chunks(MINIBLOCK).enumerate() {
            let above = |delta: i64| delta.wrapping_sub(least) as u64;
            let width =
                miniblock.iter().map(|&delta| 64 - above(delta).leading_zeros()).max().unwrap_or_default();
            out[widths_at + i] = width as u8;
            pack(out, miniblock.iter().map(|&delta| above(delta)), width);
        }
    }
}

/// Packs a miniblock; a short one is filled up with zeros.
fn pack(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, width: u32) {
    let end = out.len() + MINIBLOCK * width as usize / 8;
    let (mut word, mut used) = (0u128, 0);
    for value in values {
        word |= u128::from(value) << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= 64;
            used -= 64;
        }
    }
    out.extend_from_slice(&(word as u64).to_le_bytes()[..used.div_ceil(8) as usize]);
    out.resize(end, 0);
}

/// Reads integers from the front on. What follows them is found by [`Delta::rest`].
#[derive(Debug)]
pub(in super::super) struct Delta<'a> {
    rest: &'a [u8],
    miniblocks: usize,
    miniblock: usize,
    // Values that were not given out yet.
    left: usize,
    last: i64,
    is_first: bool,
}

impl<'a> Delta<'a> {
    pub(in super::super) fn new(mut bytes: &'a [u8]) -> Result<Self, Cut> {
        let mut number =
            || take_varint(&mut bytes).and_then(|number| usize::try_from(number).map_err(|_| Cut));
        let (block, miniblocks, left) = (number()?, number()?, number()?);
        let last = unzigzag(take_varint(&mut bytes)?);
        if miniblocks == 0
            || block == 0
            || block > 1 << 16
            || block % miniblocks != 0
            || block / miniblocks % 32 != 0
        {
            return Err(Cut);
        }
        Ok(Self { rest: bytes, miniblocks, miniblock: block / miniblocks, left, last, is_first: true })
    }

    /// How many values there are, before any was read.
    pub(in super::super) fn len(&self) -> usize {
        self.left
    }

    /// Calls `visit` with all values in order, and returns the bytes behind them.
    pub(in super::super) fn read_all(mut self, mut visit: impl FnMut(i64)) -> Result<&'a [u8], Cut> {
        if self.left > 0 && std::mem::take(&mut self.is_first) {
            self.left -= 1;
            visit(self.last);
        }
        while self.left > 0 {
            let least = unzigzag(take_varint(&mut self.rest)?);
            let (widths, mut rest) = self.rest.split_at_checked(self.miniblocks).ok_or(Cut)?;
            for &width in widths {
                if self.left == 0 {
                    break;
                }
                let width = u32::from(width);
                if width > 64 {
                    return Err(Cut);
                }
                let (bytes, behind) =
                    rest.split_at_checked(self.miniblock * width as usize / 8).ok_or(Cut)?;
                rest = behind;
                let count = self.left.min(self.miniblock);
                for place in 0..count {
                    let above = unpack(bytes, place, width);
                    self.last = self.last.wrapping_add(least).wrapping_add(above as i64);
                    visit(self.last);
                }
                self.left -= count;
            }
            self.rest = rest;
        }
        Ok(self.rest)
    }
}

#[inline]
fn unpack(bytes: &[u8], place: usize, width: u32) -> u64 {
    let start = place * width as usize;
    if width <= 57 {
        return bits(bytes, start, width);
    }
    // Wider than one look: the low 32 bits, then the others.
    bits(bytes, start, 32) | bits(bytes, start + 32, width - 32) << 32
}
