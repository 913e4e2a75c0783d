//! Columns that not every row has, brought into the order of a part.

use std::ops::Range;

use super::encoding::{hybrid, put_varint};

/// Which rows, in the new order, have a value, and which value that is. Reused from column to column.
pub(super) struct Placement {
    // New place of each old row; that of rows which are not written is behind all others.
    rank: Vec<u32>,
    // Of each new row, 1 where it has a value, and the number of that. One more than there are rows.
    has_value: Vec<u8>,
    number: Vec<u32>,
    // A bit for each new row.
    present: Vec<u8>,
}

impl Placement {
    /// For rows that come in this order, of `old_rows` in all.
    pub(super) fn new(order: &[u32], old_rows: usize) -> Self {
        let rows = order.len();
        let mut rank = vec![rows as u32; old_rows];
        for (new, &old) in order.iter().enumerate() {
            rank[old as usize] = new as u32;
        }
        Self { rank, ..Self::of_none(rows) }
    }

    /// For so many rows of which none has a value.
    pub(super) fn of_none(rows: usize) -> Self {
        Self {
            rank: Vec::new(),
            has_value: vec![0; rows.next_multiple_of(8) + 8],
            number: vec![0; rows + 1],
            present: vec![0; rows.div_ceil(8)],
        }
    }

    /// Places a column whose values belong to these old rows.
    pub(super) fn place(&mut self, old_rows: &[u32]) -> Placed<'_> {
        self.place_each(old_rows, 0..)
    }

    /// Places a column of such numbers: they come out in the place of the numbers of values, and need not be looked up all over the column.
    pub(super) fn place_numbers(&mut self, old_rows: &[u32], numbers: &[u32]) -> Placed<'_> {
        self.place_each(old_rows, numbers.iter().copied())
    }

    fn place_each(&mut self, old_rows: &[u32], numbers: impl Iterator<Item = u32>) -> Placed<'_> {
        let Self { rank, has_value, number, present } = self;
        let rows = number.len() - 1;
        has_value.fill(0);
        for (&old, of_value) in old_rows.iter().zip(numbers) {
            let new = rank[old as usize] as usize;
            has_value[new] = 1;
            number[new] = of_value;
        }
        has_value[rows] = 0;
        for (bits, eight) in present.iter_mut().zip(has_value.as_chunks().0) {
            *bits = packed(*eight);
        }
        Placed { has_value: &has_value[..rows], number: &number[..rows], present }
    }
}

/// Eight bytes of 0 or 1 as bits, the first of them lowest.
fn packed(eight: [u8; 8]) -> u8 {
    // Each byte is moved to its bit of the highest byte, and no two of these products meet.
    (u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}

/// A placed column.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    has_value: &'a [u8],
    number: &'a [u32],
    present: &'a [u8],
}

impl Placed<'_> {
    /// The numbers of the values of some rows, in the rows' order, instead of what is in `out`. The first row is a multiple of 8.
    pub(super) fn numbers(self, rows: Range<usize>, out: &mut Vec<u32>) {
        /// Where fewer rows have a value, these are looked for by bits; where more have, nothing is guessed.
        const MIN_SHARE: usize = 16;
        out.clear();
        let bits = &self.present[rows.start / 8..rows.end.div_ceil(8)];
        let present = count(bits);
        if present * MIN_SHARE < rows.len() {
            for (&byte, first) in bits.iter().zip((rows.start..).step_by(8)).filter(|(byte, _)| **byte != 0) {
                let places = (0..8).filter(|place| byte & 1 << place != 0);
                out.extend(places.map(|place| self.number[first + place]));
            }
            return;
        }
        // The last of them may be written behind the end before it is known to be none.
        out.resize(present + 1, 0);
        let mut found = 0;
        for (&has_value, &number) in self.has_value[rows.clone()].iter().zip(&self.number[rows]) {
            out[found] = number;
            found += usize::from(has_value);
        }
        out.truncate(present);
    }

    /// Appends the definition levels of a page of v1, and returns how many of its rows have a value.
    pub(super) fn put_levels(&self, rows: Range<usize>, out: &mut Vec<u8>) -> usize {
        let bitmap = &self.present[rows.start / 8..rows.end.div_ceil(8)];
        let present = count(bitmap);
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

fn count(bits: &[u8]) -> usize {
    let (words, rest) = bits.as_chunks();
    let of_words: u32 = words.iter().map(|word| u64::from_le_bytes(*word).count_ones()).sum();
    (of_words + rest.iter().map(|byte| byte.count_ones()).sum::<u32>()) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_come_in_the_order_of_their_rows(
            has_value in prop::collection::vec(prop::bool::weighted(0.3), 1..200),
            seed: u64,
            dropped in 0..5usize,
            from in 0..10usize,
        ) {
            // Some order, in which the first rows are left out.
            let rows = has_value.len();
            let mut order: Vec<u32> = (dropped.min(rows) as u32..rows as u32).collect();
            order.sort_by_key(|row| seed.wrapping_mul(u64::from(*row) | 1).rotate_left(17));
            let old_rows: Vec<u32> = (0..rows as u32).filter(|row| has_value[*row as usize]).collect();
            let mut placement = Placement::new(&order, rows);
            // What was placed before leaves no trace.
            placement.place(&order);
            let placed = placement.place(&old_rows);
            let page = (from * 8).min(order.len())..order.len();
            let page = page.start / 8 * 8..page.end;
            let expected: Vec<u32> = order[page.clone()]
                .iter()
                .filter_map(|row| old_rows.binary_search(row).ok().map(|place| place as u32))
                .collect();
            let mut found = vec![7];
            placed.numbers(page.clone(), &mut found);
            prop_assert_eq!(&found, &expected);
            let mut levels = Vec::new();
            prop_assert_eq!(placed.put_levels(page, &mut levels), expected.len());
        }
    }
}
