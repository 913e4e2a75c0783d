//! Copying a row group of another part as it is.

use std::ops::Range;
use std::sync::Arc;

use super::super::super::columns::{AttributeType, AttributeValues, Shape, ShapeItem, Strings};
use super::super::chunk::Chunk;
use super::super::codec::{Codec, Compressor};
use super::super::encoding::byte_array;
use super::super::field::{Field, Projection};
use super::super::meta::{NeedleMeta, RowGroupMeta};
use super::super::needles::{self, Needles};
use super::super::pages::{ColumnPages, PageIndex};
use super::super::traces::filter_key;
use super::super::value_filter::MIN_ROWS_PER_VALUE;
use super::super::{RowGroup, corrupt, read};
use super::PartWriter;
use super::attribute::distinct_of;
use super::group::{append, close, without_values};
use crate::QueryError;

impl PartWriter {
    /// Copies a row group of another part. No row is decoded: its pages and indexes stay as they are, but for the shapes of its spans, which name
    /// attribute columns by their place. Attribute column `i` of the other part is column `places[i]` of this one.
    ///
    /// # Errors
    /// When something of it cannot be read or does not match its checksum, or this part cannot be written.
    pub(in super::super::super) fn copy(
        &mut self,
        group: RowGroup<'_>,
        places: &[usize],
    ) -> Result<(), QueryError> {
        let source = group.part.noticed(Source::read(group, places))?;
        let filter = Needles::of_all(source.trace_keys.iter().copied());
        let pages = self.copy_columns(group.rows(), &source, places)?;
        let index = &mut self.index;
        let mut needles = Vec::new();
        for (attribute, filters) in &source.needles {
            needles.push(NeedleMeta { attribute: *attribute, section: index.raw(filters)? });
        }
        let row_group = RowGroupMeta {
            pages: index.compressed(&PageIndex::new(pages).to_bytes())?,
            table: index.raw(&source.table)?,
            postings: index.raw(&source.postings)?,
            lists: index.raw(&source.lists)?.offset,
            filter: Some(index.raw(&filter.into_bytes())?),
            needles,
            ..group.meta().clone()
        };
        self.add(row_group, source.trace_keys);
        let of_part = &group.part.meta;
        self.resource_keys.see_all(of_part.resource_keys.as_deref());
        self.scope_keys.see_all(of_part.scope_keys.as_deref());
        let mut hashes: Vec<_> = self.values.iter().map(|_| (Some(Vec::new()), false)).collect();
        source.hashes.into_iter().zip(places).for_each(|(of_column, place)| hashes[*place] = of_column);
        self.values
            .iter_mut()
            .zip(hashes)
            .for_each(|(values, (hashes, has_many))| values.add(hashes, has_many));
        Ok(())
    }

    fn copy_columns(
        &mut self,
        rows: usize,
        source: &Source,
        places: &[usize],
    ) -> Result<Vec<ColumnPages>, QueryError> {
        let descriptors = self.spans.schema_descr().columns().to_vec();
        let fields = Field::ALL.len();
        let mut columns: Vec<Option<usize>> = (0..fields).map(Some).collect();
        columns.resize(descriptors.len(), None);
        places.iter().zip(fields..).for_each(|(place, column)| columns[fields + place] = Some(column));

        let mut group = self.spans.next_row_group().map_err(std::io::Error::other)?;
        let mut pages = Vec::new();
        for (descriptor, column) in descriptors.iter().zip(columns) {
            let compressor = &mut self.compressors.fast;
            let chunk = match column {
                Some(column) => {
                    let from = &source.pages.columns[column];
                    let mut chunk = Chunk::new(
                        descriptor.clone(),
                        from.encoding,
                        compressor_of(from.codec, compressor)?,
                        from.page_rows,
                    );
                    source.copy(column, &mut chunk).map_err(std::io::Error::other)?;
                    chunk
                }
                // Another row group of the part has it.
                None => without_values(descriptor, compressor, rows).map_err(std::io::Error::other)?,
            };
            pages.push(append(&mut group, chunk, rows)?);
        }
        close(group, &mut pages)?;
        Ok(pages)
    }
}

