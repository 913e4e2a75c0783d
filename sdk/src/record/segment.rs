//! Finished spans on their way from one thread to the exporter: a segment of bytes that the thread fills and the exporter reads,
//! at the same time and without a lock between them.
//!
//! The thread copies a span in and says how far it got; whoever reads goes no further. A full segment is handed over as it is:
//! nobody copies it on the thread's time.

use super::sync::{Arc, AtomicU64, Ordering, Shared};

/// What a thread writes into, once from begin to end.
pub(crate) struct Segment {
    bytes: Shared,
    capacity: usize,
    /// How far it is filled, as [`Extent::pack`] has it. Written by its one [`Writer`] alone.
    filled: AtomicU64,
}

/// A number of whole spans, and of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    pub(crate) bytes: usize,
    pub(crate) spans: usize,
}

impl Extent {
    /// Both in one number, so that they are published together. A segment is far smaller than 4 GiB.
    const fn pack(self) -> u64 {
        (self.bytes as u64) << 32 | self.spans as u64
    }

    const fn unpack(packed: u64) -> Self {
        Self { bytes: (packed >> 32) as usize, spans: packed as u32 as usize }
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, spans: self.spans - other.spans }
    }
}

/// The end that fills a segment: there is one for each, and it is not cloned.
pub(crate) struct Writer {
    segment: Arc<Segment>,
    /// As the segment has it.
    filled: u64,
}

impl Segment {
    /// A segment, for one thread to fill and others to read.
    pub(crate) fn with_capacity(capacity: usize) -> Writer {
        let segment = Self { bytes: Shared::new(capacity), capacity, filled: AtomicU64::new(0) };
        Writer { segment: Arc::new(segment), filled: 0 }
    }

    /// The same memory for other spans; `None` while somebody else holds the segment.
    pub(crate) fn reuse(mut segment: Arc<Self>) -> Option<Writer> {
        Arc::get_mut(&mut segment)?.filled = AtomicU64::new(0);
        Some(Writer { segment, filled: 0 })
    }

    /// How far it is filled by now.
    pub(crate) fn filled(&self) -> Extent {
        // Acquire: the bytes were written before.
        Extent::unpack(self.filled.load(Ordering::Acquire))
    }

    /// Appends what lies between two extents, of which the later is one that [`filled`](Self::filled) gave.
    #[allow(unsafe_code)]
    pub(crate) fn read(&self, from: Extent, to: Extent, out: &mut Vec<u8>) {
        assert!(from.bytes <= to.bytes && to.bytes <= self.filled().bytes, "only what is filled is read");
        // SAFETY: the range is within what is filled, which is within the segment, and its writer writes behind that only.
        unsafe { self.bytes.read(from.bytes, to.bytes - from.bytes, out) }
    }
}

impl Writer {
    /// Puts a span in, of a head and some pieces, and says how many there are now; `None` when there is no room for all of it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn push<const H: usize, const N: usize>(
        &mut self,
        head: &[u8; H],
        pieces: [&[u8]; N],
    ) -> Option<usize> {
        let segment = &*self.segment;
        let at = Extent::unpack(self.filled).bytes;
        // Pieces are slices in memory: their lengths add up to no more than that.
        let len = H + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if len > segment.capacity - at {
            return None;
        }
        // SAFETY: the range is within the segment, as was just seen, and behind what is filled, where nobody reads; this is the
        // only writer, for it is not cloned and is borrowed mutably.
        unsafe { segment.bytes.write(at, head, pieces) };
        let filled = self.filled + Extent { bytes: len, spans: 1 }.pack();
        self.filled = filled;
        // Release: the bytes are there before it is said so.
        segment.filled.store(filled, Ordering::Release);
        Some(Extent::unpack(filled).spans)
    }

    /// The segment, to be read.
    pub(crate) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }
}
