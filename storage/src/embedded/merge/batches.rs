//! The rows of several parts, in the order of a part, a bounded number at a time.

use std::ops::Range;

use super::super::columns::Columns;
use super::super::part::{AttributeMeta, Cache, Projection, SharedPart, order};
use super::append::append;
use super::schema::Schema;
use crate::QueryError;

/// A chunk of a part begins at a multiple of this many rows, which is where a page begins: no page is decoded twice.
const CHUNK_ALIGN: usize = 2048;

/// What parts are ordered by: trace id, start, span id.
type Key = ([u8; 16], u64, [u8; 8]);

/// Some rows, and the order in which they are written: ascending keys, each once, the first of equal spans.
#[derive(Default)]
pub(in super::super) struct Batch {
    pub(in super::super) columns: Columns,
    pub(in super::super) order: Vec<u32>,
}

/// Merges parts without holding more than a batch of them in memory: a chunk of each run of row groups is read, and what lies below the least
/// of the chunks' ends is complete.
pub(in super::super) struct Batches {
    inputs: Vec<Input>,
    schema: Schema,
    batch_rows: usize,
    // The last one: the next comes in its memory.
    batch: Batch,
}

/// How far a run of row groups has been read, in which trace ids ascend.
struct Input {
    part: SharedPart,
    /// The row groups that are not read to their end, by their numbers.
    groups: Range<usize>,
    /// Of its attribute columns, where they are in the schema.
    places: Vec<Option<usize>>,
    /// Of the first of them. The cache of the store is for what queries come back to.
    cache: Cache,
    chunk_rows: usize,
    chunk: Columns,
    /// The first row of the chunk that was not taken.
    taken: usize,
    /// The first row of that row group behind the chunk.
    next_row: usize,
}

impl Batches {
    /// The rows of these parts, the oldest first: of equal spans, that of the first part is kept.
    ///
    /// A batch has about `batch_rows` to `2 * batch_rows` rows, and ends between two traces unless one of them is larger than that.
    pub(in super::super) fn new(parts: &[SharedPart], batch_rows: usize) -> Self {
        Self::of(
            parts.iter().flat_map(|part| part.runs().into_iter().map(move |run| (part, run))),
            batch_rows,
        )
    }

    /// The rows of one run of row groups of a part; see [`Part::runs`](super::super::part::Part::runs).
    pub(in super::super) fn of_run(part: &SharedPart, run: Range<usize>, batch_rows: usize) -> Self {
        Self::of([(part, run)], batch_rows)
    }

    fn of<'p>(runs: impl IntoIterator<Item = (&'p SharedPart, Range<usize>)>, batch_rows: usize) -> Self {
        let runs: Vec<_> = runs.into_iter().collect();
        let schema = Schema::unite(runs.iter().map(|(part, run)| {
            (run.clone().map(|number| part.row_group(number).rows()).sum(), part.attributes())
        }));
        let chunk_rows = batch_rows.div_ceil(runs.len().max(1)).next_multiple_of(CHUNK_ALIGN);
        let inputs = runs.into_iter().map(|(part, groups)| Input {
            part: SharedPart::clone(part),
            groups,
            places: schema.places_of(part.attributes()),
            cache: Cache::of_one_reader(),
            chunk_rows,
            chunk: Columns::default(),
            taken: 0,
            next_row: 0,
        });
        let inputs = inputs.collect();
        let batch = Batch { columns: schema.columns(), order: Vec::new() };
        Self { inputs, schema, batch_rows, batch }
    }

    /// The attribute columns of every batch.
    pub(in super::super) fn attributes(&self) -> Vec<AttributeMeta> {
        self.schema.attributes.clone()
    }

    /// The next rows; `None` when there are no more.
    pub(in super::super) fn next(&mut self) -> Result<Option<&mut Batch>, QueryError> {
        let mut columns = emptied(std::mem::take(&mut self.batch.columns));
        loop {
            let within_trace = match self.take(&mut columns)? {
                Taken::Traces => false,
                Taken::PartOfTrace => true,
                Taken::Nothing => break,
            };
            let enough = if within_trace { 2 * self.batch_rows } else { self.batch_rows };
            if columns.len() >= enough {
                break;
            }
        }
        if columns.len() == 0 {
            return Ok(None);
        }
        self.batch = Batch { order: order(&columns), columns };
        Ok(Some(&mut self.batch))
    }

    /// Takes the rows that are complete: those below the ends of all chunks behind which there are more rows.
    fn take(&mut self, columns: &mut Columns) -> Result<Taken, QueryError> {
        for input in &mut self.inputs {
            input.fill()?;
        }
        let end = self.inputs.iter().filter_map(Input::end).min();
        let Some(end) = end else {
            let taken = self.take_while(columns, |_| true)?;
            return Ok(if taken { Taken::Traces } else { Taken::Nothing });
        };
        if self.take_while(columns, |key| key.0 < end.0)? {
            return Ok(Taken::Traces);
        }
        // A trace that no chunk holds to its end: take what is known of it.
        self.take_while(columns, |key| *key <= end)?;
        Ok(Taken::PartOfTrace)
    }

    fn take_while(
        &mut self,
        columns: &mut Columns,
        is_taken: impl Fn(&Key) -> bool,
    ) -> Result<bool, QueryError> {
        let before = columns.len();
        for input in &mut self.inputs {
            let end = input.partition_point(&is_taken);
            append(columns, &input.chunk, input.taken..end, &input.places)?;
            input.taken = end;
        }
        Ok(columns.len() > before)
    }
}

enum Taken {
    Nothing,
    Traces,
    PartOfTrace,
}

impl Input {
    /// Reads the next chunk when the one before was taken as a whole.
    fn fill(&mut self) -> Result<(), QueryError> {
        if self.taken == self.chunk.len() && !self.groups.is_empty() {
            // Given up before the next one is read, so that never both are held.
            self.chunk = Columns::default();
            if self.next_row == 0 {
                self.cache = Cache::of_one_reader();
            }
            let group = self.part.row_group(self.groups.start);
            let rows = self.next_row..(self.next_row + self.chunk_rows).min(group.rows());
            self.next_row = rows.end;
            if rows.end == group.rows() {
                (self.groups.start, self.next_row) = (self.groups.start + 1, 0);
            }
            self.chunk = group.through(&self.cache).load(rows, &Projection::all())?;
            self.taken = 0;
        }
        Ok(())
    }

    /// The last key of the chunk, when there are more rows behind it.
    fn end(&self) -> Option<Key> {
        (!self.groups.is_empty()).then(|| key(&self.chunk, self.chunk.len() - 1))
    }

    /// The first row of the chunk that is not taken.
    fn partition_point(&self, is_taken: impl Fn(&Key) -> bool) -> usize {
        let (mut from, mut to) = (self.taken, self.chunk.len());
        while from < to {
            let middle = from.midpoint(to);
            if is_taken(&key(&self.chunk, middle)) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from
    }
}

fn key(columns: &Columns, row: usize) -> Key {
    (columns.trace_id[row], columns.start_unix_ns[row], columns.span_id[row])
}

/// No rows, in the memory of others. What was found to be mostly distinct is expected to be so again.
fn emptied(mut columns: Columns) -> Columns {
    let mut attributes = columns.clear();
    for column in attributes.iter_mut().filter(|column| !column.is_plain()) {
        column.clear();
    }
    Columns { attributes, ..columns }
}
