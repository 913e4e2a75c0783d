//! Reading rows of a row group into columns.

use std::ops::Range;
use std::sync::Arc;

use super::super::columns::{
    AttributeColumn, AttributeType, AttributeValues, Blobs, Coded, Columns, Shape, ShapeItem, Strings,
};
use super::super::dictionary::Dictionary;
use super::cache::{Entry, What};
use super::codec::Codec;
use super::encoding::{Cut, byte_array, delta::Delta, hybrid, split, take_u32};
use super::field::{Field, Projection};
use super::pages::{ColumnPages, PageEncoding, PageIndex, PageMeta};
use super::{RowGroup, corrupt, links, names};
use crate::QueryError;

/// Up to this many rows, it pays to look which attributes they have before reading any.
const MAX_ROWS_TO_LOOK: usize = 4096;

pub(super) fn load(
    group: RowGroup<'_>,
    rows: Range<usize>,
    projection: &Projection,
) -> Result<Columns, QueryError> {
    let reader = Reader { group, pages: group.pages()?, rows };
    let mut columns = Columns::default();
    for field in Field::ALL.into_iter().filter(|field| projection.has(*field)) {
        reader.field(&mut columns, field)?;
    }
    // Whoever looks at attributes of links only does not need their ids.
    if projection.has(Field::Links) && projection.has(Field::ParentSpanId) {
        columns.links = links::restored(&columns.links, &columns);
    }
    let used = if projection.has(Field::AttributeShape) && reader.rows.len() <= MAX_ROWS_TO_LOOK {
        Some(used_attributes(&columns, group.part.meta.attributes.len()))
    } else {
        None
    };
    for (place, meta) in group.part.meta.attributes.iter().enumerate() {
        let is_wanted = projection.has_attribute(&meta.key) && used.as_ref().is_none_or(|used| used[place]);
        columns.attributes.push(if is_wanted {
            let (mut rows, column) = (Vec::new(), Field::ALL.len() + place);
            let values = reader.attribute(column, meta.kind, &mut rows)?;
            AttributeColumn { rows, values, ..AttributeColumn::new(meta.key.clone(), meta.kind) }
        } else {
            // Shapes name attribute columns by their place.
            AttributeColumn::new(meta.key.clone(), meta.kind)
        });
    }
    Ok(columns)
}

/// Which attribute columns the shapes name.
fn used_attributes(columns: &Columns, attributes: usize) -> Vec<bool> {
    let mut used = vec![false; attributes];
    let mut shapes = columns.shape.ids.clone();
    shapes.sort_unstable();
    shapes.dedup();
    for item in shapes.into_iter().flat_map(|shape| Shape::items(columns.shape.values.get(shape))) {
        if let ShapeItem::Column(place) = item
            && let Some(used) = used.get_mut(place)
        {
            *used = true;
        }
    }
    used
}

struct Reader<'a> {
    group: RowGroup<'a>,
    pages: Arc<PageIndex>,
    rows: Range<usize>,
}

/// Some rows of a page: a piece of what is read.
struct Piece<'a> {
    /// Which of the column's pages.
    number: usize,
    page: &'a PageMeta,
    /// All rows of the page.
    page_rows: usize,
    /// The wanted ones, counted from the first row of the page.
    places: Range<usize>,
    /// Place of the first of them among all wanted rows.
    at: usize,
}

