//! Writing one row group.

use std::io;
use std::io::Write;

use parquet::errors::ParquetError;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;

use super::super::super::columns::{Blobs, Coded, Columns, Strings};
use super::super::chunk::Chunk;
use super::super::codec::{Compressor, Compressors};
use super::super::encoding::{byte_array, delta, hybrid, split};
use super::super::field::Field;
use super::super::links;
use super::super::meta::AttributeMeta;
use super::super::pages::{ColumnPages, PageEncoding};
use super::super::parents;
use super::super::sparse::{Placed, Placement};
use super::attribute::{self, Found};
use crate::model::{Resource, Scope};

/// Rows of a page. A trace is read by decompressing one page of each column; smaller pages compress worse.
pub(super) const PAGE_ROWS: usize = 2048;
/// Values that a page should have: pages of sparse columns have more rows.
const PAGE_VALUES: usize = 1024;

/// Rows per page of a column with so many values in so many rows: [`PAGE_ROWS`] times a power of two.
pub(super) fn page_rows(values: usize, rows: usize) -> usize {
    let mut page_rows = PAGE_ROWS;
    while page_rows < rows && values * page_rows / rows < PAGE_VALUES {
        page_rows *= 2;
    }
    page_rows
}

/// What was written of a row group.
pub(super) struct Written {
    /// Of each column, in the order of the file.
    pub(super) pages: Vec<ColumnPages>,
    /// What finds the values of each attribute column.
    pub(super) found: Vec<Found>,
}

/// What the columns of a row group are written from.
pub(super) struct GroupWriter<'a> {
    columns: &'a Columns,
    order: &'a [u32],
    trace_ends: &'a [usize],
    resources: &'a [Resource],
    scopes: &'a [Scope],
    compressors: &'a mut Compressors,
    placement: Placement,
    parent_offsets: Vec<i32>,
}

impl<'a> GroupWriter<'a> {
    pub(super) fn new(
        columns: &'a Columns,
        order: &'a [u32],
        trace_ends: &'a [usize],
        resources: &'a [Resource],
        scopes: &'a [Scope],
        compressors: &'a mut Compressors,
    ) -> Self {
        let ids = |ids: &[[u8; 8]]| order.iter().map(|&row| ids[row as usize]).collect::<Vec<_>>();
        let parent_offsets =
            parents::offsets(&ids(&columns.span_id), &ids(&columns.parent_span_id), trace_ends);
        let placement = Placement::new(order, columns.len());
        Self { columns, order, trace_ends, resources, scopes, compressors, placement, parent_offsets }
    }

    /// Writes all columns.
    pub(super) fn write<W: Write + Send>(
        mut self,
        file: &mut SerializedFileWriter<W>,
        attributes: &[AttributeMeta],
    ) -> io::Result<Written> {
        let descriptors = file.schema_descr().columns().to_vec();
        let (mut pages, mut found) = (Vec::new(), Vec::new());
        let rows = self.order.len();
        let mut group = file.next_row_group().map_err(io::Error::other)?;
        for field in Field::ALL {
            let chunk = self.field(field, &descriptors[field.index()]).map_err(io::Error::other)?;
            pages.push(append(&mut group, chunk, rows)?);
        }
        for place in 0..attributes.len() {
            let descriptor = &descriptors[Field::ALL.len() + place];
            let (chunk, values) = self.attribute(place, descriptor).map_err(io::Error::other)?;
            pages.push(append(&mut group, chunk, rows)?);
            found.push(values);
        }
        close(group, &mut pages)?;
        Ok(Written { pages, found })
    }

