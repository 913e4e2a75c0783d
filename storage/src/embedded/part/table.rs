//! One entry for each trace of a row group: where its rows are, and what a search asks first.

use std::ops::Range;

use super::super::columns::Columns;
use super::encoding::Cut;
use crate::model::StatusCode;
use crate::query::TimeRange;

/// What a search must know of a trace before it reads any of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceEntry {
    first_row: u32,
    // From the row group's first start, in whole milliseconds.
    max_start_ms: u32,
    // See `at_most`.
    extent_ms: u16,
    max_duration_ns: u16,
    has_error: bool,
}

/// The entries of a row group, in the order of trace ids: the place of an entry is the *ordinal* of its trace, which is also the
/// place of its id in the dictionary of the column `TraceId`.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct TraceTable {
    entries: Vec<TraceEntry>,
    rows: usize,
    min_start_unix_ns: u64,
}

/// Bits behind the leading one that [`at_most`] keeps.
const MANTISSA_BITS: u32 = 9;

/// A number in two bytes: not less than the number, and at most one in 512 more.
fn at_most(number: u64) -> u16 {
    if number < 1 << MANTISSA_BITS {
        return number as u16;
    }
    let shift = number.ilog2() - MANTISSA_BITS;
    // Rounded up; what overflows the mantissa is the first number of the next power of two.
    let mantissa = (u128::from(number) + (1 << shift) - 1) >> shift;
    ((shift << MANTISSA_BITS) + mantissa as u32) as u16
}

/// The largest number that [`at_most`] gives this for.
fn bound(rounded: u16) -> u64 {
    let rounded = u32::from(rounded);
    if rounded < 2 << MANTISSA_BITS {
        return rounded.into();
    }
    let shift = (rounded >> MANTISSA_BITS) - 1;
    let mantissa = u128::from(rounded - (shift << MANTISSA_BITS));
    u64::try_from(mantissa << shift).unwrap_or(u64::MAX)
}

const ENTRY_BYTES: usize = 13;
const NS_PER_MS: u64 = 1_000_000;

impl TraceTable {
    /// The table of rows in their order; `traces` has the end of each trace.
    pub(super) fn new(columns: &Columns, order: &[u32], traces: &[usize]) -> Self {
        let start = |row: usize| columns.start_unix_ns[row];
        let min_start_unix_ns = order.iter().map(|&row| start(row as usize)).min().unwrap_or_default();
        let mut first_row = 0;
        let entries = traces.iter().map(|&end| {
            let rows = order[first_row..end].iter().map(|&row| row as usize);
            // Rows of a trace are ordered by start.
            let (min_start, max_start) = (start(order[first_row] as usize), start(order[end - 1] as usize));
            let max_start_ms = (max_start - min_start_unix_ns) / NS_PER_MS;
            let entry = TraceEntry {
                first_row: first_row as u32,
                max_start_ms: u32::try_from(max_start_ms).unwrap_or(u32::MAX),
                extent_ms: at_most((max_start - min_start).div_ceil(NS_PER_MS)),
                max_duration_ns: at_most(
                    rows.clone().map(|row| columns.clamped_duration_ns(row)).max().unwrap_or_default(),
                ),
                has_error: rows.clone().any(|row| columns.status[row] == StatusCode::Error.to_otlp()),
            };
            first_row = end;
            entry
        });
        Self { entries: entries.collect(), rows: order.len(), min_start_unix_ns }
    }