impl Reader<'_> {
    fn field(&self, columns: &mut Columns, field: Field) -> Result<(), QueryError> {
        let column = field.index();
        match field {
            Field::TraceId => columns.trace_id = self.trace_ids(column)?,
            Field::SpanId => columns.span_id = self.span_ids(self.rows.clone())?,
            // Read with `ParentSpanId`, without which it means nothing.
            Field::ParentOffset => {}
            Field::ParentSpanId => columns.parent_span_id = self.parent_ids(column)?,
            Field::Timestamp => columns.start_unix_ns = self.starts(column)?,
            Field::Duration => {
                columns.duration_ns = self.split(column)?.into_iter().map(i64::from_le_bytes).collect()
            }
            Field::SpanName => columns.name = self.coded(column)?,
            Field::SpanKind => columns.kind = self.named(column, names::kind_number)?,
            Field::StatusCode => columns.status = self.named(column, names::status_number)?,
            Field::StatusMessage => columns.status_message = self.coded(column)?,
            Field::TraceState => columns.trace_state = self.coded(column)?,
            Field::Lane => columns.lane = self.coded(column)?,
            Field::Flags => columns.flags = self.numbers(column)?,
            Field::DroppedAttributesCount => columns.dropped_attributes = self.numbers(column)?,
            Field::DroppedEventsCount => columns.dropped_events = self.numbers(column)?,
            Field::DroppedLinksCount => columns.dropped_links = self.numbers(column)?,
            Field::Resource => columns.resource = self.coded(column)?,
            Field::Scope => columns.scope = self.coded(column)?,
            Field::AttributeShape => columns.shape = self.coded(column)?,
            Field::ResidualAttributes => columns.residual = self.blobs(column)?,
            Field::Events => columns.events = self.blobs(column)?,
            Field::Links => columns.links = self.blobs(column)?,
            // What they say is in the resource and the scope.
            Field::ServiceName | Field::ScopeName | Field::ScopeVersion => {}
        }
        Ok(())
    }

    fn column(&self, column: usize) -> Result<&ColumnPages, QueryError> {
        self.pages.columns.get(column).ok_or_else(|| corrupt("a column has no pages"))
    }

    /// The pages that hold wanted rows.
    fn pieces<'p>(&self, column: &'p ColumnPages) -> Result<Vec<Piece<'p>>, QueryError> {
        let numbers = column.pages_of(&self.rows);
        let pages = column.pages.get(numbers.clone()).ok_or_else(|| corrupt("a column ends too early"))?;
        let all_rows = self.group.rows();
        Ok(numbers
            .zip(pages)
            .map(|(number, page)| {
                let rows = column.rows_of(number, all_rows);
                let wanted = rows.start.max(self.rows.start)..rows.end.min(self.rows.end);
                Piece {
                    number,
                    page,
                    page_rows: rows.len(),
                    places: wanted.start - rows.start..wanted.end - rows.start,
                    at: wanted.start - self.rows.start,
                }
            })
            .collect())
    }

    fn content(&self, column: &ColumnPages, page: &PageMeta) -> Result<Arc<Vec<u8>>, QueryError> {
        let RowGroup { part, cache, keeps_pages, .. } = self.group;
        let read = || part.content(column, page);
        if keeps_pages && column.codec != Codec::Plain {
            cache.page(part.number, page.offset, read)
        } else {
            read().map(Arc::new)
        }
    }

    /// Calls `read` with the content of each piece of a column that every row has.
    fn dense(
        &self,
        column: &ColumnPages,
        mut read: impl FnMut(&[u8], &Piece<'_>) -> Result<(), Cut>,
    ) -> Result<(), QueryError> {
        for piece in self.pieces(column)? {
            read(&self.content(column, piece.page)?, &piece).map_err(corrupt)?;
        }
        Ok(())
    }

    /// Calls `read` with the values of each piece of a column that some rows have, and the places among these values of those
    /// that are wanted; tells `present` which rows these belong to.
    fn sparse(
        &self,
        column: &ColumnPages,
        present: &mut Vec<u32>,
        mut read: impl FnMut(&[u8], Range<usize>, &PageMeta) -> Result<(), Cut>,
    ) -> Result<(), QueryError> {
        present.reserve(self.most_values(column));
        for piece in self.pieces(column)? {
            if piece.page.values == 0 {
                continue;
            }
            let content = self.content(column, piece.page)?;
            let mut rest = content.as_slice();
            let before = present.len();
            let skipped = levels(&mut rest, &piece, present).map_err(corrupt)?;
            let count = present.len() - before;
            if count > 0 {
                read(rest, skipped..skipped + count, piece.page).map_err(corrupt)?;
            }
        }
        Ok(())
    }

    /// How many values of a column that some rows have are wanted, at most.
    fn most_values(&self, column: &ColumnPages) -> usize {
        let pages = column.pages.get(column.pages_of(&self.rows)).unwrap_or_default();
        pages.iter().map(|page| page.values as usize).sum::<usize>().min(self.rows.len())
    }

    fn trace_ids(&self, column: usize) -> Result<Vec<[u8; 16]>, QueryError> {
        let column = self.column(column)?;
        let ordinals = self.dictionary_numbers(column)?;
        let (Some(&first), Some(&last)) = (ordinals.iter().min(), ordinals.iter().max()) else {
            return Ok(Vec::new());
        };
        let ids = self.group.trace_ids(first as usize..last as usize + 1)?;
        Ok(ordinals.into_iter().map(|ordinal| ids[(ordinal - first) as usize]).collect())
    }

    /// Span ids of any rows of the row group.
    fn span_ids(&self, rows: Range<usize>) -> Result<Vec<[u8; 8]>, QueryError> {
        let reader = Reader { group: self.group, pages: Arc::clone(&self.pages), rows };
        let column = reader.column(Field::SpanId.index())?;
        let mut ids = Vec::with_capacity(reader.rows.len());
        for piece in reader.pieces(column)? {
            // They are not compressed, so that those of a few rows are read alone.
            let page = reader.pages.span_ids(piece.number).ok_or_else(|| corrupt("there are no span ids"))?;
            let bytes = self.group.part.ids(page, piece.places.start * 8..piece.places.end * 8)?;
            ids.extend_from_slice(bytes.as_chunks().0);
        }
        Ok(ids)
    }

    /// Parents are kept as distances to rows, and as ids where they are elsewhere.
    fn parent_ids(&self, column: usize) -> Result<Vec<[u8; 8]>, QueryError> {
        let offsets: Vec<i32> =
            self.split(Field::ParentOffset.index())?.into_iter().map(i32::from_le_bytes).collect();
        let place = |row: usize, offset: i32| (self.rows.start + row) as i64 - i64::from(offset);
        let places = || offsets.iter().enumerate().map(|(row, &offset)| place(row, offset));
        let mut ids = vec![[0; 8]; offsets.len()];
        if let (Some(first), Some(last)) = (places().min(), places().max()) {
            if first < 0 || last >= self.group.rows() as i64 {
                return Err(corrupt("a parent is outside its row group"));
            }
            let parents = self.span_ids(first as usize..last as usize + 1)?;
            for (row, &offset) in offsets.iter().enumerate().filter(|(_, offset)| **offset != 0) {
                ids[row] = parents[(place(row, offset) - first) as usize];
            }
        }
        let (mut rows, mut elsewhere) = (Vec::new(), Vec::<[u8; 8]>::new());
        self.sparse(self.column(column)?, &mut rows, |bytes, places, _| {
            let ids = bytes.as_chunks().0.get(places).ok_or(Cut)?;
            elsewhere.extend_from_slice(ids);
            Ok(())
        })?;
        rows.into_iter().zip(elsewhere).for_each(|(row, id)| ids[row as usize] = id);
        Ok(ids)
    }

    fn starts(&self, column: usize) -> Result<Vec<u64>, QueryError> {
        if self.column(column)?.encoding != PageEncoding::Delta {
            return Ok(self.split(column)?.into_iter().map(u64::from_le_bytes).collect());
        }
        let mut starts = Vec::with_capacity(self.rows.len());
        self.dense(self.column(column)?, |bytes, piece| {
            let mut place = 0;
            let values = Delta::new(bytes)?;
            if values.len() != piece.page_rows {
                return Err(Cut);
            }
            values.read_all(|value| {
                if piece.places.contains(&place) {
                    starts.push(value.cast_unsigned());
                }
                place += 1;
            })?;
            Ok(())
        })?;
        Ok(starts)
    }

    fn split<const N: usize>(&self, column: usize) -> Result<Vec<[u8; N]>, QueryError> {
        let mut values = Vec::with_capacity(self.rows.len());
        self.dense(self.column(column)?, |bytes, piece| {
            split::decode(bytes, piece.page_rows, piece.places.clone(), &mut values)
        })?;
        Ok(values)
    }

    /// The numbers of a dictionary that the wanted rows have.
    fn dictionary_numbers(&self, column: &ColumnPages) -> Result<Vec<u32>, QueryError> {
        let Some(dictionary) = column.dictionary else { return Err(corrupt("a dictionary is missing")) };
        if dictionary.values == 1 {
            return Ok(vec![0; self.rows.len()]);
        }
        let mut numbers = Vec::with_capacity(self.rows.len());
        self.dense(column, |bytes, piece| take_numbers(bytes, piece.places.clone(), &mut numbers))?;
        checked(numbers, dictionary.values)
    }

    fn texts(&self, column: usize) -> Result<Arc<Strings>, QueryError> {
        self.group.texts(column, &self.pages)
    }

    /// A dictionary of values of `N` bytes.
    fn values<const N: usize>(&self, column: usize) -> Result<Vec<[u8; N]>, QueryError> {
        let (part, pages) = (self.group.part, self.column(column)?);
        let entry = self.group.cached(What::Dictionary(column), || {
            let dictionary = pages.dictionary.ok_or_else(|| corrupt("a dictionary is missing"))?;
            Ok(Entry::Values(Arc::new(part.content(pages, &dictionary)?)))
        })?;
        let Entry::Values(bytes) = entry else { return Err(corrupt("a dictionary is of another type")) };
        Ok(bytes.as_chunks().0.to_vec())
    }

    fn coded(&self, column: usize) -> Result<Coded, QueryError> {
        let ids = self.dictionary_numbers(self.column(column)?)?;
        Ok(Coded { ids, values: Dictionary::shared(self.texts(column)?) })
    }

    fn named(
        &self,
        column: usize,
        number: impl Fn(&[u8]) -> Result<i32, QueryError>,
    ) -> Result<Vec<i32>, QueryError> {
        let known = self.texts(column)?.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let ids = self.dictionary_numbers(self.column(column)?)?;
        Ok(ids.into_iter().map(|id| known[id as usize]).collect())
    }

    fn numbers(&self, column: usize) -> Result<Vec<u32>, QueryError> {
        let known = self.values(column)?;
        let ids = self.dictionary_numbers(self.column(column)?)?;
        ids.into_iter()
            .map(|id| {
                known.get(id as usize).map(|value| u32::from_le_bytes(*value)).ok_or_else(|| corrupt(Cut))
            })
            .collect()
    }

    fn blobs(&self, column: usize) -> Result<Blobs, QueryError> {
        let (mut rows, mut values) = (Vec::new(), Strings::default());
        self.sparse(self.column(column)?, &mut rows, |bytes, places, _| {
            byte_array::decode(bytes, places, &mut values)
        })?;
        Ok(Blobs::from_parts(rows, values))
    }

    fn attribute(
        &self,
        place: usize,
        kind: AttributeType,
        rows: &mut Vec<u32>,
    ) -> Result<AttributeValues, QueryError> {
        let column = self.column(place)?;
        Ok(match (kind, column.encoding) {
            (AttributeType::String, PageEncoding::Dictionary) => {
                let ids = self.sparse_numbers(column, rows)?;
                AttributeValues::String(Coded { ids, values: Dictionary::shared(self.texts(place)?) })
            }
            (AttributeType::String, PageEncoding::ByteArray) => {
                let mut values = Strings::default();
                self.sparse(column, rows, |bytes, places, _| byte_array::decode(bytes, places, &mut values))?;
                AttributeValues::Plain(values)
            }
            (AttributeType::Int, PageEncoding::Dictionary) => {
                let known = self.values(place)?;
                let value = |id: u32| known.get(id as usize).map(|value| i64::from_le_bytes(*value));
                let ids = self.sparse_numbers(column, rows)?;
                let values = ids.into_iter().map(value).collect::<Option<_>>();
                AttributeValues::Int(values.ok_or_else(|| corrupt(Cut))?)
            }
            (AttributeType::Int, PageEncoding::Split) => AttributeValues::Int(
                self.sparse_split(column, rows)?.into_iter().map(i64::from_le_bytes).collect(),
            ),
            (AttributeType::Double, PageEncoding::Split) => AttributeValues::Double(
                self.sparse_split(column, rows)?.into_iter().map(f64::from_le_bytes).collect(),
            ),
            (AttributeType::Bool, PageEncoding::Plain) => {
                let mut values = Vec::new();
                self.sparse(column, rows, |bytes, places, _| {
                    for place in places {
                        values.push(bytes.get(place / 8).ok_or(Cut)? & 1 << (place % 8) != 0);
                    }
                    Ok(())
                })?;
                AttributeValues::Bool(values)
            }
            // A row group in which no row has the attribute.
            (_, PageEncoding::Plain) if column.pages.iter().all(|page| page.values == 0) => {
                AttributeColumn::new(String::new(), kind).values
            }
            _ => return Err(corrupt("an attribute column is encoded in another way")),
        })
    }

    fn sparse_numbers(&self, column: &ColumnPages, rows: &mut Vec<u32>) -> Result<Vec<u32>, QueryError> {
        let Some(dictionary) = column.dictionary else { return Err(corrupt("a dictionary is missing")) };
        let mut numbers = Vec::with_capacity(self.most_values(column));
        self.sparse(column, rows, |bytes, places, _| take_numbers(bytes, places, &mut numbers))?;
        checked(numbers, dictionary.values)
    }

    fn sparse_split<const N: usize>(
        &self,
        column: &ColumnPages,
        rows: &mut Vec<u32>,
    ) -> Result<Vec<[u8; N]>, QueryError> {
        let mut values = Vec::with_capacity(self.most_values(column));
        self.sparse(column, rows, |bytes, places, page| {
            split::decode(bytes, page.values as usize, places, &mut values)
        })?;
        Ok(values)
    }
}

