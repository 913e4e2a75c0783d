//! Parts: immutable units of stored spans on disk.
//!
//! A part is a directory `parts/<first segment>-<last segment>-<level>` of four files: `spans.parquet` (the spans in one or more row
//! groups, each ordered by trace id), `part.idx` (what finds them), `part.json` (what both are made of), and `figures.bin` (see
//! [`figures`](super::figures)). It is written under `tmp/`, synced, and comes into being by one rename.
//!
//! Reading goes through `part.idx` alone: the page index says where the pages of a column are, the trace filter and the
//! dictionary of the column `TraceId` where a trace is, and the trace table, postings and needle filters which traces a search
//! should look at. Parquet's own footer is for other tools.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use laneway_proto::TraceId;

use super::columns::Strings;
use super::figures::{FIGURES_FILE, FiguresCache, FiguresFile, Finest};
use super::quarantine::is_damage;
use crate::QueryError;
use crate::query::TimeRange;
use crate::topology::{FiguresQuery, Presence, Resolution, Totals};

mod cache;
mod chunk;
mod codec;
mod disk;
pub(super) mod encoding;
mod field;
mod file;
mod group;
mod keys;
mod links;
mod matching;
mod meta;
mod names;
mod needles;
mod order;
mod pages;
mod parents;
mod postings;
mod read;
mod sparse;
mod table;
#[cfg(test)]
mod tests;
mod traces;
mod value_filter;
mod write;

pub(super) use cache::Cache;
pub(super) use codec::Codec;
pub(super) use disk::{Disk, sync_dir};
pub(super) use field::{Field, Projection};
pub(super) use group::{Candidates, RowGroup};
pub(super) use meta::AttributeMeta;
pub(super) use order::order;
#[cfg(test)]
pub(super) use tests::read_all;
pub(super) use write::{PartWriter, write};

use encoding::byte_array;
use file::PartFile;
use meta::PartMeta;
use pages::{ColumnPages, IdPage, PageMeta};
use traces::TraceFilter;

/// Version of the part format that this code writes and reads.
const FORMAT: u32 = 5;
/// The oldest format that is read. Format 4 compresses sealed segments with LZ4, and before format 3 timestamps are delta-encoded.
const OLDEST_FORMAT: u32 = 2;

pub(super) const SPANS_FILE: &str = "spans.parquet";
const INDEX_FILE: &str = "part.idx";
pub(super) const META_FILE: &str = "part.json";

/// Which segments a part holds. Parts of one data directory never overlap, except that a part which covers others replaces them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartId {
    pub(super) first_segment: u64,
    pub(super) last_segment: u64,
    /// 0 for a sealed segment; one more than the highest of its inputs for a merged part.
    pub(super) level: u32,
}

impl PartId {
    /// The id of the part of one sealed segment.
    pub(super) fn of_segment(segment: u64) -> Self {
        Self { first_segment: segment, last_segment: segment, level: 0 }
    }

    /// The name of its directory.
    pub(super) fn dir_name(self) -> String {
        format!("{:020}-{:020}-{}", self.first_segment, self.last_segment, self.level)
    }

    /// The id of a directory name.
    pub(super) fn from_dir_name(name: &str) -> Option<Self> {
        let mut fields = name.split('-');
        let mut next = || fields.next()?.parse().ok();
        let (first_segment, last_segment, level) = (next()?, next()?, next()? as u32);
        let id = Self { first_segment, last_segment, level };
        (id.dir_name() == name).then_some(id)
    }

    /// Whether this part holds a segment.
    pub(super) fn covers_segment(self, segment: u64) -> bool {
        (self.first_segment..=self.last_segment).contains(&segment)
    }

    /// Whether this part holds all segments of the other, and so replaces it.
    pub(super) fn covers(self, other: Self) -> bool {
        self.level > other.level
            && self.first_segment <= other.first_segment
            && other.last_segment <= self.last_segment
    }
}

