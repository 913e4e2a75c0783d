//! What benchmarks measure of the store's inside. No interface: it changes with what is inside.

use std::path::Path;
use std::sync::Arc;

use laneway_proto::otlp::reader::{ReadError, TracesRequest};

use super::part::{self, Cache, Disk, Part, PartId};
use super::segment::Segment;
use super::{figures, merge};
use crate::QueryError;
use crate::topology::AdmissionLimits;

/// The open segment alone, without log and store.
#[derive(Default)]
pub struct OpenSegment(Segment);

impl OpenSegment {
    /// Takes the spans of a request; returns how many.
    ///
    /// # Errors
    /// When the request is malformed.
    pub fn append(&mut self, request: &[u8]) -> Result<u64, ReadError> {
        self.0.append(TracesRequest::new(request)).map(|accepted| accepted.spans)
    }

    /// Begins the segment that follows, in the memory of this one.
    pub fn begin_next(&mut self) {
        self.0 = std::mem::take(&mut self.0).recycle();
    }

    /// Its rows in the order of a part.
    pub fn order(&self) -> Vec<u32> {
        part::order(self.0.columns())
    }

    /// Writes its rows as a part, without figures, into an empty directory. `order` is that of [`order`](Self::order).
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn write_part(&self, order: &[u32], dir: &Path) -> std::io::Result<()> {
        part::write(&Disk::default(), self.0.columns(), order, dir)
    }

    /// Bytes of memory that it takes.
    pub fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}

impl std::fmt::Debug for OpenSegment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenSegment").field("spans", &self.0.columns().len()).finish()
    }
}

/// The figures of segments that are sealed one after another, without a store.
pub struct FiguresOfSegments(figures::State);

impl Default for FiguresOfSegments {
    fn default() -> Self {
        Self(figures::State::new(AdmissionLimits::default()))
    }
}

impl FiguresOfSegments {
    /// Derives and encodes what the spans of a segment add; returns how many bytes that are.
    pub fn seal(&mut self, segment: &OpenSegment, order: &[u32]) -> usize {
        self.0.seal(segment.0.columns(), order)
    }
}

impl std::fmt::Debug for FiguresOfSegments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FiguresOfSegments").finish_non_exhaustive()
    }
}

/// Merges all parts of a data directory that no store uses into an empty directory, on this thread, row by row, or as a `join` of their row
/// groups; returns how many spans. Figures are left out.
///
/// # Errors
/// When a part cannot be read or written.
pub fn merge_parts(data_dir: &Path, to: &Path, join: bool) -> Result<usize, QueryError> {
    let cache = Cache::new(1 << 20);
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(data_dir.join("parts"))? {
        let entry = entry?;
        if let Some(id) = entry.file_name().to_str().and_then(PartId::from_dir_name) {
            parts.push(Arc::new(Part::open(&entry.path(), id, &cache)?));
        }
    }
    let full_group_rows = if join { 0 } else { usize::MAX };
    let merged = merge::write_to(&Disk::default(), to, &parts, full_group_rows, || true)?;
    Ok(merged.unwrap_or_default())
}
