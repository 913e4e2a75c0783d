//! Parts: immutable units of stored spans on disk.
//!
//! A part is a directory `parts/<first segment>-<last segment>-<level>` of three files: `spans.parquet` (the spans, ordered by
//! trace id), `traces.idx` (which traces it holds and where, see [`TraceIndex`]) and `part.json` (see [`PartMeta`]). It is written
//! under `tmp/`, synced, and comes into being by one rename.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use laneway_proto::TraceId;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;

use super::columns::{AttributeType, Columns};
use super::quarantine::is_damage;
use crate::QueryError;
use crate::query::TimeRange;

mod decode;
mod field;
mod file;
mod load;
#[cfg(test)]
mod tests;
mod traces;
mod write;

pub(super) use field::{Field, Projection};
pub(super) use write::write;

use file::PartFile;
use traces::TraceIndex;

/// Version of the part format that this code writes and reads.
const FORMAT: u32 = 1;

pub(super) const SPANS_FILE: &str = "spans.parquet";
const TRACES_FILE: &str = "traces.idx";
const META_FILE: &str = "part.json";

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

/// What `part.json` says.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct PartMeta {
    format: u32,
    rows: usize,
    min_start_unix_ns: u64,
    max_start_unix_ns: u64,
    /// Where the pages of `spans.parquet` end, and its indexes and footer begin.
    footer_offset: u64,
    /// CRC-32C of these: the Parquet reader trusts them.
    footer_crc32c: u32,
    /// The attribute columns, in their order in the Parquet file and in shapes.
    attributes: Vec<AttributeMeta>,
}

/// An attribute column of a part.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct AttributeMeta {
    key: String,
    #[serde(rename = "type")]
    kind: AttributeType,
}

/// An open part.
pub(super) struct Part {
    id: PartId,
    meta: PartMeta,
    traces: TraceIndex,
    spans: SerializedFileReader<PartFile>,
    bytes: u64,
    // Why it cannot be read, once that was found.
    damage: OnceLock<String>,
}

impl Part {
    /// Opens the part in a directory.
    pub(super) fn open(dir: &Path, id: PartId) -> Result<Self, QueryError> {
        let at =
            |error: &dyn std::fmt::Display| QueryError::Corrupt(format!("part {}: {error}", dir.display()));
        let meta = std::fs::read(dir.join(META_FILE))?;
        let meta: PartMeta = serde_json::from_slice(&meta).map_err(|error| at(&error))?;
        if meta.format != FORMAT {
            return Err(at(&format_args!(
                "format {} is not {FORMAT}, the one this version reads",
                meta.format
            )));
        }
        let traces =
            TraceIndex::from_bytes(&std::fs::read(dir.join(TRACES_FILE))?).map_err(|error| at(&error))?;
        let file = PartFile::new(File::open(dir.join(SPANS_FILE))?)?;
        let bytes = file.len();
        if file.crc32c_from(meta.footer_offset)? != meta.footer_crc32c {
            return Err(at(&"the checksum of the footer of spans.parquet does not match"));
        }
        let options = ReadOptionsBuilder::new().with_page_index().build();
        let spans = SerializedFileReader::new_with_options(file, options).map_err(|error| at(&error))?;
        if spans.metadata().file_metadata().num_rows() != meta.rows as i64 {
            return Err(at(&"spans.parquet and part.json disagree on the number of spans"));
        }
        Ok(Self { id, meta, traces, spans, bytes, damage: OnceLock::new() })
    }

    pub(super) fn id(&self) -> PartId {
        self.id
    }

    /// How many spans.
    pub(super) fn rows(&self) -> usize {
        self.meta.rows
    }

    /// Bytes of its span file.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// First and last start of its spans.
    pub(super) fn range(&self) -> TimeRange {
        TimeRange { start_unix_ns: self.meta.min_start_unix_ns, end_unix_ns: self.meta.max_start_unix_ns }
    }

    /// The rows of a trace; empty when it has none here.
    pub(super) fn rows_of_trace(&self, trace_id: TraceId) -> Result<Range<usize>, QueryError> {
        let Some(candidates) = self.traces.candidate_rows(trace_id, self.rows()) else { return Ok(0..0) };
        let columns = self.load(candidates.clone(), &Projection::of([Field::TraceId]))?;
        let id = trace_id.as_bytes();
        let start = columns.trace_id.partition_point(|other| other < id);
        let end = columns.trace_id.partition_point(|other| other <= id);
        Ok(candidates.start + start..candidates.start + end)
    }

    /// Reads the projected columns of some rows.
    pub(super) fn load(&self, rows: Range<usize>, projection: &Projection) -> Result<Columns, QueryError> {
        load::load(self, rows, projection).inspect_err(|error| {
            if is_damage(error) {
                let _ = self.damage.set(error.to_string());
            }
        })
    }

    /// Why it cannot be read, when reading it has failed.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Parts are shared by the queries that read them.
pub(super) type SharedPart = Arc<Part>;

/// The directory of a part below the data directory's `parts`.
pub(super) fn dir_of(parts_dir: &Path, id: PartId) -> PathBuf {
    parts_dir.join(id.dir_name())
}