/// An open part.
pub(super) struct Part {
    id: PartId,
    // What the cache knows it by.
    number: u64,
    meta: PartMeta,
    filter: TraceFilter,
    spans: PartFile,
    index: PartFile,
    bytes: u64,
    cache: Arc<Cache>,
    figures: Option<FiguresFile>,
    // Why it cannot be read, once that was found.
    damage: OnceLock<String>,
}

impl Part {
    /// Opens the part in a directory. Reads what says where everything else is, and the trace filter, no more.
    pub(super) fn open(dir: &Path, id: PartId, cache: &Arc<Cache>) -> Result<Self, QueryError> {
        Self::try_open(dir, id, cache).map_err(|error| match error {
            QueryError::Corrupt(problem) => corrupt(format_args!("part {}: {problem}", dir.display())),
            error => error,
        })
    }

    fn try_open(dir: &Path, id: PartId, cache: &Arc<Cache>) -> Result<Self, QueryError> {
        let meta_path = dir.join(META_FILE);
        let meta = PartMeta::read(&meta_path)?;
        let (spans, index) = (PartFile::open(&dir.join(SPANS_FILE))?, PartFile::open(&dir.join(INDEX_FILE))?);
        let filter = TraceFilter::from_bytes(&index.raw_section(meta.filter)?).map_err(corrupt)?;
        let figures = FiguresFile::open(&dir.join(FIGURES_FILE))?;
        let figures_bytes = figures.as_ref().map_or(Ok(0), FiguresFile::bytes)?;
        let bytes = spans.len()? + index.len()? + std::fs::metadata(&meta_path)?.len() + figures_bytes;
        let end = meta.filter.offset + meta.filter.len as u64;
        if index.len()? != end || !spans.is_whole_parquet()? {
            return Err(corrupt("a file is cut"));
        }
        let (number, cache) = (cache.new_part(), Arc::clone(cache));
        Ok(Self { id, number, meta, filter, spans, index, bytes, cache, figures, damage: OnceLock::new() })
    }

    pub(super) fn id(&self) -> PartId {
        self.id
    }

    /// How many spans.
    pub(super) fn rows(&self) -> usize {
        self.meta.rows
    }

    /// Bytes of its files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// First and last start of its spans.
    pub(super) fn range(&self) -> TimeRange {
        TimeRange { start_unix_ns: self.meta.min_start_unix_ns, end_unix_ns: self.meta.max_start_unix_ns }
    }

    /// What its spans changed figures by, if that is known.
    pub(super) fn figures(&self) -> Option<&FiguresFile> {
        self.figures.as_ref()
    }

    /// Its figures at a resolution, if it has some; out of the cache where they are there.
    pub(super) fn figures_at(
        &self,
        resolution: Resolution,
        cache: Option<&FiguresCache>,
    ) -> Result<Option<Arc<Totals>>, QueryError> {
        let Some(file) = &self.figures else { return Ok(None) };
        let read = match cache {
            Some(cache) => file.totals(resolution, cache),
            None => file.read(resolution).map(Arc::new),
        };
        self.noticed(read).map(Some)
    }

    /// Its figures at the finest resolution, as they are encoded, if it has some.
    pub(super) fn encoded_figures(&self) -> Result<Option<Finest>, QueryError> {
        self.figures.as_ref().map(|file| self.noticed(file.finest())).transpose()
    }

    /// Whether the keys of its figures name this text.
    pub(super) fn figures_name(&self, text: &str) -> Result<bool, QueryError> {
        self.figures.as_ref().map_or(Ok(false), |file| self.noticed(file.names(text)))
    }

    /// Which lanes had instances, by its spans of about that time.
    pub(super) fn presence(
        &self,
        query: &FiguresQuery,
        cache: &FiguresCache,
    ) -> Result<Option<Arc<Presence>>, QueryError> {
        let file = self.figures.as_ref().filter(|file| file.may_have(query));
        file.map(|file| self.noticed(file.presence(cache))).transpose()
    }

