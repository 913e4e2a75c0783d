//! What a data directory holds, without changing it: beside a server that uses it, and where it is damaged.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::column::page::Page;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde::Serialize;

use super::layout::{FORMAT, FORMAT_FILE};
use super::part::{Cache, Part, PartId, RowGroup, SPANS_FILE};
use super::wal::{OsFs, WalDir};
use crate::topology::Resolution;

#[cfg(test)]
mod tests;

/// Enough for the indexes of a part, of which each is read once.
const CACHE_BYTES: usize = 1 << 20;

/// What was found in a data directory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// What it says of its format.
    pub format: Option<String>,
    /// Whether this version reads that.
    pub readable: bool,
    /// Parts, by segment numbers.
    pub parts: Vec<PartInspection>,
    /// Parts in quarantine.
    pub quarantine: Vec<PartInspection>,
    /// Logs of segments that were not yet sealed, by number.
    pub logs: Vec<LogInspection>,
    /// Names of snapshots.
    pub snapshots: Vec<String>,
}

/// What was found of a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartInspection {
    /// Name of its directory.
    pub name: String,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Why it cannot be read.
    pub problem: Option<String>,
    /// Figures of what can be read.
    #[serde(flatten)]
    pub content: Option<PartContent>,
    /// Its columns, in the order of the file; none where its footer cannot be read.
    pub columns: Vec<ColumnInspection>,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartContent {
    /// First segment.
    pub first_segment: u64,
    /// Last segment.
    pub last_segment: u64,
    /// 0 for a sealed segment, more for what was merged or deleted from.
    pub level: u32,
    /// How many spans.
    pub spans: usize,
    /// Start of the earliest span, in nanoseconds since the Unix epoch.
    pub first_start_unix_ns: u64,
    /// Start of the latest span, in nanoseconds since the Unix epoch.
    pub last_start_unix_ns: u64,
    /// Bytes of all files by spans.
    pub bytes_per_span: f64,
}

/// What was found of a column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnInspection {
    /// Its name in the Parquet file.
    pub name: String,
    /// Bytes on disk.
    pub encoded_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Parquet's names of the encodings of its pages.
    pub encodings: Vec<String>,
    /// Distinct values in the dictionary, the largest where there are several row groups; `None` without a dictionary.
    pub dictionary_values: Option<u64>,
}

/// What was found of a log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogInspection {
    /// Its segment.
    pub segment: u64,
    /// Length of the file; the log in it may be shorter.
    pub file_bytes: u64,
    /// Requests that can be read.
    pub requests: u64,
    /// Their bytes.
    pub request_bytes: u64,
    /// Bytes of an end that was never acknowledged as durable.
    pub cut_bytes: u64,
    /// Places that are damaged: acknowledged requests are lost there.
    pub damaged_places: u64,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

/// Looks at a data directory. With `verify`, every page of every part is read.
///
/// # Errors
/// When the directory cannot be read at all. What is wrong within it is part of the answer.
pub fn inspect(data_dir: &Path, verify: bool) -> io::Result<Inspection> {
    fs::read_dir(data_dir)?;
    let cache = Cache::new(CACHE_BYTES);
    let format = fs::read_to_string(data_dir.join(FORMAT_FILE)).ok();
    Ok(Inspection {
        readable: format.as_deref() == Some(FORMAT),
        format: format.map(|format| format.trim_end().to_owned()),
        parts: parts(&data_dir.join("parts"), verify, &cache),
        quarantine: parts(&data_dir.join("quarantine"), verify, &cache),
        logs: logs(&data_dir.join("wal")),
        snapshots: entries(&data_dir.join("snapshots")).into_iter().map(|(name, _)| name).collect(),
    })
}

/// Names and paths of what is in a directory; nothing where there is no such directory.
fn entries(dir: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut entries: Vec<_> =
        entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path()))).collect();
    entries.sort();
    entries
}