/// Numbers behind the byte that says how wide they are.
fn take_numbers(bytes: &[u8], places: Range<usize>, numbers: &mut Vec<u32>) -> Result<(), Cut> {
    let (&width, bytes) = bytes.split_first().ok_or(Cut)?;
    hybrid::decode(bytes, width.into(), places, numbers)
}

/// Numbers that are all in a dictionary of so many values.
fn checked(numbers: Vec<u32>, count: u32) -> Result<Vec<u32>, QueryError> {
    match numbers.iter().max() {
        Some(&largest) if largest >= count => Err(corrupt("a dictionary number beyond the dictionary")),
        _ => Ok(numbers),
    }
}

/// Takes the definition levels off a page: which of the wanted rows have a value is appended to `present`, counted from the
/// first of all wanted rows. Returns how many values stand before the first of theirs.
fn levels(rest: &mut &[u8], piece: &Piece<'_>, present: &mut Vec<u32>) -> Result<usize, Cut> {
    let len = take_u32(rest)? as usize;
    let (levels, values) = rest.split_at_checked(len).ok_or(Cut)?;
    *rest = values;
    let Range { start, end } = piece.places;
    let (mut runs, mut at, mut skipped) = (hybrid::Runs::new(levels, 1)?, 0, 0);
    while at < end {
        let run = runs.next_run()?;
        let (hybrid::Run::Repeated(_, count) | hybrid::Run::Packed(_, count)) = run;
        let run_end = at.saturating_add(count);
        let (from, to) = (start.clamp(at, run_end), end.clamp(at, run_end));
        let row = |place: usize| (piece.at + place - start) as u32;
        match run {
            hybrid::Run::Repeated(0, _) => {}
            hybrid::Run::Repeated(..) => {
                skipped += from - at;
                present.extend((from..to).map(row));
            }
            hybrid::Run::Packed(packed, _) => {
                skipped += packed.count_ones(from - at);
                packed.for_each_one(from - at..to - at, |place| present.push(row(at + place)));
            }
        }
        at = run_end;
    }
    Ok(skipped)
}
