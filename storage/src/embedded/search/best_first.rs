//! Finding the newest matching traces without looking at more of the store than they take.
//!
//! Every source of spans knows a bound: none of its spans starts later. So does every trace of a row group, from its table. The
//! search always goes on where the bound is latest (best-first search): it opens that source, or reads the trace of
//! that bound to learn when its newest matching span really starts. When what it knows for sure is not older than any bound that is
//! left, nothing newer can come.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

use laneway_proto::TraceId;

use super::super::columns::Columns;
use super::super::part::{Candidates, PartId, RowGroup};
use super::super::scan;
use super::super::view::{Live, Snapshot, Source};
use super::{Taken, Work};
use crate::QueryError;
use crate::query::{SpanFilter, TimeRange, TraceCursor, TraceQuery};

/// So many traces of a row group are read in vain, one after the other, before the whole row group is: which costs about as
/// much as reading this many.
const MAX_MISSES: usize = 48;
/// Candidates that lie together in so few places are read at once, place by place.
const MAX_RUNS: usize = 16;
/// A source is opened in some ten to some hundred microseconds: fewer than this many are not worth a thread.
const MIN_OPENED_AT_ONCE: usize = 16;
const MAX_OPENED_AT_ONCE: usize = 64;

/// The places of matching traces, newest first; a trace is given out once for each source that it matches in.
pub(super) struct BestFirst<'a> {
    search: Search<'a>,
    heap: BinaryHeap<Item>,
    sources: Vec<(Source<'a>, Frontier)>,
    opened: usize,
}

/// What is looked for.
struct Search<'a> {
    filter: &'a SpanFilter,
    range: TimeRange,
    cursor: Option<TraceCursor>,
    work: &'a Work,
}

/// How far a source has been searched.
enum Frontier {
    Unopened,
    /// All matching traces that are left.
    Known(BinaryHeap<TraceCursor>),
    /// Traces that may match, by the bound of their starts.
    Candidates {
        left: BinaryHeap<(u64, u32)>,
        misses: usize,
    },
}