/// The compressor for pages beside those of a codec.
fn compressor_of(codec: Codec, zstd: &mut Compressor) -> Result<Option<&mut Compressor>, QueryError> {
    match codec {
        Codec::Plain => Ok(None),
        Codec::Zstd => Ok(Some(zstd)),
        Codec::Lz4 => Err(corrupt("pages of its format are not compressed with LZ4")),
    }
}

/// What was read of a row group, and compared with its checksums.
struct Source {
    pages: Arc<PageIndex>,
    /// All of its columns, one behind the other.
    bytes: Vec<u8>,
    /// Where these begin in the file.
    begin: u64,
    /// Where each column is in the file.
    columns: Vec<Range<u64>>,
    /// The dictionary of shapes for the new places of attribute columns, and how many it has; `None` where they stay in their place.
    shapes: Option<(Vec<u8>, usize)>,
    trace_keys: Vec<u64>,
    table: Vec<u8>,
    postings: Vec<u8>,
    lists: Vec<u8>,
    /// By the new place of their attribute column.
    needles: Vec<(usize, Vec<u8>)>,
    /// Of each attribute column, what [`ValueHashes::add`](super::super::value_filter::ValueHashes::add) takes.
    hashes: Vec<(Option<Vec<u64>>, bool)>,
}

impl Source {
    fn read(group: RowGroup<'_>, places: &[usize]) -> Result<Self, QueryError> {
        let (pages, meta, index) = (group.pages()?, group.meta(), &group.part.index);
        let begin = group.begin()?;
        let (mut columns, mut end) = (Vec::new(), begin);
        for column in &pages.columns {
            let start = end;
            end = column.end().filter(|end| *end > start).ok_or_else(|| corrupt("a column has no pages"))?;
            columns.push(start..end);
        }
        if columns.len() != Field::ALL.len() + places.len() {
            return Err(corrupt("a row group has other columns than its part"));
        }
        let mut bytes = vec![0; usize::try_from(end - begin).map_err(corrupt)?];
        group.part.spans.read(begin, &mut bytes)?;
        let mut needles = Vec::new();
        for needle in &meta.needles {
            let place = places.get(needle.attribute).ok_or_else(|| corrupt("a filter is of no column"))?;
            needles.push((*place, index.raw_section(needle.section)?));
        }
        let mut source = Self {
            pages: Arc::clone(&pages),
            bytes,
            begin,
            columns,
            shapes: moved_shapes(group, &pages, places)?,
            trace_keys: Vec::new(),
            table: index.raw_section(meta.table)?,
            postings: index.raw_section(meta.postings)?,
            lists: group.all_lists()?,
            needles,
            hashes: (0..places.len())
                .map(|column| hashes(group, &pages, column))
                .collect::<Result<_, _>>()?,
        };
        source.compare()?;
        source.trace_keys = source.read_trace_keys()?;
        Ok(source)
    }

    /// The bytes of some place in the file.
    fn at(&self, place: Range<u64>) -> Option<&[u8]> {
        let from_begin = |offset: u64| usize::try_from(offset.checked_sub(self.begin)?).ok();
        self.bytes.get(from_begin(place.start)?..from_begin(place.end)?)
    }

    /// Compares each page with its checksum, so that damage does not spread.
    fn compare(&self) -> Result<(), QueryError> {
        for (column, place) in self.pages.columns.iter().zip(&self.columns) {
            let mut end = place.start;
            for page in column.dictionary.iter().chain(&column.pages) {
                let content = self.at(page.offset..page.offset + u64::from(page.len));
                if page.offset < end || content.is_none_or(|bytes| crc32c::crc32c(bytes) != page.crc32c) {
                    return Err(corrupt("a checksum does not match"));
                }
                end = page.offset + u64::from(page.len);
            }
        }
        Ok(())
    }