    fn field(&mut self, field: Field, descriptor: &ColumnDescPtr) -> Result<Chunk<'_>, ParquetError> {
        let columns = self.columns;
        match field {
            Field::TraceId => self.trace_ids(descriptor),
            Field::SpanId => {
                let ids = &columns.span_id;
                // Random bytes: nothing to compress, and a reader finds one without the others.
                let chunk = Chunk::new(descriptor.clone(), PageEncoding::Plain, None, PAGE_ROWS);
                self.dense(chunk, |rows, out| out.extend(rows.iter().flat_map(|&row| ids[row as usize])))
            }
            Field::ParentSpanId => self.parent_ids(descriptor),
            Field::ParentOffset => {
                let offsets = std::mem::take(&mut self.parent_offsets);
                let mut chunk = self.chunk(descriptor, PageEncoding::Split, PAGE_ROWS);
                for page in offsets.chunks(PAGE_ROWS) {
                    let bytes: Vec<_> = page.iter().map(|offset| offset.to_le_bytes()).collect();
                    let mut out = Vec::new();
                    split::encode(&mut out, &bytes);
                    chunk.page(out, page.len(), page.len())?;
                }
                Ok(chunk)
            }
            Field::Timestamp => self.timestamps(descriptor),
            Field::Duration => self.split(descriptor, |row| columns.duration_ns[row].to_le_bytes()),
            Field::SpanName => self.coded(descriptor, &columns.name),
            Field::StatusMessage => self.coded(descriptor, &columns.status_message),
            Field::TraceState => self.coded(descriptor, &columns.trace_state),
            Field::Lane => self.coded(descriptor, &columns.lane),
            Field::Resource => self.coded(descriptor, &columns.resource),
            Field::Scope => self.coded(descriptor, &columns.scope),
            Field::AttributeShape => self.coded(descriptor, &columns.shape),
            Field::SpanKind => self.named(descriptor, &columns.kind, super::super::names::kind),
            Field::StatusCode => self.named(descriptor, &columns.status, super::super::names::status),
            Field::Flags => self.numbers(descriptor, &columns.flags),
            Field::DroppedAttributesCount => self.numbers(descriptor, &columns.dropped_attributes),
            Field::DroppedEventsCount => self.numbers(descriptor, &columns.dropped_events),
            Field::DroppedLinksCount => self.numbers(descriptor, &columns.dropped_links),
            Field::ResidualAttributes => self.blobs(descriptor, &columns.residual),
            Field::Events => self.blobs(descriptor, &columns.events),
            Field::Links => self.blobs(descriptor, &links::shortened(columns)),
            Field::ServiceName => self.of_resource(descriptor, |resource| resource.service_name().to_owned()),
            Field::ScopeName => self.of_scope(descriptor, |scope| &scope.name),
            Field::ScopeVersion => self.of_scope(descriptor, |scope| &scope.version),
        }
    }

    /// The dictionary has each trace once, in order, so that the place of a trace in it is its ordinal.
    fn trace_ids(&mut self, descriptor: &ColumnDescPtr) -> Result<Chunk<'_>, ParquetError> {
        let mut numbers = Vec::with_capacity(self.order.len());
        let mut dictionary = Vec::with_capacity(self.trace_ends.len() * 16);
        for (ordinal, &end) in self.trace_ends.iter().enumerate() {
            dictionary.extend(self.columns.trace_id[self.order[end - 1] as usize]);
            numbers.resize(end, ordinal as u32);
        }
        let mut chunk = Chunk::new(descriptor.clone(), PageEncoding::Dictionary, None, PAGE_ROWS);
        chunk.dictionary(dictionary, self.trace_ends.len())?;
        put_numbers(&mut chunk, &numbers, self.trace_ends.len(), PAGE_ROWS)?;
        Ok(chunk)
    }

    /// The parents that are not among the rows.
    fn parent_ids(&mut self, descriptor: &ColumnDescPtr) -> Result<Chunk<'_>, ParquetError> {
        let ids = &self.columns.parent_span_id;
        let is_elsewhere = |(row, offset): &(&u32, &i32)| **offset == 0 && ids[**row as usize] != [0; 8];
        let mut rows: Vec<u32> =
            self.order.iter().zip(&self.parent_offsets).filter(is_elsewhere).map(|(row, _)| *row).collect();
        rows.sort_unstable();
        let Self { placement, compressors, order, .. } = self;
        let mut chunk = Chunk::new(
            descriptor.clone(),
            PageEncoding::Plain,
            Some(&mut compressors.fast),
            page_rows(rows.len(), order.len()),
        );
        sparse(&mut chunk, placement.place(&rows), order.len(), |values, out| {
            values.iter().for_each(|&value| out.extend(ids[rows[value as usize] as usize]));
        })?;
        Ok(chunk)
    }

    fn chunk(&mut self, descriptor: &ColumnDescPtr, encoding: PageEncoding, page_rows: usize) -> Chunk<'_> {
        Chunk::new(descriptor.clone(), encoding, Some(&mut self.compressors.fast), page_rows)
    }

    fn dense<'c>(
        &self,
        chunk: Chunk<'c>,
        encode: impl FnMut(&[u32], &mut Vec<u8>),
    ) -> Result<Chunk<'c>, ParquetError> {
        dense(self.order, chunk, encode)
    }

    /// From one trace to the next it is as far as all spans of the row group are apart. Where that is long, the bytes that spans of a trace
    /// share take less than differences do; where it is not, or spans start at regular intervals, differences do.
    fn timestamps(&mut self, descriptor: &ColumnDescPtr) -> Result<Chunk<'_>, ParquetError> {
        let starts = &self.columns.start_unix_ns;
        let of_rows = |rows: &[u32]| rows.iter().map(|&row| starts[row as usize] as i64).collect::<Vec<_>>();
        let first = of_rows(&self.order[..self.order.len().min(PAGE_ROWS)]);
        let (mut as_split, mut as_delta) = (Vec::new(), Vec::new());
        split::encode(&mut as_split, &first.iter().map(|start| start.to_le_bytes()).collect::<Vec<_>>());
        delta::encode(&mut as_delta, &first);
        let mut len = |bytes: &[u8]| self.compressors.fast.compress(bytes).map(|bytes| bytes.len());
        if len(&as_split)? <= len(&as_delta)? {
            return self.split(descriptor, |row| starts[row].to_le_bytes());
        }
        let order = self.order;
        let chunk = self.chunk(descriptor, PageEncoding::Delta, PAGE_ROWS);
        dense(order, chunk, |rows, out| delta::encode(out, &of_rows(rows)))
    }

    fn split(
        &mut self,
        descriptor: &ColumnDescPtr,
        bytes: impl Fn(usize) -> [u8; 8],
    ) -> Result<Chunk<'_>, ParquetError> {
        let order = self.order;
        let chunk = self.chunk(descriptor, PageEncoding::Split, PAGE_ROWS);
        let mut values = Vec::with_capacity(PAGE_ROWS);
        dense(order, chunk, |rows, out| {
            values.clear();
            values.extend(rows.iter().map(|&row| bytes(row as usize)));
            split::encode(out, &values);
        })
    }

    fn coded(&mut self, descriptor: &ColumnDescPtr, column: &Coded) -> Result<Chunk<'_>, ParquetError> {
        self.dictionary(descriptor, column.values.values(), |row| column.ids[row])
    }

    /// A column of which each row names an entry of a dictionary.
    fn dictionary(
        &mut self,
        descriptor: &ColumnDescPtr,
        values: &Strings,
        number: impl Fn(usize) -> u32,
    ) -> Result<Chunk<'_>, ParquetError> {
        let mut dictionary = Vec::new();
        byte_array::encode_plain(&mut dictionary, values.iter());
        self.encoded_dictionary(descriptor, dictionary, values.len(), number)
    }

    fn encoded_dictionary(
        &mut self,
        descriptor: &ColumnDescPtr,
        dictionary: Vec<u8>,
        count: usize,
        number: impl Fn(usize) -> u32,
    ) -> Result<Chunk<'_>, ParquetError> {
        let numbers: Vec<u32> = self.order.iter().map(|&row| number(row as usize)).collect();
        // A constant takes no space: one page is enough.
        let page_rows = if count == 1 { page_rows(0, numbers.len()) } else { PAGE_ROWS };
        let mut chunk = self.chunk(descriptor, PageEncoding::Dictionary, page_rows);
        chunk.dictionary(dictionary, count)?;
        put_numbers(&mut chunk, &numbers, count, page_rows)?;
        Ok(chunk)
    }

    fn of_resource(
        &mut self,
        descriptor: &ColumnDescPtr,
        derive: impl Fn(&Resource) -> String,
    ) -> Result<Chunk<'_>, ParquetError> {
        let ids = &self.columns.resource.ids;
        let derived = self.resources.iter().map(derive).collect();
        self.derived(descriptor, derived, ids)
    }

    fn of_scope(
        &mut self,
        descriptor: &ColumnDescPtr,
        derive: impl Fn(&Scope) -> &String,
    ) -> Result<Chunk<'_>, ParquetError> {
        let ids = &self.columns.scope.ids;
        let derived = self.scopes.iter().map(|scope| derive(scope).clone()).collect();
        self.derived(descriptor, derived, ids)
    }

    /// A text that follows from another column: `derived` has it for each number of that column.
    fn derived(
        &mut self,
        descriptor: &ColumnDescPtr,
        derived: Vec<String>,
        ids: &[u32],
    ) -> Result<Chunk<'_>, ParquetError> {
        let (values, numbers) = distinct(derived.iter().map(String::as_bytes));
        self.dictionary(descriptor, &values, |row| numbers[ids[row] as usize])
    }

    fn named(
        &mut self,
        descriptor: &ColumnDescPtr,
        numbers: &[i32],
        name: impl Fn(i32) -> String,
    ) -> Result<Chunk<'_>, ParquetError> {
        let (known, places) = attribute::distinct_of(numbers.iter().copied(), usize::MAX).unwrap_or_default();
        let mut values = Strings::default();
        known.iter().for_each(|&number| values.push(name(number).as_bytes()));
        self.dictionary(descriptor, &values, |row| places[row])
    }

    fn numbers(&mut self, descriptor: &ColumnDescPtr, numbers: &[u32]) -> Result<Chunk<'_>, ParquetError> {
        let (known, places) = attribute::distinct_of(numbers.iter().copied(), usize::MAX).unwrap_or_default();
        let dictionary = known.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.encoded_dictionary(descriptor, dictionary, known.len(), |row| places[row])
    }

    fn blobs(&mut self, descriptor: &ColumnDescPtr, blobs: &Blobs) -> Result<Chunk<'_>, ParquetError> {
        let (rows, values) = blobs.parts();
        let Self { placement, compressors, order, .. } = self;
        let page_rows = page_rows(rows.len(), order.len());
        let mut chunk =
            Chunk::new(descriptor.clone(), PageEncoding::ByteArray, Some(&mut compressors.dense), page_rows);
        sparse(&mut chunk, placement.place(rows), order.len(), |places, out| {
            byte_array::encode(out, places.iter().map(|&place| values.get(place as usize)));
        })?;
        Ok(chunk)
    }

    fn attribute(
        &mut self,
        place: usize,
        descriptor: &ColumnDescPtr,
    ) -> Result<(Chunk<'_>, Found), ParquetError> {
        let Self { placement, compressors, order, .. } = self;
        match self.columns.attributes.get(place) {
            Some(column) => {
                attribute::write(column, placement, order.len(), descriptor, &mut compressors.fast)
            }
            // Another row group of the part has it.
            None => {
                let chunk = without_values(descriptor, &mut compressors.fast, order.len())?;
                Ok((chunk, Found { hashes: Some(Vec::new()), ..Found::default() }))
            }
        }
    }
}