/// What to look at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// A source, none of whose spans that are left starts later than this.
    Source { bound_unix_ns: u64, number: usize },
    /// A matching trace.
    Found(TraceCursor),
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        let start = |item: &Self| match item {
            Self::Source { bound_unix_ns, .. } => *bound_unix_ns,
            Self::Found(place) => place.start_unix_ns,
        };
        // Of equal starts, sources come first: they may hold a place that comes before what was found.
        let rest = || match (self, other) {
            (Self::Source { number: a, .. }, Self::Source { number: b, .. }) => a.cmp(b),
            (Self::Source { .. }, Self::Found(_)) => Ordering::Greater,
            (Self::Found(_), Self::Source { .. }) => Ordering::Less,
            (Self::Found(a), Self::Found(b)) => a.cmp(b),
        };
        start(self).cmp(&start(other)).then_with(rest)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a> BestFirst<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        query: &'a TraceQuery,
        work: &'a Work,
    ) -> Result<Self, QueryError> {
        let mut range = query.range;
        if let Some(cursor) = query.cursor {
            range.end_unix_ns = range.end_unix_ns.min(cursor.start_unix_ns);
        }
        let search = Search { filter: &query.filter, range, cursor: query.cursor, work };
        let (mut heap, mut sources) = (BinaryHeap::new(), Vec::new());
        // The row groups of a part come one after the other.
        let mut last: Option<(PartId, bool)> = None;
        for (bounds, source) in snapshot.sources(range) {
            if let Source::Group(group) = source {
                let part = group.part();
                let may_match = match last {
                    Some((id, may_match)) if id == part.id() => may_match,
                    _ => part.may_match(&query.filter)?,
                };
                last = Some((part.id(), may_match));
                if !may_match {
                    continue;
                }
            }
            heap.push(Item::Source { bound_unix_ns: bounds.end_unix_ns, number: sources.len() });
            sources.push((source, Frontier::Unopened));
        }
        Ok(Self { search, heap, sources, opened: 0 })
    }

    /// The next place.
    pub(super) fn next(&mut self) -> Result<Option<TraceCursor>, QueryError> {
        while let Some(item) = self.heap.pop() {
            self.search.work.go_on()?;
            let number = match item {
                Item::Found(place) => return Ok(Some(place)),
                Item::Source { number, .. } => number,
            };
            let (source, frontier) = &mut self.sources[number];
            let found = match frontier {
                Frontier::Unopened => {
                    self.open(number)?;
                    continue;
                }
                Frontier::Known(places) => places.pop(),
                Frontier::Candidates { left, misses } => match (left.pop(), &*source) {
                    (Some((_, ordinal)), Source::Group(group)) => {
                        let found = self.search.verify(*group, ordinal as usize)?;
                        *misses = if found.is_some() { 0 } else { *misses + 1 };
                        if *misses >= MAX_MISSES && left.len() >= MAX_MISSES {
                            *frontier = Frontier::Known(self.search.scan(*group, 0..group.rows())?);
                        }
                        found
                    }
                    _ => None,
                },
            };
            self.heap.extend(found.map(Item::Found));
            self.push(number);
        }
        Ok(None)
    }

    /// Opens a source, and with it those that come next if nothing is found before them: the more, the longer it goes on like that, so
    /// that at most half of what was opened was opened too early. They are opened on several threads where that pays.
    fn open(&mut self, first: usize) -> Result<(), QueryError> {
        let mut numbers = vec![first];
        while numbers.len() < self.opened.min(MAX_OPENED_AT_ONCE)
            && let Some(&Item::Source { number, .. }) = self.heap.peek()
            && matches!(self.sources[number].1, Frontier::Unopened)
        {
            numbers.push(number);
            self.heap.pop();
        }
        self.opened += numbers.len();
        let (search, sources) = (&self.search, &self.sources);
        let open = |number: &usize| search.open(sources[*number].0);
        let opened = if numbers.len() < MIN_OPENED_AT_ONCE {
            numbers.iter().map(open).collect::<Result<Vec<_>, _>>()?
        } else {
            search.work.map(&numbers, open)?
        };
        for (number, frontier) in numbers.into_iter().zip(opened) {
            self.sources[number].1 = frontier;
            self.push(number);
        }
        Ok(())
    }

    /// What is left of an opened source is to be looked at when its turn comes.
    fn push(&mut self, number: usize) {
        let bound = match &self.sources[number].1 {
            Frontier::Unopened => None,
            Frontier::Known(places) => places.peek().map(|place| place.start_unix_ns),
            Frontier::Candidates { left, .. } => left.peek().map(|(bound, _)| *bound),
        };
        self.heap.extend(bound.map(|bound_unix_ns| Item::Source { bound_unix_ns, number }));
    }
}

