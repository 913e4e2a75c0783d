//! A row group of an open part.

use std::ops::Range;
use std::sync::Arc;

use laneway_proto::TraceId;

use super::super::columns::{Columns, Strings};
use super::cache::{Cache, Entry, Key, What};
use super::field::{Field, Projection};
use super::meta::{RowGroupMeta, Section};
use super::needles::Needles;
use super::pages::{ColumnPages, PageIndex};
use super::postings::{List, Postings, ordinals};
use super::table::TraceTable;
use super::traces::filter_key;
use super::{Part, corrupt, read};
use crate::QueryError;
use crate::query::TimeRange;

mod candidates;

pub(in super::super) use candidates::Candidates;

/// Trace ids that are read at once while one is looked for.
const IDS_PER_PROBE: usize = 64;

/// What stands in front of the first row group of a Parquet file.
const PARQUET_MAGIC_LEN: u64 = 4;

/// Rows of a part that were written together.
#[derive(Clone, Copy)]
pub(in super::super) struct RowGroup<'a> {
    pub(super) part: &'a Part,
    pub(super) number: usize,
    pub(super) cache: &'a Cache,
    /// Whether pages that were decompressed are kept in the cache.
    pub(super) keeps_pages: bool,
}

impl<'a> RowGroup<'a> {
    /// The same row group, of which decompressed pages are kept: traces that are looked for together lie in the same pages, of which mostly a
    /// few rows are wanted.
    pub(in super::super) fn keeping_pages(self) -> Self {
        Self { keeps_pages: true, ..self }
    }

    /// The same row group, read through another cache than that of its part.
    pub(in super::super) fn through(self, cache: &'a Cache) -> Self {
        Self { cache, ..self }
    }

