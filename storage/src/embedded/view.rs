//! What a query sees: open segments, segments that are being sealed, and parts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use laneway_proto::TraceId;
use parking_lot::{Mutex, RwLock};

use super::columns::{Columns, SpanReader};
use super::figures::History;
use super::part::{Projection, RowGroup, SharedPart};
use super::search::{Taken, Work};
use super::segment::Segment;
use super::trace_rows::TraceRows;
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
    // Of durable rows.
    traces: Mutex<TraceRows>,
    // Whether an ingest thread may append to it.
    open: AtomicBool,
    /// Whether it was restored from its log.
    pub(super) is_replayed: bool,
}

impl LiveSegment {
    /// A segment to append to.
    pub(super) fn new_open(number: u64, spans: Segment) -> Self {
        Self { open: true.into(), is_replayed: false, ..Self::replayed(number, spans) }
    }

    /// A segment that was restored from its log. Its spans are durable, and none is added.
    pub(super) fn replayed(number: u64, spans: Segment) -> Self {
        let visible = spans.columns().len().into();
        Self {
            number,
            spans: RwLock::new(spans),
            visible,
            traces: Mutex::default(),
            open: false.into(),
            is_replayed: true,
        }
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

    /// Calls `read` with its columns, and with an index of at least the first `rows` of them, which are durable.
    pub(super) fn read<T>(&self, rows: usize, read: impl FnOnce(&Columns, &TraceRows) -> T) -> T {
        let spans = self.spans.read();
        let mut traces = self.traces.lock();
        traces.extend(spans.columns(), rows);
        read(spans.columns(), &traces)
    }
}

/// All spans of the store at one instant, each exactly once. Replaced as a whole when a segment or part comes or goes.
#[derive(Clone)]
pub(super) struct View {
    /// In ascending order of their numbers. Every ingest thread has an open one; the others wait to be sealed.
    pub(super) live: Vec<Arc<LiveSegment>>,
    pub(super) parts: Vec<SharedPart>,
    /// Figures of parts that have expired.
    pub(super) history: Vec<Arc<History>>,
}

/// A [`View`] that does not grow while a query works on it.
pub(super) struct Snapshot {
    live: Vec<Live>,
    parts: Vec<SharedPart>,
}

/// The durable rows of a segment at one instant.
pub(super) struct Live {
    pub(super) segment: Arc<LiveSegment>,
    pub(super) rows: usize,
}

/// Spans that are read together.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Live(&'a Live),
    Group(RowGroup<'a>),
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
            .map(|segment| Live { rows: segment.visible_rows(), segment: Arc::clone(segment) });
        let parts = self.parts.iter().filter(|part| part.damage().is_none());
        Snapshot { live: live.filter(|live| live.rows > 0).collect(), parts: parts.cloned().collect() }
    }
}

impl Snapshot {
    /// Whether one of its parts was found damaged since it was taken.
    pub(super) fn is_damaged(&self) -> bool {
        self.parts.iter().any(|part| part.damage().is_some())
    }

    /// Where there are spans that may start within the range, with the bounds of their starts.
    pub(super) fn sources(&self, range: TimeRange) -> impl Iterator<Item = (TimeRange, Source<'_>)> {
        let live = self
            .live
            .iter()
            .filter_map(|live| Some((live.segment.spans.read().range()?, Source::Live(live))));
        let parts = self.parts.iter().filter(move |part| part.range().overlaps(&range));
        let groups =
            parts.flat_map(|part| part.row_groups()).map(|group| (group.range(), Source::Group(group)));
        live.chain(groups).filter(move |(bounds, _)| bounds.overlaps(&range))
    }

    /// All spans of a trace with at least the projected fields, in no order, maybe more than once. Their memory is taken from the
    /// budget for as long as `taken` lives. `keeps_pages`: see [`RowGroup::keeping_pages`].
    pub(super) fn spans_of_trace(
        &self,
        trace_id: TraceId,
        projection: &Projection,
        keeps_pages: bool,
        work: &Work,
        taken: &mut Taken<'_>,
    ) -> Result<Vec<Span>, QueryError> {
        let mut spans = Vec::new();
        for live in &self.live {
            live.segment.read(live.rows, |columns, traces| {
                let rows = traces.rows(columns, trace_id).filter(|&row| row < live.rows);
                read_spans(columns, projection, rows, &mut spans, taken)
            })?;
        }
        for part in self.parts.iter().filter(|part| part.may_have(trace_id)) {
            for group in part.row_groups() {
                work.go_on()?;
                let rows = group.rows_of_trace(trace_id)?;
                if !rows.is_empty() {
                    let _columns = work.take(group.load_bytes(&rows, projection)?)?;
                    let group = if keeps_pages { group.keeping_pages() } else { group };
                    let columns = group.load(rows, projection)?;
                    read_spans(&columns, projection, 0..columns.len(), &mut spans, taken)?;
                }
            }
        }
        Ok(spans)
    }
}

impl Source<'_> {
    /// Calls `visit` with at least the projected columns, and how many of their rows count.
    pub(super) fn read<T>(
        &self,
        projection: &Projection,
        work: &Work,
        visit: impl FnOnce(&Columns, usize) -> T,
    ) -> Result<T, QueryError> {
        Ok(match self {
            Self::Live(live) => visit(live.segment.spans.read().columns(), live.rows),
            Self::Group(group) => {
                let rows = 0..group.rows();
                let _columns = work.take(group.load_bytes(&rows, projection)?)?;
                visit(&group.load(rows, projection)?, group.rows())
            }
        })
    }
}

fn read_spans(
    columns: &Columns,
    projection: &Projection,
    rows: impl Iterator<Item = usize>,
    spans: &mut Vec<Span>,
    taken: &mut Taken<'_>,
) -> Result<(), QueryError> {
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        let mut reader = SpanReader::new(columns, projection);
        for row in rows {
            let span = reader.span(row)?;
            taken.more(span.memory_bytes())?;
            spans.push(span);
        }
    }
    Ok(())
}
