//! Answering the query model from a snapshot.

use hashbrown::HashSet;
use laneway_proto::TraceId;

use super::part::{Field, Projection};
use super::view::Snapshot;
use crate::QueryError;
use crate::model::Trace;
use crate::query::{TraceCursor, TracePage, TraceQuery, TraceSummary};

mod best_first;
mod budget;
mod names;
mod work;

pub(super) use budget::Taken;
pub(super) use names::{operation_names, service_names};
pub(super) use work::Work;

use best_first::BestFirst;

/// All spans of a trace.
pub(super) fn trace(
    snapshot: &Snapshot,
    trace_id: TraceId,
    work: &Work,
) -> Result<Option<Trace>, QueryError> {
    let mut taken = work.take(0)?;
    Ok(Trace::new(snapshot.spans_of_trace(trace_id, &Projection::all(), false, work, &mut taken)?))
}

/// A page of matching traces.
pub(super) fn search(snapshot: &Snapshot, query: &TraceQuery, work: &Work) -> Result<TracePage, QueryError> {
    let mut places = BestFirst::new(snapshot, query, work)?;
    let mut given = HashSet::new();
    let mut page = TracePage { traces: Vec::new(), next: None };
    let mut last = None;
    while let Some(place) = places.next()? {
        // Its newest matching span came first; others match elsewhere.
        if !given.insert(place.trace_id) {
            continue;
        }
        // With a cursor, what lies before it is not looked at: a trace with a newer matching span was on an earlier page, and only
        // the whole trace can tell.
        let is_first_page = query.cursor.is_none();
        let projection = if is_first_page { summary_projection() } else { Projection::all() };
        let mut taken = work.take(0)?;
        let spans = snapshot.spans_of_trace(place.trace_id, &projection, is_first_page, work, &mut taken)?;
        let Some(trace) = Trace::new(spans) else { continue };
        if query.cursor.is_some() && query.newest_match(&trace) != Some(place.start_unix_ns) {
            continue;
        }
        if page.traces.len() == query.limit {
            page.next = last;
            return Ok(page);
        }
        page.traces.push(TraceSummary::of(&trace));
        last = Some(place);
    }
    Ok(page)
}

/// The first places of matching traces, newest first, a trace maybe more than once. They are bounds: where the newest matching span of a
/// trace lies before the cursor, its place may be that of another one.
pub(super) fn places(
    snapshot: &Snapshot,
    query: &TraceQuery,
    most: usize,
    work: &Work,
) -> Result<Vec<TraceCursor>, QueryError> {
    let mut all = BestFirst::new(snapshot, query, work)?;
    let mut places = Vec::new();
    while places.len() < most
        && let Some(place) = all.next()?
    {
        places.push(place);
    }
    Ok(places)
}

/// What a [`TraceSummary`] is made of.
fn summary_projection() -> Projection {
    Projection::of([
        Field::TraceId,
        Field::SpanId,
        Field::ParentSpanId,
        Field::Timestamp,
        Field::Duration,
        Field::SpanName,
        Field::StatusCode,
        Field::Lane,
        Field::Resource,
    ])
}