    pub(super) fn meta(self) -> &'a RowGroupMeta {
        &self.part.meta.row_groups[self.number]
    }

    /// The part that it is of.
    pub(in super::super) fn part(self) -> &'a Part {
        self.part
    }

    /// How many spans.
    pub(in super::super) fn rows(self) -> usize {
        self.meta().rows
    }

    /// How many traces.
    pub(in super::super) fn traces(self) -> usize {
        self.meta().traces
    }

    /// First and last start of its spans.
    pub(in super::super) fn range(self) -> TimeRange {
        let meta = self.meta();
        TimeRange { start_unix_ns: meta.min_start_unix_ns, end_unix_ns: meta.max_start_unix_ns }
    }

    /// Whether the trace may be here.
    fn may_have(self, trace_id: TraceId) -> Result<bool, QueryError> {
        let (meta, id) = (self.meta(), trace_id.to_string());
        if id < meta.first_trace || meta.last_trace < id {
            return Ok(false);
        }
        let Some(section) = meta.filter else { return Ok(true) };
        Ok(self.filters(What::TraceFilter, section)?.may_have(filter_key(trace_id.to_bytes())))
    }

    /// Whether its trace ids come behind those of another row group, the last of which may go on here.
    pub(super) fn follows(self, other: Self) -> bool {
        other.meta().last_trace <= self.meta().first_trace
    }

    /// Where its first column begins in the file: row groups lie one behind the other.
    pub(super) fn begin(self) -> Result<u64, QueryError> {
        let Some(before) = self.number.checked_sub(1) else { return Ok(PARQUET_MAGIC_LEN) };
        let pages = Self { number: before, ..self }.pages()?;
        pages.columns.last().and_then(ColumnPages::end).ok_or_else(|| corrupt("a row group has no columns"))
    }

    /// Reads the projected columns of some rows.
    pub(in super::super) fn load(
        self,
        rows: Range<usize>,
        projection: &Projection,
    ) -> Result<Columns, QueryError> {
        self.part.noticed(read::load(self, rows, projection))
    }

    /// About how many bytes of memory the projected columns of some rows take, without dictionaries, which the cache has.
    pub(in super::super) fn load_bytes(
        self,
        rows: &Range<usize>,
        projection: &Projection,
    ) -> Result<usize, QueryError> {
        let pages = self.part.noticed(self.pages())?;
        let attributes = self.part.meta.attributes.iter();
        let fields = Field::ALL.iter().map(|field| projection.has(*field));
        let is_wanted = fields.chain(attributes.map(|attribute| projection.has_attribute(&attribute.key)));
        let columns = pages.columns.iter().zip(is_wanted).filter(|(_, is_wanted)| *is_wanted);
        Ok(columns.map(|(column, _)| column.load_bytes(rows, self.rows())).sum())
    }

    /// Reads everything, and compares it with its checksums.
    pub(in super::super) fn verify(self) -> Result<(), QueryError> {
        let meta = self.meta();
        // Those of the whole part with the first row group.
        let of_part = if self.number == 0 { self.part.meta.needles.as_slice() } else { &[] };
        let needles = meta.needles.iter().chain(of_part).map(|needles| needles.section);
        for section in [meta.pages, meta.table, meta.postings].into_iter().chain(meta.filter).chain(needles) {
            self.part.index.raw_section(section)?;
        }
        self.postings()?.lists().try_for_each(|list| self.list(list).map(drop))?;
        self.load(0..self.rows(), &Projection::all()).map(drop)
    }

    /// The rows of a trace; empty when it has none here.
    pub(in super::super) fn rows_of_trace(self, trace_id: TraceId) -> Result<Range<usize>, QueryError> {
        if !self.may_have(trace_id)? {
            return Ok(0..0);
        }
        match self.part.noticed(self.ordinal(trace_id))? {
            Some(ordinal) => Ok(self.table()?.rows(ordinal)),
            None => Ok(0..0),
        }
    }

    /// The place of a trace among those of the row group.
    ///
    /// Ids are mostly random, so that the place can be guessed (interpolation search); where they are not, halving takes over.
    fn ordinal(self, trace_id: TraceId) -> Result<Option<usize>, QueryError> {
        let wanted = trace_id.to_bytes();
        let key = |id: &[u8; 16]| u128::from_be_bytes(*id) >> 64;
        let (mut low, mut high) = (0, self.traces());
        let (mut low_key, mut high_key) = (0, u128::from(u64::MAX));
        let mut is_guessing = true;
        while low < high {
            let (width, span) = ((high - low) as u128, high_key - low_key + 1);
            let guess = match is_guessing {
                true => low + (width * key(&wanted).saturating_sub(low_key).min(span - 1) / span) as usize,
                false => low + (high - low) / 2,
            };
            let start = guess.saturating_sub(IDS_PER_PROBE / 2).clamp(low, high - 1);
            let ids = self.trace_ids(start..(start + IDS_PER_PROBE).min(high))?;
            let end = start + ids.len();
            match ids.binary_search(&wanted) {
                Ok(place) => return Ok(Some(start + place)),
                Err(0) => (high, high_key) = (start, key(&ids[0])),
                Err(place) if place == ids.len() => (low, low_key) = (end, key(&ids[place - 1])),
                Err(_) => return Ok(None),
            }
            is_guessing = !is_guessing || low_key < high_key && (high - low) < width as usize / 2;
            if high_key < low_key {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The ids of some traces. They are not compressed, so that a few are read alone.
    pub(super) fn trace_ids(self, ordinals: Range<usize>) -> Result<Vec<[u8; 16]>, QueryError> {
        let pages = self.pages()?;
        let dictionary = pages.trace_ids().ok_or_else(|| corrupt("there are no trace ids"))?;
        let bytes = self.part.ids(dictionary, ordinals.start * 16..ordinals.end * 16)?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    pub(super) fn cached(
        self,
        what: What,
        read: impl FnOnce() -> Result<Entry, QueryError>,
    ) -> Result<Entry, QueryError> {
        self.part.noticed(self.cache.get(Key { part: self.part.number, row_group: self.number, what }, read))
    }

    fn section(self, section: Section) -> Result<Vec<u8>, QueryError> {
        self.part.index.section(section)
    }

    pub(super) fn pages(self) -> Result<Arc<PageIndex>, QueryError> {
        let entry = self.cached(What::Pages, || {
            let pages = PageIndex::from_bytes(&self.section(self.meta().pages)?).map_err(corrupt)?;
            Ok(Entry::Pages(Arc::new(pages)))
        })?;
        if let Entry::Pages(pages) = entry { Ok(pages) } else { Err(misfiled()) }
    }

    /// What is known of each trace.
    pub(in super::super) fn table(self) -> Result<Arc<TraceTable>, QueryError> {
        let entry = self.cached(What::Table, || {
            let bytes = self.section(self.meta().table)?;
            let table = TraceTable::from_bytes(&bytes, self.rows(), self.part.meta.has_row_counts());
            let table = table.map_err(corrupt)?;
            if table.len() != self.traces() {
                return Err(corrupt("the trace table is of other traces"));
            }
            Ok(Entry::Table(Arc::new(table)))
        })?;
        if let Entry::Table(table) = entry { Ok(table) } else { Err(misfiled()) }
    }

    fn postings(self) -> Result<Arc<Postings>, QueryError> {
        let entry = self.cached(What::Postings, || {
            let postings = Postings::from_bytes(&self.section(self.meta().postings)?).map_err(corrupt)?;
            Ok(Entry::Postings(Arc::new(postings)))
        })?;
        if let Entry::Postings(postings) = entry { Ok(postings) } else { Err(misfiled()) }
    }

    /// Calls `visit` with every service and operation of its spans; `false` where it has no list of them.
    pub(in super::super) fn each_operation(
        self,
        visit: &mut impl FnMut(&str, &str),
    ) -> Result<bool, QueryError> {
        let postings = self.part.noticed(self.postings())?;
        let Some(names) = postings.names() else { return Ok(false) };
        for (service, name) in names {
            visit(&String::from_utf8_lossy(service), &String::from_utf8_lossy(name));
        }
        Ok(true)
    }

    /// The lists of its postings, one behind the other.
    pub(super) fn all_lists(self) -> Result<Vec<u8>, QueryError> {
        let mut all = Vec::new();
        for list in self.postings()?.lists() {
            all.extend(self.list_bytes(list)?);
        }
        Ok(all)
    }

    fn list_bytes(self, list: &List) -> Result<Vec<u8>, QueryError> {
        let len = (list.bytes.end - list.bytes.start) as usize;
        self.part.index.read_checked(self.meta().lists + list.bytes.start, len, list.crc32c)
    }

    fn list(self, list: &List) -> Result<Vec<u32>, QueryError> {
        let ordinals = self.list_bytes(list).and_then(|bytes| ordinals(&bytes).map_err(corrupt));
        self.part.noticed(ordinals.and_then(|ordinals| match ordinals.last() {
            Some(&last) if last as usize >= self.traces() => Err(corrupt("a posting is of no trace")),
            _ => Ok(ordinals),
        }))
    }

    /// The needle filters of an attribute column, if it has some.
    fn needles(self, attribute: usize) -> Result<Option<Arc<Needles>>, QueryError> {
        let Some(needles) = self.meta().needles.iter().find(|needles| needles.attribute == attribute) else {
            return Ok(None);
        };
        self.filters(What::Needles(attribute), needles.section).map(Some)
    }

    fn filters(self, what: What, section: Section) -> Result<Arc<Needles>, QueryError> {
        let entry = self.cached(what, || {
            let bytes = self.part.index.raw_section(section)?;
            Ok(Entry::Needles(Arc::new(Needles::from_bytes(&bytes).map_err(corrupt)?)))
        })?;
        if let Entry::Needles(needles) = entry { Ok(needles) } else { Err(misfiled()) }
    }

    /// The texts of a column's dictionary.
    pub(super) fn texts(self, column: usize, pages: &PageIndex) -> Result<Arc<Strings>, QueryError> {
        let entry = self.cached(What::Dictionary(column), || {
            let column = pages.columns.get(column).ok_or_else(|| corrupt("a column has no pages"))?;
            Ok(Entry::Texts(Arc::new(self.part.texts(column)?)))
        })?;
        if let Entry::Texts(texts) = entry { Ok(texts) } else { Err(misfiled()) }
    }
}

fn misfiled() -> QueryError {
    corrupt("a dictionary is of another type")
}