    /// How long ago it was sealed, or the youngest of the parts that it was merged from.
    pub(super) fn age(&self, parts_dir: &Path) -> Duration {
        let modified = dir_of(parts_dir, self.id).metadata().and_then(|metadata| metadata.modified());
        modified.ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default()
    }

    /// Its attribute columns, in the order of shapes.
    pub(super) fn attributes(&self) -> &[AttributeMeta] {
        &self.meta.attributes
    }

    /// Why it cannot be read, when reading it has failed.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// Remembers damage that was met.
    pub(super) fn noticed<T>(&self, read: Result<T, QueryError>) -> Result<T, QueryError> {
        read.inspect_err(|error| {
            if is_damage(error) {
                let _ = self.damage.set(error.to_string());
            }
        })
    }

    /// Its row groups.
    pub(super) fn row_groups(&self) -> impl ExactSizeIterator<Item = RowGroup<'_>> {
        (0..self.meta.row_groups.len()).map(|number| self.row_group(number))
    }

    /// A row group by its number.
    pub(super) fn row_group(&self, number: usize) -> RowGroup<'_> {
        RowGroup { part: self, number, cache: &self.cache, keeps_pages: false }
    }

    /// Its row groups in runs, in each of which trace ids ascend from one row group to the next. What was merged row by row is one run.
    pub(super) fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for number in 0..self.meta.row_groups.len() {
            match runs.last_mut() {
                Some(run) if self.row_group(number).follows(self.row_group(number - 1)) => run.end += 1,
                _ => runs.push(number..number + 1),
            }
        }
        runs
    }

    /// Whether other parts may take over its row groups as they are.
    pub(super) fn can_be_copied(&self) -> bool {
        self.meta.can_be_copied()
    }

    /// Whether the trace may be here; "maybe" for one absent trace in 65,536.
    pub(super) fn may_have(&self, trace_id: TraceId) -> bool {
        self.filter.may_have(trace_id)
    }

    /// How many spans of the trace are here.
    pub(super) fn rows_of_trace(&self, trace_id: TraceId) -> Result<usize, QueryError> {
        if !self.may_have(trace_id) {
            return Ok(0);
        }
        self.row_groups().map(|group| Ok(group.rows_of_trace(trace_id)?.len())).sum()
    }

    fn content(&self, column: &ColumnPages, page: &PageMeta) -> Result<Vec<u8>, QueryError> {
        let content = self.spans.read_checked(page.offset, page.len as usize, page.crc32c)?;
        column.codec.decompress(content, page.decompressed_len as usize)
    }

    /// Some bytes of a page of ids. Its checksum is of all of them: the first time, all are read.
    fn ids(
        &self,
        IdPage { page, was_compared }: IdPage<'_>,
        bytes: Range<usize>,
    ) -> Result<Vec<u8>, QueryError> {
        let len = page.len as usize;
        if bytes.end > len {
            return Err(corrupt("there are too few ids"));
        }
        if bytes == (0..len) || !was_compared.load(Ordering::Relaxed) {
            let mut all = self.spans.read_checked(page.offset, len, page.crc32c)?;
            was_compared.store(true, Ordering::Relaxed);
            all.truncate(bytes.end);
            return Ok(all.split_off(bytes.start));
        }
        let mut some = vec![0; bytes.len()];
        self.spans.read(page.offset + bytes.start as u64, &mut some)?;
        Ok(some)
    }

    fn texts(&self, column: &ColumnPages) -> Result<Strings, QueryError> {
        let dictionary = column.dictionary.ok_or_else(|| corrupt("a dictionary is missing"))?;
        byte_array::decode_plain(&self.content(column, &dictionary)?, dictionary.values as usize)
            .map_err(corrupt)
    }
}

/// Parts are shared by the queries that read them.
pub(super) type SharedPart = Arc<Part>;

/// The directory of a part below the data directory's `parts`.
pub(super) fn dir_of(parts_dir: &Path, id: PartId) -> PathBuf {
    parts_dir.join(id.dir_name())
}

fn corrupt(problem: impl std::fmt::Display) -> QueryError {
    QueryError::Corrupt(problem.to_string())
}
