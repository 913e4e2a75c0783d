//! Which rows of a segment in memory belong to which trace.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use laneway_proto::TraceId;

use super::columns::Columns;

/// An index of a segment's rows by trace. Ingest does not pay for it: a query brings it up to date with the rows that came since
/// the last one.
#[derive(Default)]
pub(super) struct TraceRows {
    // Ordinals by the hash of the trace id.
    table: HashTable<u32>,
    hasher: RandomState,
    // By ordinal: the latest row of the trace.
    latest: Vec<u32>,
    // By row: the ordinal of its trace, and the row of the same trace before it.
    ordinals: Vec<u32>,
    previous: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl TraceRows {
    /// Takes in the first `rows` rows, which will not be taken back.
    pub(super) fn extend(&mut self, columns: &Columns, rows: usize) {
        let Self { table, hasher, latest, ordinals, previous } = self;
        for row in ordinals.len()..rows {
            let id = columns.trace_id[row];
            let hash_of = |ordinal: u32, latest: &[u32]| {
                hasher.hash_one(columns.trace_id[latest[ordinal as usize] as usize])
            };
            let is_same = |&ordinal: &u32| columns.trace_id[latest[ordinal as usize] as usize] == id;
            let hash = hasher.hash_one(id);
            let ordinal = match table.find(hash, is_same) {
                Some(&ordinal) => ordinal,
                None => {
                    let ordinal = latest.len() as u32;
                    latest.push(row as u32);
                    table.insert_unique(hash, ordinal, |&ordinal| hash_of(ordinal, latest));
                    ordinals.push(ordinal);
                    previous.push(NONE);
                    continue;
                }
            };
            ordinals.push(ordinal);
            previous.push(std::mem::replace(&mut latest[ordinal as usize], row as u32));
        }
    }

    /// How many traces.
    pub(super) fn len(&self) -> usize {
        self.latest.len()
    }

    /// The ordinal of the trace of a row.
    pub(super) fn ordinal(&self, row: usize) -> usize {
        self.ordinals[row] as usize
    }

    /// The rows of a trace, latest first. `columns` are those that were taken in.
    pub(super) fn rows(&self, columns: &Columns, trace_id: TraceId) -> impl Iterator<Item = usize> {
        let id = trace_id.to_bytes();
        let is_same = |&ordinal: &u32| columns.trace_id[self.latest[ordinal as usize] as usize] == id;
        let ordinal = self.table.find(self.hasher.hash_one(id), is_same);
        let latest = ordinal.map(|&ordinal| self.latest[ordinal as usize]);
        std::iter::successors(latest, |&row| {
            Some(self.previous[row as usize]).filter(|&previous| previous != NONE)
        })
        .map(|row| row as usize)
    }
}
