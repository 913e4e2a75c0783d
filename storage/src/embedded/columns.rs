//! Spans as columns: the form of the open segment, of a segment that is being sealed, and of what is read from a part.
//!
//! A row is a span. Fields that every span has are dense vectors. Attributes are *shredded*: each (key, type) pair has a column
//! of its own that holds only the rows that have it. What does not fit a column (lists, bytes, a key that occurs twice
//! in one span, keys beyond [`MAX_ATTRIBUTE_COLUMNS`]) is kept as received in the `residual` column.
//! The *shape* of a row lists its attributes in the order received, so that a span is given back exactly.

use laneway_proto::TraceId;

use super::dictionary::Dictionary;

mod attribute;
mod blobs;
mod shape;
mod span;
mod strings;

pub(super) use attribute::{AttributeColumn, AttributeType, AttributeValues, MAX_DISTINCT_SHARE};
pub(super) use blobs::Blobs;
pub(super) use shape::{Shape, ShapeItem};
pub(super) use span::{SpanReader, parse, resource, scope};
pub(super) use strings::Strings;

/// The most attribute columns of one segment: a sender of ever new keys must not multiply columns without bound.
pub(super) const MAX_ATTRIBUTE_COLUMNS: usize = 256;

/// A dense column of interned values.
#[derive(Default)]
pub(super) struct Coded {
    pub(super) ids: Vec<u32>,
    pub(super) values: Dictionary,
}

impl Coded {
    /// Adds the value of the next row, which `check` must accept where it is not known to be good; returns its number.
    #[inline(always)]
    pub(super) fn push<E>(&mut self, value: &[u8], check: impl FnOnce() -> Result<(), E>) -> Result<u32, E> {
        if let Some(last) = self.push_last(value) {
            return Ok(last);
        }
        let id = self.values.intern(value, check)?;
        self.ids.push(id);
        Ok(id)
    }

    /// Adds a value for all rows up to `rows` that have none yet. `check` must accept it where it is not known to be good.
    pub(super) fn fill<E>(
        &mut self,
        rows: usize,
        value: &[u8],
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let id = match self.ids.last() {
            Some(&last) if self.values.is(last, value) => last,
            _ => self.values.intern(value, check)?,
        };
        self.ids.resize(rows, id);
        Ok(())
    }

    /// Adds the value of the next row if the last row has the same: what repeats, mostly repeats in a row.
    #[inline(always)]
    pub(super) fn push_last(&mut self, value: &[u8]) -> Option<u32> {
        let last = *self.ids.last()?;
        if !self.values.is(last, value) {
            return None;
        }
        self.ids.push(last);
        Some(last)
    }

    /// Adds the value of the next row if it has this number, which may be any; returns whether it has.
    #[inline(always)]
    pub(super) fn push_guess(&mut self, guess: u32, value: &[u8]) -> bool {
        let is_right = self.values.has(guess) && self.values.is(guess, value);
        if is_right {
            self.ids.push(guess);
        }
        is_right
    }

    /// The value of a row; nothing when the column was not read.
    pub(super) fn get(&self, row: usize) -> &[u8] {
        self.ids.get(row).map_or(&[], |&id| self.values.get(id))
    }

    /// The text of a row; nothing when the column was not read.
    pub(super) fn text(&self, row: usize) -> String {
        String::from_utf8_lossy(self.get(row)).into_owned()
    }

    /// Forgets everything, and keeps the buffers.
    fn clear(&mut self) {
        self.ids.clear();
        self.values.clear();
    }

    /// The same values without a dictionary, with room for `expected` ones.
    fn to_strings(&self, expected: usize) -> Strings {
        let bytes: usize = self.ids.iter().map(|&id| self.values.get(id).len()).sum();
        let expected_bytes = bytes as f64 / self.ids.len().max(1) as f64 * expected as f64;
        let mut strings = Strings::with_capacity(expected, expected_bytes as usize);
        self.ids.iter().for_each(|&id| strings.push(self.values.get(id)));
        strings
    }

    fn memory_bytes(&self) -> usize {
        self.ids.len() * size_of::<u32>() + self.values.memory_bytes()
    }
}

