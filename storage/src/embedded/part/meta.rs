//! `part.json`: what a part is made of.

use std::io;
use std::path::Path;

use super::super::columns::AttributeType;
use super::{FORMAT, OLDEST_FORMAT, corrupt};
use crate::QueryError;

/// What `part.json` says.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(in super::super) struct PartMeta {
    pub(super) format: u32,
    pub(super) rows: usize,
    pub(super) min_start_unix_ns: u64,
    pub(super) max_start_unix_ns: u64,
    /// The filter over all trace ids of the part.
    pub(super) filter: Section,
    /// The attribute columns, in their order in the Parquet file and in shapes.
    pub(super) attributes: Vec<AttributeMeta>,
    /// Of attribute columns with many distinct values, the filters of the whole part: [`value_filter`](super::value_filter). Those that
    /// have none have too many, or were written by a version that had no such filters.
    #[serde(default)]
    pub(super) needles: Vec<NeedleMeta>,
    /// Keys of attributes of resources; absent when there are too many to list, or where a version wrote it that did not.
    pub(super) resource_keys: Option<Vec<String>>,
    /// Keys of attributes of instrumentation scopes; absent in the same cases.
    pub(super) scope_keys: Option<Vec<String>>,
    pub(super) row_groups: Vec<RowGroupMeta>,
}

/// An attribute column of a part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(in super::super) struct AttributeMeta {
    pub(in super::super) key: String,
    #[serde(rename = "type")]
    pub(in super::super) kind: AttributeType,
}

/// A row group: rows that were written together, with indexes of their own.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(in super::super) struct RowGroupMeta {
    pub(super) rows: usize,
    pub(super) traces: usize,
    pub(super) min_start_unix_ns: u64,
    pub(super) max_start_unix_ns: u64,
    /// The smallest and the largest trace id, in hexadecimal.
    pub(super) first_trace: String,
    pub(super) last_trace: String,
    /// Where the pages of each column are: [`PageIndex`](super::pages::PageIndex).
    pub(super) pages: Section,
    /// One entry a trace: [`TraceTable`](super::table::TraceTable).
    pub(super) table: Section,
    /// Which traces have which operation or lane: [`Postings`](super::postings::Postings).
    pub(super) postings: Section,
    /// Where the lists of `postings` begin.
    pub(super) lists: u64,
    /// The filter over its trace ids, where they do not all come behind those of the row group before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Section>,
    /// Of attribute columns with many distinct values, the filters of their pages.
    pub(super) needles: Vec<NeedleMeta>,
    /// Keys of attributes that are in no column of their own; absent when there are too many to list.
    pub(super) residual_keys: Option<Vec<String>>,
    /// Keys of attributes of events; absent when there are too many to list.
    pub(super) event_keys: Option<Vec<String>>,
    /// Keys of attributes of links; absent when there are too many to list.
    pub(super) link_keys: Option<Vec<String>>,
}

/// The filters of one attribute column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(in super::super) struct NeedleMeta {
    /// Place among the attribute columns.
    pub(super) attribute: usize,
    pub(super) section: Section,
}

/// A piece of `part.idx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(in super::super) struct Section {
    pub(super) offset: u64,
    pub(super) len: usize,
    pub(super) crc32c: u32,
}

impl PartMeta {
    /// Whether trace tables say how many rows each trace has.
    pub(super) fn has_row_counts(&self) -> bool {
        self.format >= 5
    }

    /// Whether its row groups are all written to last: format 4 compressed sealed segments in a hurry.
    pub(super) fn can_be_copied(&self) -> bool {
        self.format >= 5
    }

    /// One JSON document, and its checksum on a line of its own.
    pub(super) fn to_text(&self) -> io::Result<String> {
        let json = serde_json::to_string_pretty(self)?;
        let crc = crc32c::crc32c(json.as_bytes());
        Ok(format!("{json}\ncrc32c {crc:08x}\n"))
    }

    /// Reads `part.json` of a directory.
    pub(super) fn read(path: &Path) -> Result<Self, QueryError> {
        let text = std::fs::read_to_string(path)?;
        let (json, crc) = text
            .strip_suffix('\n')
            .and_then(|text| text.rsplit_once("\ncrc32c "))
            .ok_or_else(|| corrupt("part.json has no checksum: it is cut, or of another format"))?;
        if u32::from_str_radix(crc, 16) != Ok(crc32c::crc32c(json.as_bytes())) {
            return Err(corrupt("the checksum of part.json does not match"));
        }
        let format: Format = serde_json::from_str(json).map_err(corrupt)?;
        if !(OLDEST_FORMAT..=FORMAT).contains(&format.format) {
            return Err(corrupt(format_args!(
                "format {} is none of {OLDEST_FORMAT} to {FORMAT}, which this version reads",
                format.format
            )));
        }
        serde_json::from_str(json).map_err(corrupt)
    }
}

#[derive(serde::Deserialize)]
struct Format {
    format: u32,
}
