//! The order of rows in a part.

use super::super::columns::Columns;

/// The rows to write: by trace id, then start, then span id; equal spans once, as first received.
///
/// A trace lies together, and a span mostly behind its parent.
pub(in super::super) fn order(columns: &Columns) -> Vec<u32> {
    let rows = columns.len();
    // Trace ids are mostly random: eight bytes of them tell almost all traces apart.
    let prefix = |row: usize| u64::from_be_bytes(*columns.trace_id[row].first_chunk().unwrap_or(&[0; 8]));
    let mut keys: Vec<(u64, u32)> = (0..rows).map(|row| (prefix(row), row as u32)).collect();
    keys.sort_unstable();
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