    fn read_trace_keys(&self) -> Result<Vec<u64>, QueryError> {
        let ids = self.pages.trace_ids().ok_or_else(|| corrupt("there are no trace ids"))?.page;
        let bytes = self.at(ids.offset..ids.offset + u64::from(ids.len)).unwrap_or_default();
        Ok(bytes.as_chunks().0.iter().map(|id| filter_key(*id)).collect())
    }

    fn copy(&self, column: usize, chunk: &mut Chunk<'_>) -> parquet::errors::Result<()> {
        let (from, place) = (&self.pages.columns[column], self.columns[column].clone());
        match (&self.shapes, from.dictionary) {
            (Some((shapes, count)), Some(dictionary)) if column == Field::AttributeShape.index() => {
                chunk.dictionary(shapes.clone(), *count)?;
                let begin = dictionary.offset + u64::from(dictionary.len);
                chunk.copy(None, &from.pages, begin, self.at(begin..place.end).unwrap_or_default())
            }
            (_, dictionary) => {
                let bytes = self.at(place.clone()).unwrap_or_default();
                chunk.copy(dictionary.as_ref(), &from.pages, place.start, bytes)
            }
        }
    }
}

fn moved_shapes(
    group: RowGroup<'_>,
    pages: &PageIndex,
    places: &[usize],
) -> Result<Option<(Vec<u8>, usize)>, QueryError> {
    if places.iter().enumerate().all(|(column, place)| column == *place) {
        return Ok(None);
    }
    let (mut shape, mut moved) = (Shape::default(), Strings::default());
    for stored in group.texts(Field::AttributeShape.index(), pages)?.iter() {
        shape.set_mapped(stored, |item| match item {
            ShapeItem::Column(column) => ShapeItem::Column(places.get(column).copied().unwrap_or(column)),
            ShapeItem::Residual => ShapeItem::Residual,
        });
        moved.push(shape.as_bytes());
    }
    let mut dictionary = Vec::new();
    byte_array::encode_plain(&mut dictionary, moved.iter());
    Ok(Some((dictionary, moved.len())))
}

/// The hashes of the values of an attribute column, where they are few enough for a filter of the whole part, and whether they are so many that
/// filters are of use.
fn hashes(
    group: RowGroup<'_>,
    pages: &PageIndex,
    attribute: usize,
) -> Result<(Option<Vec<u64>>, bool), QueryError> {
    let (index, meta) = (Field::ALL.len() + attribute, &group.part.meta.attributes[attribute]);
    let column = &pages.columns[index];
    let values: usize = column.pages.iter().map(|page| page.values as usize).sum();
    let max = group.rows() / MIN_ROWS_PER_VALUE;
    let known = |hashes: Option<(Vec<u64>, Vec<u32>)>| hashes.map(|(known, _)| known);
    let hashes = match (meta.kind, column.dictionary) {
        _ if values == 0 => Some(Vec::new()),
        (AttributeType::String, Some(_)) => {
            Some(group.texts(index, pages)?.iter().map(needles::hash).collect())
        }
        (AttributeType::Int, Some(dictionary)) => {
            let stored = group.part.content(column, &dictionary)?;
            Some(stored.as_chunks::<8>().0.iter().map(|value| needles::hash(value)).collect())
        }
        // Text without a dictionary hardly repeats; integers may.
        (AttributeType::String, None) if values > max => None,
        (AttributeType::String | AttributeType::Int, None) => {
            let mut projection = Projection::of([]);
            projection.add_attribute(&meta.key);
            let columns = read::load(group, 0..group.rows(), &projection)?;
            match &columns.attributes[attribute].values {
                AttributeValues::Plain(texts) => known(distinct_of(texts.iter().map(needles::hash), max)),
                AttributeValues::Int(values) => {
                    known(distinct_of(values.iter().map(|value| needles::hash(&value.to_le_bytes())), max))
                }
                _ => None,
            }
        }
        (AttributeType::Double | AttributeType::Bool, _) => None,
    };
    Ok((hashes, group.meta().needles.iter().any(|needles| needles.attribute == attribute)))
}