/// Spans as columns. Columns that were not asked for when a part was read are empty.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) trace_id: Vec<[u8; 16]>,
    pub(super) span_id: Vec<[u8; 8]>,
    /// Zeros for a root span.
    pub(super) parent_span_id: Vec<[u8; 8]>,
    pub(super) start_unix_ns: Vec<u64>,
    /// End minus start, wrapping: negative where the end is before the start.
    pub(super) duration_ns: Vec<i64>,
    /// OTLP's number, known or not.
    pub(super) kind: Vec<i32>,
    /// OTLP's number, known or not.
    pub(super) status: Vec<i32>,
    pub(super) flags: Vec<u32>,
    pub(super) dropped_attributes: Vec<u32>,
    pub(super) dropped_events: Vec<u32>,
    pub(super) dropped_links: Vec<u32>,
    pub(super) name: Coded,
    pub(super) status_message: Coded,
    pub(super) trace_state: Coded,
    /// The request lane, checked.
    pub(super) lane: Coded,
    /// An OTLP `TracesData` with one resource and nothing beneath it.
    pub(super) resource: Coded,
    /// An OTLP `TracesData` with one scope, of an empty resource, and nothing beneath it.
    pub(super) scope: Coded,
    /// See [`Shape`].
    pub(super) shape: Coded,
    pub(super) attributes: Vec<AttributeColumn>,
    /// OTLP `Span` messages with nothing but attributes.
    pub(super) residual: Blobs,
    /// OTLP `Span` messages with nothing but events.
    pub(super) events: Blobs,
    /// OTLP `Span` messages with nothing but links.
    pub(super) links: Blobs,
}

impl Columns {
    /// How many rows. The trace id is always read.
    pub(super) fn len(&self) -> usize {
        self.trace_id.len()
    }

    /// The trace of a row.
    pub(super) fn trace_id(&self, row: usize) -> Option<TraceId> {
        TraceId::from_bytes(self.trace_id[row])
    }

    /// The duration of a row in nanoseconds; 0 where the end is before the start.
    pub(super) fn clamped_duration_ns(&self, row: usize) -> u64 {
        let start = self.start_unix_ns[row];
        start.wrapping_add_signed(self.duration_ns[row]).saturating_sub(start)
    }

    /// Makes room for so many rows in the columns that every span has. Memory is taken as it is filled; what this saves is the
    /// memory that growing buffers leave behind, which is as much again.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.trace_id.reserve_exact(rows);
        self.span_id.reserve_exact(rows);
        self.parent_span_id.reserve_exact(rows);
        self.start_unix_ns.reserve_exact(rows);
        self.duration_ns.reserve_exact(rows);
        for column in [&mut self.kind, &mut self.status] {
            column.reserve_exact(rows);
        }
        for column in
            [&mut self.flags, &mut self.dropped_attributes, &mut self.dropped_events, &mut self.dropped_links]
        {
            column.reserve_exact(rows);
        }
        for column in self.coded_mut() {
            column.ids.reserve_exact(rows);
        }
    }

    /// Forgets all rows from `rows` on. Interned values stay: they cost memory until the segment is sealed, no more.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.trace_id.truncate(rows);
        self.span_id.truncate(rows);
        self.parent_span_id.truncate(rows);
        self.start_unix_ns.truncate(rows);
        self.duration_ns.truncate(rows);
        for column in [&mut self.kind, &mut self.status] {
            column.truncate(rows);
        }
        for column in
            [&mut self.flags, &mut self.dropped_attributes, &mut self.dropped_events, &mut self.dropped_links]
        {
            column.truncate(rows);
        }
        for column in self.coded_mut() {
            column.ids.truncate(rows);
        }
        for column in &mut self.attributes {
            column.truncate(rows);
        }
        for column in [&mut self.residual, &mut self.events, &mut self.links] {
            column.truncate(rows);
        }
    }

    fn coded_mut(&mut self) -> [&mut Coded; 7] {
        [
            &mut self.name,
            &mut self.status_message,
            &mut self.trace_state,
            &mut self.lane,
            &mut self.resource,
            &mut self.scope,
            &mut self.shape,
        ]
    }

    /// Forgets everything, and keeps the buffers. The attribute columns are given away.
    pub(super) fn clear(&mut self) -> Vec<AttributeColumn> {
        self.truncate(0);
        for column in self.coded_mut() {
            column.clear();
        }
        std::mem::take(&mut self.attributes)
    }

    /// Bytes of memory in use: what is filled of each buffer, since the operating system gives pages as they are filled.
    pub(super) fn memory_bytes(&self) -> usize {
        let dense = 16 + 8 + 8 + 8 + 8 + 6 * 4;
        let coded = [
            &self.name,
            &self.status_message,
            &self.trace_state,
            &self.lane,
            &self.resource,
            &self.scope,
            &self.shape,
        ];
        self.len() * dense
            + coded.iter().map(|column| column.memory_bytes()).sum::<usize>()
            + self.attributes.iter().map(AttributeColumn::memory_bytes).sum::<usize>()
            + [&self.residual, &self.events, &self.links].iter().map(|b| b.memory_bytes()).sum::<usize>()
    }
}