fn parts(dir: &Path, verify: bool, cache: &Arc<Cache>) -> Vec<PartInspection> {
    entries(dir).into_iter().filter_map(|(name, path)| part(name, &path, verify, cache)).collect()
}

/// `None` for what is no part, or is gone meanwhile.
fn part(name: String, dir: &Path, verify: bool, cache: &Arc<Cache>) -> Option<PartInspection> {
    let id = PartId::from_dir_name(name.split_once('.').map_or(name.as_str(), |(id, _)| id))?;
    let bytes = entries(dir).iter().filter_map(|(_, path)| Some(path.metadata().ok()?.len())).sum();
    let opened = Part::open(dir, id, cache).and_then(|part| {
        if verify {
            part.row_groups().try_for_each(RowGroup::verify)?;
            for resolution in Resolution::ALL {
                part.figures_at(resolution, None)?;
            }
        }
        Ok(part)
    });
    if !dir.exists() {
        return None;
    }
    let (problem, content) = match opened {
        Ok(part) => (None, Some(content(&part, bytes))),
        Err(error) => (Some(error.to_string()), None),
    };
    Some(PartInspection {
        name,
        bytes,
        problem,
        content,
        columns: columns(&dir.join(SPANS_FILE)).unwrap_or_default(),
    })
}

fn content(part: &Part, bytes: u64) -> PartContent {
    let (id, range) = (part.id(), part.range());
    PartContent {
        first_segment: id.first_segment,
        last_segment: id.last_segment,
        level: id.level,
        spans: part.rows(),
        first_start_unix_ns: range.start_unix_ns,
        last_start_unix_ns: range.end_unix_ns,
        bytes_per_span: bytes as f64 / part.rows().max(1) as f64,
    }
}

/// The columns as the Parquet footer describes them.
fn columns(file: &Path) -> Result<Vec<ColumnInspection>, parquet::errors::ParquetError> {
    let reader = SerializedFileReader::new(File::open(file)?)?;
    let mut columns: Vec<ColumnInspection> = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        for (i, chunk) in group.metadata().columns().iter().enumerate() {
            if columns.len() == i {
                columns.push(ColumnInspection {
                    name: chunk.column_descr().name().to_owned(),
                    encoded_bytes: 0,
                    raw_bytes: 0,
                    encodings: Vec::new(),
                    dictionary_values: None,
                });
            }
            let column = &mut columns[i];
            column.encoded_bytes += chunk.compressed_size().max(0).cast_unsigned();
            column.raw_bytes += chunk.uncompressed_size().max(0).cast_unsigned();
            for encoding in chunk.encodings().map(|encoding| encoding.to_string()) {
                if !column.encodings.contains(&encoding) {
                    column.encodings.push(encoding);
                }
            }
            if chunk.dictionary_page_offset().is_some()
                && let Some(Page::DictionaryPage { num_values, .. }) =
                    group.get_column_page_reader(i)?.get_next_page()?
            {
                column.dictionary_values = column.dictionary_values.max(Some(num_values.into()));
            }
        }
    }
    Ok(columns)
}

fn logs(dir: &Path) -> Vec<LogInspection> {
    let wal = WalDir::read_only(OsFs, dir);
    let logs = wal.list().unwrap_or_default().into_iter();
    logs.map(|log| {
        let mut found = LogInspection {
            segment: log.segment,
            file_bytes: log.file_bytes,
            requests: 0,
            request_bytes: 0,
            cut_bytes: 0,
            damaged_places: 0,
            problem: None,
        };
        match wal.replay(log.segment) {
            Ok(mut replay) => {
                for record in &mut replay {
                    match record {
                        Ok(record) => found.request_bytes += record.payload.len() as u64,
                        Err(error) => found.problem = Some(error.to_string()),
                    }
                }
                let end = replay.end();
                found.requests = end.records;
                found.cut_bytes = end.cut_bytes;
                found.damaged_places = end.corrupt.places;
            }
            Err(error) => found.problem = Some(error.to_string()),
        }
        found
    })
    .collect()
}