impl Search<'_> {
    fn open(&self, source: Source<'_>) -> Result<Frontier, QueryError> {
        match source {
            Source::Live(live) => Ok(Frontier::Known(self.scan_live(live))),
            Source::Group(group) => self.open_group(group),
        }
    }

    fn open_group(&self, group: RowGroup<'_>) -> Result<Frontier, QueryError> {
        let candidates = match group.candidates(self.filter)? {
            Candidates::All => (0..group.traces() as u32).collect(),
            Candidates::Only(candidates) => candidates,
        };
        if candidates.is_empty() {
            return Ok(Frontier::Known(BinaryHeap::new()));
        }
        let table = group.table()?;
        // A needle's candidates are the traces of a page or two: all of them cost as much as one.
        let runs: Vec<_> = candidates.chunk_by(|a, b| a + 1 == *b).take(MAX_RUNS + 1).collect();
        if runs.len() <= MAX_RUNS && candidates.len() < group.traces() / 2 {
            let mut found = BinaryHeap::new();
            for run in runs {
                let (first, last) = (run[0] as usize, run[run.len() - 1] as usize);
                found.extend(self.scan(group, table.rows(first).start..table.rows(last).end)?);
            }
            return Ok(Frontier::Known(found));
        }
        let bounded = candidates.into_iter().filter_map(|ordinal| {
            let starts = table.starts(ordinal as usize);
            starts.overlaps(&self.range).then(|| (starts.end_unix_ns.min(self.range.end_unix_ns), ordinal))
        });
        Ok(Frontier::Candidates { left: bounded.collect::<Vec<_>>().into(), misses: 0 })
    }

    /// The columns that the filter needs of some rows, and the memory that was taken for them.
    fn load(&self, group: RowGroup<'_>, rows: Range<usize>) -> Result<(Columns, Taken<'_>), QueryError> {
        let may_have = |place, key: &str| group.may_have_attribute(place, key);
        let projection = scan::projection(self.filter, &may_have);
        let taken = self.work.take(group.load_bytes(&rows, &projection)?)?;
        Ok((group.load(rows, &projection)?, taken))
    }

    /// The place of a trace, if it has a matching span here.
    fn verify(&self, group: RowGroup<'_>, ordinal: usize) -> Result<Option<TraceCursor>, QueryError> {
        let (columns, _taken) = self.load(group.keeping_pages(), group.table()?.rows(ordinal))?;
        let matches = scan::matching(self.filter, &columns, columns.len());
        let starts = columns.start_unix_ns.iter().zip(matches).filter(|(_, matches)| *matches);
        let newest = starts.map(|(start, _)| *start).filter(|start| self.range.contains(*start)).max();
        let place = |start_unix_ns| Some(TraceCursor { start_unix_ns, trace_id: columns.trace_id(0)? });
        Ok(newest.and_then(place).filter(|place| self.is_behind_cursor(place)))
    }

    fn is_behind_cursor(&self, place: &TraceCursor) -> bool {
        self.cursor.is_none_or(|cursor| *place < cursor)
    }

    /// The places of all traces of some rows that match.
    fn scan(&self, group: RowGroup<'_>, rows: Range<usize>) -> Result<BinaryHeap<TraceCursor>, QueryError> {
        let (columns, _taken) = self.load(group, rows)?;
        let matches = scan::matching(self.filter, &columns, columns.len());
        let mut newest = HashMap::<TraceId, u64>::new();
        for row in (0..columns.len()).filter(|&row| matches[row]) {
            let start = columns.start_unix_ns[row];
            if let Some(trace_id) = columns.trace_id(row).filter(|_| self.range.contains(start)) {
                let newest = newest.entry(trace_id).or_default();
                *newest = start.max(*newest);
            }
        }
        Ok(self.places(newest.into_iter().map(|(trace_id, start)| (start, trace_id))))
    }

    /// The same of a segment in memory.
    fn scan_live(&self, live: &Live) -> BinaryHeap<TraceCursor> {
        live.segment.read(live.rows, |columns, traces| {
            let matches = scan::matching(self.filter, columns, live.rows);
            let mut newest = vec![None; traces.len()];
            for row in (0..live.rows).filter(|&row| matches[row]) {
                let start = columns.start_unix_ns[row];
                let newest = &mut newest[traces.ordinal(row)];
                if self.range.contains(start) && newest.is_none_or(|(newest, _)| newest < start) {
                    *newest = Some((start, row));
                }
            }
            let found = newest.into_iter().flatten();
            self.places(found.filter_map(|(start, row)| Some((start, columns.trace_id(row)?))))
        })
    }

    fn places(&self, found: impl Iterator<Item = (u64, TraceId)>) -> BinaryHeap<TraceCursor> {
        let places = found.map(|(start_unix_ns, trace_id)| TraceCursor { start_unix_ns, trace_id });
        places.filter(|place| self.is_behind_cursor(place)).collect::<Vec<_>>().into()
    }
}
