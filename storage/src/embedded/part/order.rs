//! The order of rows in a part.

use std::ops::Range;

use super::super::columns::Columns;

/// The rows to write: by trace id, then start, then span id; equal spans once, as first received.
///
/// A trace lies together, and a span mostly behind its parent.
pub(in super::super) fn order(columns: &Columns) -> Vec<u32> {
    let mut runs = sorted(&runs(&columns.trace_id));
    let trace = |run: &Run| columns.trace_id[run.start as usize];
    let mut order = Vec::with_capacity(columns.len());
    let mut spans = Vec::new();
    for alike in runs.chunk_by_mut(|a, b| a.prefix == b.prefix) {
        if !alike.is_sorted_by_key(trace) {
            alike.sort_by_key(trace);
        }
        for of_trace in alike.chunk_by(|a, b| trace(a) == trace(b)) {
            spans.clear();
            for row in of_trace.iter().flat_map(Run::rows) {
                let span_id = u64::from_be_bytes(columns.span_id[row as usize]);
                spans.push((columns.start_unix_ns[row as usize], span_id, row));
            }
            if !spans.is_sorted() {
                spans.sort_unstable();
            }
            spans.dedup_by_key(|&mut (start, span_id, _)| (start, span_id));
            order.extend(spans.iter().map(|&(.., row)| row));
        }
    }
    order
}

/// Rows of one trace that follow one another, as a sender's spans of a trace often do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Run {
    // Eight bytes of the trace id, which are mostly random, and tell almost all traces apart.
    prefix: u64,
    start: u32,
    end: u32,
}

impl Run {
    fn rows(&self) -> Range<u32> {
        self.start..self.end
    }
}

fn runs(trace_ids: &[[u8; 16]]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut start = 0;
    for of_trace in trace_ids.chunk_by(|a, b| a == b) {
        let end = start + of_trace.len() as u32;
        let prefix = u64::from_be_bytes(*of_trace[0].first_chunk().unwrap_or(&[0; 8]));
        runs.push(Run { prefix, start, end });
        start = end;
    }
    runs
}

/// How many leading bits of a prefix are told apart by counting: buckets of a few runs each, for a segment of usual size.
const BUCKET_BITS: u32 = 13;

/// Sorts by prefix, then start. Prefixes are mostly random, so counting runs by their leading bits leaves little to sort.
fn sorted(runs: &[Run]) -> Vec<Run> {
    let bucket = |run: &Run| (run.prefix >> (u64::BITS - BUCKET_BITS)) as usize;
    let mut ends = vec![0u32; (1 << BUCKET_BITS) + 1];
    runs.iter().for_each(|run| ends[bucket(run) + 1] += 1);
    for number in 1..ends.len() {
        ends[number] += ends[number - 1];
    }
    let mut sorted = vec![Run::default(); runs.len()];
    for run in runs {
        let end = &mut ends[bucket(run)];
        sorted[*end as usize] = *run;
        *end += 1;
    }
    for of_bucket in sorted.chunk_by_mut(|a, b| bucket(a) == bucket(b)) {
        of_bucket.sort_unstable();
    }
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Trace ids that are random, equal, or begin alike, and spans that are there twice.
        #[test]
        fn rows_are_ordered_by_trace_start_and_id_and_each_is_there_once(
            spans in prop::collection::vec((any::<u64>(), 0..64u32, 0..3u8, 0..3u64, 0..4u8), 0..300),
            times in 1..4usize,
        ) {
            let mut columns = Columns::default();
            for (prefix, shift, rest, start, span) in spans {
                let mut trace_id = [rest; 16];
                trace_id[..8].copy_from_slice(&(prefix >> shift).to_be_bytes());
                for _ in 0..times {
                    columns.trace_id.push(trace_id);
                    columns.start_unix_ns.push(start);
                    columns.span_id.push([span; 8]);
                }
            }
            let key = |row: u32| {
                let row = row as usize;
                (columns.trace_id[row], columns.start_unix_ns[row], columns.span_id[row])
            };
            let mut expected: Vec<u32> = (0..columns.len() as u32).collect();
            // Stable: of equal spans the first stays.
            expected.sort_by_key(|&row| key(row));
            expected.dedup_by_key(|row| key(*row));
            prop_assert_eq!(order(&columns), expected);
        }
    }
}
