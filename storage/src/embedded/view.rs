//! What a query sees: the open segment, segments that are being sealed, and parts.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use laneway_proto::TraceId;
use parking_lot::RwLock;

use super::columns::{Columns, SpanReader};
use super::part::{Projection, SharedPart};
use super::segment::Segment;
use crate::QueryError;
use crate::model::Span;
use crate::query::TimeRange;

/// A segment in memory, open or waiting to be sealed.
pub(super) struct LiveSegment {
    /// Its number, which is also that of its log.
    pub(super) number: u64,
    pub(super) spans: RwLock<Segment>,
    // Rows that are durable. Rows behind them may yet be taken back.
    visible: AtomicUsize,
    // Whether an ingest thread may append to it.
    open: AtomicBool,
}

impl LiveSegment {
    /// A segment to append to.
    pub(super) fn new_open(number: u64, spans: Segment) -> Self {
        Self { open: true.into(), ..Self::new_full(number, spans) }
    }

    /// A segment whose spans are durable, and to which none is added.
    pub(super) fn new_full(number: u64, spans: Segment) -> Self {
        let visible = spans.columns().len().into();
        Self { number, spans: RwLock::new(spans), visible, open: false.into() }
    }

    /// Whether spans may yet be added; otherwise it waits to be sealed.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// No span is added from now on.
    pub(super) fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// Shows all spans that were appended so far.
    pub(super) fn publish(&self) {
        self.visible.store(self.spans.read().columns().len(), Ordering::Release);
    }

    /// How many spans are durable.
    pub(super) fn visible_rows(&self) -> usize {
        self.visible.load(Ordering::Acquire)
    }
}

/// All spans of the store at one instant, each exactly once. Replaced as a whole when a segment or part comes or goes.
#[derive(Clone)]
pub(super) struct View {
    /// In ascending order of their numbers. Every ingest thread has an open one; the others wait to be sealed.
    pub(super) live: Vec<Arc<LiveSegment>>,
    pub(super) parts: Vec<SharedPart>,
}

/// A [`View`] that does not grow while a query works on it.
pub(super) struct Snapshot {
    sources: Vec<Source>,
}

/// A segment or part within a snapshot.
pub(super) enum Source {
    Live { segment: Arc<LiveSegment>, rows: usize },
    Part(SharedPart),
}

impl View {
    /// Adds a segment.
    pub(super) fn add_live(&mut self, segment: Arc<LiveSegment>) {
        // Threads take their numbers and come here in no certain order.
        let place = self.live.partition_point(|other| other.number < segment.number);
        self.live.insert(place, segment);
    }

    /// Takes a snapshot of what is durable now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let live = self
            .live
            .iter()
            .map(|segment| Source::Live { rows: segment.visible_rows(), segment: Arc::clone(segment) });
        let parts = self.parts.iter().map(|part| Source::Part(Arc::clone(part)));
        Snapshot { sources: live.chain(parts).collect() }
    }
}

impl Snapshot {
    /// The sources with spans that may start within the range, those with the newest spans first.
    pub(super) fn newest_first(&self, range: TimeRange) -> Vec<(TimeRange, &Source)> {
        let mut sources: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| Some((source.range()?, source)))
            .filter(|(bounds, _)| bounds.overlaps(&range))
            .collect();
        sources.sort_by_key(|(bounds, _)| std::cmp::Reverse(bounds.end_unix_ns));
        sources
    }

    /// All spans of a trace with at least the projected fields, in no order, maybe more than once.
    pub(super) fn spans_of_trace(
        &self,
        trace_id: TraceId,
        projection: &Projection,
    ) -> Result<Vec<Span>, QueryError> {
        let mut spans = Vec::new();
        for source in &self.sources {
            source.spans_of_trace(trace_id, projection, &mut spans)?;
        }
        Ok(spans)
    }
}

impl Source {
    fn range(&self) -> Option<TimeRange> {
        match self {
            Self::Live { segment, .. } => segment.spans.read().range(),
            Self::Part(part) => Some(part.range()),
        }
    }

    /// Calls `visit` with at least the projected columns, and how many of their rows count.
    pub(super) fn read<T>(
        &self,
        projection: &Projection,
        visit: impl FnOnce(&Columns, usize) -> T,
    ) -> Result<T, QueryError> {
        Ok(match self {
            Self::Live { segment, rows } => visit(segment.spans.read().columns(), *rows),
            Self::Part(part) => visit(&part.load(0..part.rows(), projection)?, part.rows()),
        })
    }

    fn spans_of_trace(
        &self,
        trace_id: TraceId,
        projection: &Projection,
        spans: &mut Vec<Span>,
    ) -> Result<(), QueryError> {
        match self {
            Self::Live { segment, rows } => {
                let segment = segment.spans.read();
                let columns = segment.columns();
                let id = trace_id.as_bytes();
                read_spans(columns, (0..*rows).filter(|&row| columns.trace_id[row] == *id), spans)
            }
            Self::Part(part) => {
                let rows: Range<usize> = part.rows_of_trace(trace_id)?;
                if rows.is_empty() {
                    return Ok(());
                }
                let columns = part.load(rows, projection)?;
                read_spans(&columns, 0..columns.len(), spans)
            }
        }
    }
}

fn read_spans(
    columns: &Columns,
    rows: impl Iterator<Item = usize>,
    spans: &mut Vec<Span>,
) -> Result<(), QueryError> {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        let mut reader = SpanReader::new(columns);
        for row in rows {
            spans.push(reader.span(row)?);
        }
    }
    Ok(())
}