/// Appends the next column of a row group with so many rows; returns its pages, with offsets from its begin.
pub(super) fn append<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    chunk: Chunk<'_>,
    rows: usize,
) -> io::Result<ColumnPages> {
    let (bytes, close, pages) = chunk.finish(rows).map_err(io::Error::other)?;
    group.append_column(&bytes, close).map_err(io::Error::other)?;
    Ok(pages)
}

/// Ends a row group; the offsets of its pages become those in the file.
pub(super) fn close<W: Write + Send>(
    group: SerializedRowGroupWriter<'_, W>,
    pages: &mut [ColumnPages],
) -> io::Result<()> {
    let group = group.close().map_err(io::Error::other)?;
    for (pages, column) in pages.iter_mut().zip(group.columns()) {
        let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset()) as u64;
        pages.dictionary.iter_mut().chain(&mut pages.pages).for_each(|page| page.offset += start);
    }
    Ok(())
}

/// An attribute column that no row has a value in.
pub(super) fn without_values<'c>(
    descriptor: &ColumnDescPtr,
    compressor: &'c mut Compressor,
    rows: usize,
) -> Result<Chunk<'c>, ParquetError> {
    let mut chunk = Chunk::new(descriptor.clone(), PageEncoding::Plain, Some(compressor), page_rows(0, rows));
    sparse(&mut chunk, Placement::of_none(rows).place(&[]), rows, |_, _| ())?;
    Ok(chunk)
}

