//! The order of rows in a part.

use super::super::columns::Columns;

/// The rows to write: by trace id, then start, then span id; equal spans once, as first received.
///
/// A trace lies together, and a span mostly behind its parent.
pub(in super::super) fn order(columns: &Columns) -> Vec<u32> {
    let rows = columns.len();
    // Trace ids are mostly random: eight bytes of them tell almost all traces apart.
    let prefix = |row: usize| u64::from_be_bytes(*columns.trace_id[row].first_chunk().unwrap_or(&[0; 8]));
    let mut keys = sorted((0..rows).map(|row| (prefix(row), row as u32)));
    let key = |row: u32| {
        let row = row as usize;
        (columns.trace_id[row], columns.start_unix_ns[row], columns.span_id[row], row)
    };
    for group in keys.chunk_by_mut(|a, b| a.0 == b.0) {
        group.sort_unstable_by_key(|&(_, row)| key(row));
    }
    let mut order: Vec<u32> = keys.into_iter().map(|(_, row)| row).collect();
    order.dedup_by(|a, b| {
        let ((trace_a, start_a, span_a, _), (trace_b, start_b, span_b, _)) = (key(*a), key(*b));
        (trace_a, start_a, span_a) == (trace_b, start_b, span_b)
    });
    order
}

/// How many leading bits of a prefix are told apart by counting: buckets of some rows each, for a segment of usual size.
const BUCKET_BITS: u32 = 13;

/// Sorts by prefix and row. Prefixes are mostly random, so counting rows by their leading bits leaves little to sort.
fn sorted(keys: impl Iterator<Item = (u64, u32)> + Clone) -> Vec<(u64, u32)> {
    let bucket = |prefix: u64| (prefix >> (u64::BITS - BUCKET_BITS)) as usize;
    let mut ends = vec![0u32; (1 << BUCKET_BITS) + 1];
    keys.clone().for_each(|(prefix, _)| ends[bucket(prefix) + 1] += 1);
    for number in 1..ends.len() {
        ends[number] += ends[number - 1];
    }
    let mut sorted = vec![(0, 0); ends[ends.len() - 1] as usize];
    for key in keys {
        let end = &mut ends[bucket(key.0)];
        sorted[*end as usize] = key;
        *end += 1;
    }
    for of_bucket in sorted.chunk_by_mut(|a, b| bucket(a.0) == bucket(b.0)) {
        of_bucket.sort_unstable();
    }
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Prefixes that are random, equal, or begin alike.
        #[test]
        fn counting_by_leading_bits_sorts(prefixes in prop::collection::vec((any::<u64>(), 0..64u32), 0..300)) {
            let keys: Vec<(u64, u32)> = prefixes.iter().map(|(random, shift)| random >> shift).zip(0..).collect();
            let mut expected = keys.clone();
            expected.sort_unstable();
            prop_assert_eq!(sorted(keys.into_iter()), expected);
        }
    }
}
