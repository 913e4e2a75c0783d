//! Columns that not every row has, brought into the order of a part.

use super::encoding::{hybrid, put_varint};

/// Which rows, in the new order, have a value, and which value that is. Reused from column to column.
pub(super) struct Placement {
    // New place of each old row; rows that are not written have none.
    rank: Vec<u32>,
    present: Vec<u8>,
    source: Vec<u32>,
}

const ABSENT: u32 = u32::MAX;

impl Placement {
    /// For rows that come in this order, of `old_rows` in all.
    pub(super) fn new(order: &[u32], old_rows: usize) -> Self {
        let mut rank = vec![ABSENT; old_rows];
        for (new, &old) in order.iter().enumerate() {
            rank[old as usize] = new as u32;
        }
        let rows = order.len();
        Self { rank, present: vec![0; rows.div_ceil(8)], source: vec![0; rows] }
    }

    /// For so many rows of which none has a value.
    pub(super) fn of_none(rows: usize) -> Self {
        Self { rank: Vec::new(), present: vec![0; rows.div_ceil(8)], source: Vec::new() }
    }

    /// Places a column whose values belong to these old rows.
    pub(super) fn place(&mut self, old_rows: &[u32]) -> Placed<'_> {
        self.place_each(old_rows, 0..)
    }

    /// Places a column of such numbers: they come out in the place of the numbers of values, and need not be looked up all over the column.
    pub(super) fn place_numbers(&mut self, old_rows: &[u32], numbers: &[u32]) -> Placed<'_> {
        self.place_each(old_rows, numbers.iter().copied())
    }

    fn place_each(&mut self, old_rows: &[u32], sources: impl Iterator<Item = u32>) -> Placed<'_> {
        self.present.fill(0);
        for (&old, source) in old_rows.iter().zip(sources) {
            let new = self.rank[old as usize];
            if new != ABSENT {
                self.present[new as usize / 8] |= 1 << (new % 8);
                self.source[new as usize] = source;
            }
        }
        Placed { present: &self.present, source: &self.source }
    }
}

/// A placed column.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    present: &'a [u8],
    source: &'a [u32],
}

impl<'a> Placed<'a> {
    /// The numbers of the values of some rows, in the rows' order. The first row is a multiple of 8.
    pub(super) fn values(self, rows: std::ops::Range<usize>) -> Values<'a> {
        let bytes = rows.start / 8..rows.end.div_ceil(8);
        let bits = if bytes.is_empty() { 0 } else { self.present[bytes.start] };
        Values { placed: self, bytes, bits }
    }

    /// Appends the definition levels of a page of v1, and returns how many of its rows have a value.
    pub(super) fn put_levels(&self, rows: std::ops::Range<usize>, out: &mut Vec<u8>) -> usize {
        let bitmap = &self.present[rows.start / 8..rows.end.div_ceil(8)];
        let present = bitmap.iter().map(|byte| byte.count_ones() as usize).sum();
        let length_at = out.len();
        out.extend([0; 4]);
        if present == 0 || present == rows.len() {
            hybrid::encode_repeated(out, u32::from(present > 0), rows.len(), 1);
        } else {
            put_varint(out, (bitmap.len() as u64) << 1 | 1);
            out.extend_from_slice(bitmap);
        }
        let length = (out.len() - length_at - 4) as u32;
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        present
    }
}

/// An iterator over the numbers of the values of some rows.
#[derive(Clone)]
pub(super) struct Values<'a> {
    placed: Placed<'a>,
    // The byte of the bitmap that `bits` is what is left of, and those behind it.
    bytes: std::ops::Range<usize>,
    bits: u8,
}

impl Iterator for Values<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.bytes.start += 1;
            if self.bytes.start >= self.bytes.end {
                return None;
            }
            self.bits = self.placed.present[self.bytes.start];
        }
        let row = self.bytes.start * 8 + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(self.placed.source[row] as usize)
    }
}
