//! Searching: pages of traces, newest first, of what is here and what ClickHouse has.
//!
//! Both sides say where a trace may be, which is never too low a place: they see only their own spans of it, and SQL's condition may be wider
//! than the filter. Traces are read whole, in the order of these bounds, and take their true place; one is given out when no bound that is
//! left is above it.

use std::collections::{BinaryHeap, HashSet};

use clickhouse::Row;
use laneway_proto::TraceId;
use serde::Deserialize;

use super::connection::Connection;
use super::filter::Condition;
use super::read;
use super::row::{MAX_UNIX_NS, timestamp};
use crate::QueryError;
use crate::embedded::LocalView;
use crate::query::{TimeRange, TraceCursor, TracePage, TraceQuery, TraceSummary};

/// The length of the first stretch of time that is looked at; each is four times as long as the one after it.
const FIRST_WINDOW_NS: u64 = 5 * 60 * 1_000_000_000;
/// The least number of places that are asked for at a time.
const MIN_PLACES: usize = 32;

/// A page of matching traces.
pub(super) async fn search(
    connection: &Connection,
    local: LocalView,
    query: TraceQuery,
) -> Result<TracePage, QueryError> {
    let places = query.limit.saturating_add(1).max(MIN_PLACES);
    let mut here = Here { local: &local, query: &query, places, bound: Some(HIGHEST) };
    let mut there = There::new(connection, &query, places);
    let (mut heap, mut seen) = (BinaryHeap::new(), HashSet::new());
    let mut page = TracePage { traces: Vec::new(), next: None };
    let mut last = None;
    loop {
        let top = heap.peek().map(|item: &Item| item.place);
        let may_be_higher =
            |bound: Option<TraceCursor>| bound.is_some_and(|bound| top.is_none_or(|top| top <= bound));
        if may_be_higher(here.bound) {
            heap.extend(here.next().await?);
            continue;
        }
        if may_be_higher(there.bound) {
            heap.extend(there.next().await?);
            continue;
        }
        let Some(Item { place, summary }) = heap.pop() else { return Ok(page) };
        if let Some(summary) = summary {
            if page.traces.len() == query.limit {
                page.next = last;
                return Ok(page);
            }
            page.traces.push(summary);
            last = Some(place);
            continue;
        }
        // Read together with those that come next if it is where it seems to be.
        let mut wanted = Vec::from_iter(seen.insert(place.trace_id).then_some(place.trace_id));
        let most = query.limit + 1 - page.traces.len();
        while wanted.len() < most
            && let Some(item) = heap.peek()
            && item.summary.is_none()
        {
            wanted.extend(Some(item.place.trace_id).filter(|id| seen.insert(*id)));
            heap.pop();
        }
        if wanted.is_empty() {
            continue;
        }
        for (trace_id, trace) in read::traces(connection, &local, wanted).await? {
            let place =
                query.newest_match(&trace).map(|start_unix_ns| TraceCursor { start_unix_ns, trace_id });
            // What lies before the cursor was on an earlier page.
            if let Some(place) = place.filter(|place| query.cursor.is_none_or(|cursor| *place < cursor)) {
                heap.push(Item { place, summary: Some(TraceSummary::of(&trace)) });
            }
        }
    }
}

const HIGHEST: TraceCursor =
    TraceCursor { start_unix_ns: u64::MAX, trace_id: TraceId::from_bytes([0xff; 16]).expect("not zero") };

/// A trace, and its place: a bound, or the true one of a trace that was read.
#[derive(Debug)]
struct Item {
    place: TraceCursor,
    summary: Option<TraceSummary>,
}

impl Item {
    fn bound(place: TraceCursor) -> Self {
        Self { place, summary: None }
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.place, self.summary.is_none()).cmp(&(other.place, other.summary.is_none()))
    }
}

/// Places of what is here.
struct Here<'a> {
    local: &'a LocalView,
    query: &'a TraceQuery,
    places: usize,
    /// No place that is left is above it; `None` when none is left.
    bound: Option<TraceCursor>,
}

impl Here<'_> {
    async fn next(&mut self) -> Result<Vec<Item>, QueryError> {
        let cursor = self.bound.filter(|bound| *bound < HIGHEST).or(self.query.cursor);
        let query = TraceQuery { cursor, ..self.query.clone() };
        let places = self.local.places(query, self.places).await?;
        self.bound = places.last().copied().filter(|_| places.len() == self.places);
        Ok(places.into_iter().map(Item::bound).collect())
    }
}

/// Places of what ClickHouse has, found in one stretch of time after the other, the newest first.
struct There<'a> {
    connection: &'a Connection,
    condition: Condition,
    range: TimeRange,
    cursor: Option<TraceCursor>,
    places: usize,
    window: Option<TimeRange>,
    bound: Option<TraceCursor>,
}

#[derive(Debug, Row, Deserialize)]
struct Bounds {
    spans: u64,
    oldest: i64,
    newest: i64,
}

#[derive(Debug, Row, Deserialize)]
struct Place {
    trace: String,
    newest: i64,
}