/// Writes the pages of a column that every row has a value in.
fn dense<'c>(
    order: &[u32],
    mut chunk: Chunk<'c>,
    mut encode: impl FnMut(&[u32], &mut Vec<u8>),
) -> Result<Chunk<'c>, ParquetError> {
    for rows in order.chunks(PAGE_ROWS) {
        let mut out = Vec::new();
        encode(rows, &mut out);
        chunk.page(out, rows.len(), rows.len())?;
    }
    Ok(chunk)
}

/// Writes pages of numbers of a dictionary with `count` entries, for rows that all have one.
fn put_numbers(
    chunk: &mut Chunk<'_>,
    numbers: &[u32],
    count: usize,
    page_rows: usize,
) -> Result<(), ParquetError> {
    let width = chunk.width(count, &numbers[..numbers.len().min(PAGE_ROWS)])?;
    for page in numbers.chunks(page_rows) {
        let mut out = vec![width as u8];
        hybrid::encode(&mut out, page, width);
        chunk.page(out, page.len(), page.len())?;
    }
    Ok(())
}

/// Writes the pages of a column that some rows have a value in; `encode` is told the numbers of the values that a page has.
pub(super) fn sparse(
    chunk: &mut Chunk<'_>,
    placed: Placed<'_>,
    rows: usize,
    mut encode: impl FnMut(&[u32], &mut Vec<u8>),
) -> Result<(), ParquetError> {
    let mut numbers = Vec::new();
    for start in (0..rows).step_by(chunk.page_rows()) {
        let page = start..rows.min(start + chunk.page_rows());
        let mut out = Vec::new();
        let values = placed.put_levels(page.clone(), &mut out);
        placed.numbers(page.clone(), &mut numbers);
        encode(&numbers, &mut out);
        chunk.page(out, page.len(), values)?;
    }
    Ok(())
}

/// The distinct values, and which of them each value is.
fn distinct<'v>(values: impl Iterator<Item = &'v [u8]>) -> (Strings, Vec<u32>) {
    let mut dictionary = super::super::super::dictionary::Dictionary::default();
    let numbers = values.map(|value| dictionary.intern_bytes(value)).collect();
    (dictionary.into_values(), numbers)
}
