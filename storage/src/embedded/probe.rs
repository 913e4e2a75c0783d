//! What benchmarks measure of the store's inside. No interface: it changes with what is inside.

use laneway_proto::otlp::reader::{ReadError, TracesRequest};

use super::segment::Segment;

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