impl<'a> There<'a> {
    fn new(connection: &'a Connection, query: &TraceQuery, places: usize) -> Self {
        let mut range = query.range;
        let cursor = query.cursor.filter(|cursor| cursor.start_unix_ns <= MAX_UNIX_NS);
        if let Some(cursor) = cursor {
            range.end_unix_ns = range.end_unix_ns.min(cursor.start_unix_ns);
        }
        let condition = Condition::of(&query.filter);
        Self { connection, condition, range, cursor, places, window: None, bound: Some(HIGHEST) }
    }

    async fn next(&mut self) -> Result<Vec<Item>, QueryError> {
        let Some(window) = self.window().await? else {
            self.bound = None;
            return Ok(Vec::new());
        };
        let after = match self.cursor {
            Some(_) => "AND (newest, trace) < ({after:Int64}, {after_id:String})",
            None => "",
        };
        let query = format!(
            "SELECT TraceId AS trace, max(toUnixTimestamp64Nano(Timestamp)) AS newest FROM otel_traces \
             WHERE Timestamp >= fromUnixTimestamp64Nano({{start:Int64}}) \
             AND Timestamp <= fromUnixTimestamp64Nano({{end:Int64}}) AND ({}) \
             GROUP BY trace HAVING length(trace) = 32 {after} ORDER BY newest DESC, trace DESC LIMIT {{places:UInt64}}",
            self.condition.sql
        );
        let mut query = self
            .condition
            .bind(self.connection.query(&query))
            .param("start", timestamp(window.start_unix_ns))
            .param("end", timestamp(window.end_unix_ns))
            .param("places", self.places);
        if let Some(cursor) = self.cursor {
            query = query
                .param("after", timestamp(cursor.start_unix_ns))
                .param("after_id", cursor.trace_id.to_string());
        }
        let found: Vec<Place> = self.connection.rows(query).await?;
        let is_full = found.len() == self.places;
        // What others wrote may be no trace.
        let places: Vec<TraceCursor> = found.iter().filter_map(Place::cursor).collect();
        match places.last().filter(|_| is_full) {
            Some(last) => {
                (self.bound, self.cursor) = (Some(bound(*last)), Some(*last));
            }
            None => self.move_on(window),
        }
        Ok(places.into_iter().map(|place| Item::bound(bound(place))).collect())
    }

    /// The stretch of time that is looked at; `None` when there is no span in the range.
    async fn window(&mut self) -> Result<Option<TimeRange>, QueryError> {
        if self.window.is_none() {
            let query = "SELECT count() AS spans, toUnixTimestamp64Nano(min(Timestamp)) AS oldest, \
                         toUnixTimestamp64Nano(max(Timestamp)) AS newest FROM otel_traces";
            let bounds: Vec<Bounds> = self.connection.rows(self.connection.query(query)).await?;
            let Some(bounds) = bounds.first().filter(|bounds| bounds.spans > 0) else { return Ok(None) };
            let unix_ns = |time: i64| u64::try_from(time).unwrap_or_default();
            let range = &mut self.range;
            // A timestamp at the end of time may stand for any later one.
            range.start_unix_ns =
                range.start_unix_ns.clamp(unix_ns(bounds.oldest), MAX_UNIX_NS.max(unix_ns(bounds.oldest)));
            range.end_unix_ns = range.end_unix_ns.min(unix_ns(bounds.newest));
            self.open(FIRST_WINDOW_NS);
        }
        Ok(self.window.filter(|_| self.range.start_unix_ns <= self.range.end_unix_ns))
    }

    /// Looks at what lies so long before the end of the range.
    fn open(&mut self, length_ns: u64) {
        let TimeRange { start_unix_ns, end_unix_ns } = self.range;
        let start_unix_ns = start_unix_ns.max(end_unix_ns.saturating_sub(length_ns));
        self.window = Some(TimeRange { start_unix_ns, end_unix_ns });
    }

    /// A stretch of time has no more places.
    fn move_on(&mut self, done: TimeRange) {
        if done.start_unix_ns <= self.range.start_unix_ns {
            self.bound = None;
            return;
        }
        self.range.end_unix_ns = done.start_unix_ns - 1;
        self.cursor = None;
        self.bound = Some(TraceCursor { start_unix_ns: self.range.end_unix_ns, ..HIGHEST });
        self.open((done.end_unix_ns - done.start_unix_ns).saturating_mul(4).max(FIRST_WINDOW_NS));
    }
}

impl Place {
    fn cursor(&self) -> Option<TraceCursor> {
        let trace_id = TraceId::from_hex(&self.trace).ok()?;
        Some(TraceCursor { start_unix_ns: u64::try_from(self.newest).unwrap_or_default(), trace_id })
    }
}

/// No trace of this place starts later.
fn bound(place: TraceCursor) -> TraceCursor {
    if place.start_unix_ns < MAX_UNIX_NS { place } else { TraceCursor { start_unix_ns: u64::MAX, ..place } }
}