    /// How many traces.
    pub(in super::super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The rows of a trace.
    pub(in super::super) fn rows(&self, ordinal: usize) -> Range<usize> {
        let end = self.entries.get(ordinal + 1).map_or(self.rows, |next| next.first_row as usize);
        self.entries[ordinal].first_row as usize..end
    }

    /// The traces that have some of these rows.
    pub(in super::super) fn traces_of(&self, rows: Range<usize>) -> Range<usize> {
        let first =
            self.entries.partition_point(|entry| entry.first_row as usize <= rows.start).saturating_sub(1);
        first..self.entries.partition_point(|entry| (entry.first_row as usize) < rows.end).max(first)
    }

    /// Bounds of the starts of a trace's spans; not narrower than they are.
    pub(in super::super) fn starts(&self, ordinal: usize) -> TimeRange {
        let entry = self.entries[ordinal];
        let max_ms = u64::from(entry.max_start_ms);
        let unix_ns = |ms: u64| self.min_start_unix_ns.saturating_add(ms.saturating_mul(NS_PER_MS));
        // The last millisecond that can be told stands for all later ones.
        let end_unix_ns = if entry.max_start_ms == u32::MAX { u64::MAX } else { unix_ns(max_ms + 1) };
        TimeRange { start_unix_ns: unix_ns(max_ms.saturating_sub(bound(entry.extent_ms))), end_unix_ns }
    }

    /// Whether a span of the trace may take at least this long.
    pub(in super::super) fn may_last(&self, ordinal: usize, duration_ns: u64) -> bool {
        bound(self.entries[ordinal].max_duration_ns) >= duration_ns
    }

    /// Whether a span of the trace reports an error.
    pub(in super::super) fn has_error(&self, ordinal: usize) -> bool {
        self.entries[ordinal].has_error
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + self.entries.len() * ENTRY_BYTES);
        out.extend(self.min_start_unix_ns.to_le_bytes());
        out.extend((0..self.len()).flat_map(|ordinal| (self.rows(ordinal).len() as u32).to_le_bytes()));
        out.extend(self.entries.iter().flat_map(|entry| entry.max_start_ms.to_le_bytes()));
        out.extend(self.entries.iter().flat_map(|entry| entry.extent_ms.to_le_bytes()));
        out.extend(self.entries.iter().flat_map(|entry| entry.max_duration_ns.to_le_bytes()));
        out.extend(self.entries.iter().map(|entry| u8::from(entry.has_error)));
        out
    }

    /// Reads the table of a row group with so many rows. It `has_counts` of the rows of each trace; before format 5 it has the first row of each.
    pub(super) fn from_bytes(bytes: &[u8], rows: usize, has_counts: bool) -> Result<Self, Cut> {
        let (min_start, bytes) = bytes.split_first_chunk().ok_or(Cut)?;
        let traces = bytes.len() / ENTRY_BYTES;
        if bytes.len() != traces * ENTRY_BYTES {
            return Err(Cut);
        }
        let (of_rows, bytes) = bytes.split_at(traces * 4);
        let (max_starts, bytes) = bytes.split_at(traces * 4);
        let (extents, bytes) = bytes.split_at(traces * 2);
        let (durations, errors) = bytes.split_at(traces * 2);
        let number = |bytes: &[u8], i: usize| u32::from_le_bytes(bytes.as_chunks().0[i]);
        let rounded = |bytes: &[u8], i: usize| u16::from_le_bytes(bytes.as_chunks().0[i]);
        let mut next_row = 0u32;
        let mut first_row = |number: u32| match has_counts {
            true => {
                let first_row = next_row;
                next_row = next_row.saturating_add(number);
                first_row
            }
            false => number,
        };
        let entries: Vec<_> = (0..traces)
            .map(|i| TraceEntry {
                first_row: first_row(number(of_rows, i)),
                max_start_ms: number(max_starts, i),
                extent_ms: rounded(extents, i),
                max_duration_ns: rounded(durations, i),
                has_error: errors[i] != 0,
            })
            .collect();
        let is_ordered = entries.is_sorted_by(|a, b| a.first_row < b.first_row);
        if has_counts && next_row as usize != rows {
            return Err(Cut);
        }
        if !is_ordered || entries.last().is_some_and(|last| last.first_row as usize >= rows) {
            return Err(Cut);
        }
        Ok(Self { entries, rows, min_start_unix_ns: u64::from_le_bytes(*min_start) })
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<TraceEntry>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{at_most, bound};

    proptest! {
        #[test]
        fn a_rounded_number_bounds_it(number: u64, shift in 0..64u32) {
            let number = number >> shift;
            let bound = bound(at_most(number));
            prop_assert!(bound >= number && u128::from(bound) <= u128::from(number) + u128::from(number / 512) + 1);
        }
    }
}
