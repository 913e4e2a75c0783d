//! Answering the query model from a snapshot.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use laneway_proto::Lane;
use laneway_proto::TraceId;
use parking_lot::Mutex;

use super::columns::{Columns, resource};
use super::part::{Field, Projection};
use super::view::{Snapshot, Source};
use crate::QueryError;
use crate::model::{Resource, SpanKind, StatusCode, Trace, is_entry};
use crate::query::{OperationSummary, Red, ServiceSummary, TimeRange, TracePage, TraceQuery, TraceSummary};

mod best_first;
mod budget;
mod names;
mod seen;
mod work;

pub(super) use budget::Taken;
pub(super) use names::{operation_names, service_names};
pub(super) use work::Work;

use best_first::BestFirst;
use seen::Seen;

/// All spans of a trace.
pub(super) fn trace(
    snapshot: &Snapshot,
    trace_id: TraceId,
    work: &Work,
) -> Result<Option<Trace>, QueryError> {
    let mut taken = work.take(0)?;
    Ok(Trace::new(snapshot.spans_of_trace(trace_id, &Projection::all(), work, &mut taken)?))
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
        let projection = if query.cursor.is_some() { Projection::all() } else { summary_projection() };
        let mut taken = work.take(0)?;
        let spans = snapshot.spans_of_trace(place.trace_id, &projection, work, &mut taken)?;
        let Some(trace) = Trace::new(spans) else { continue };
        if query.cursor.is_some() && newest_match(&trace, query) != Some(place.start_unix_ns) {
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

fn newest_match(trace: &Trace, query: &TraceQuery) -> Option<u64> {
    let matching = trace.spans.iter().filter(|span| query.filter.matches(span));
    matching.map(|span| span.start_unix_ns).filter(|start| query.range.contains(*start)).max()
}

/// The services of a range.
pub(super) fn services(
    snapshot: &Snapshot,
    range: TimeRange,
    work: &Work,
) -> Result<Vec<ServiceSummary>, QueryError> {
    #[derive(Default)]
    struct Service {
        lanes: BTreeSet<Lane>,
        instances: BTreeSet<String>,
        red: Red,
    }
    let mut services = BTreeMap::<String, Service>::new();
    let fields = [Field::Lane, Field::ParentSpanId];
    let key = |columns: &Columns, row: usize| {
        let kind = SpanKind::from_otlp(columns.kind[row]);
        (columns.lane.ids[row], is_entry(kind, columns.parent_span_id[row] != [0; 8]))
    };
    each_group(
        snapshot,
        range,
        work,
        &fields,
        |_| true,
        key,
        |columns, resource, (lane, is_entry), red| {
            let service = services.entry(resource.service_name().to_owned()).or_default();
            service.lanes.insert(Lane::new(&columns.lane.values.text(lane)).unwrap_or_default());
            service.instances.insert(resource.instance_id().to_owned());
            if is_entry {
                service.red.merge(red);
            }
        },
    )?;
    let summary = |(name, service): (String, Service)| ServiceSummary {
        name,
        lanes: service.lanes.into_iter().collect(),
        instances: service.instances.len(),
        red: service.red,
    };
    Ok(services.into_iter().map(summary).collect())
}

/// The operations of a service in a range.
pub(super) fn operations(
    snapshot: &Snapshot,
    service: &str,
    range: TimeRange,
    work: &Work,
) -> Result<Vec<OperationSummary>, QueryError> {
    let mut operations = BTreeMap::<(String, SpanKind), Red>::new();
    let key = |columns: &Columns, row: usize| (columns.name.ids[row], SpanKind::from_otlp(columns.kind[row]));
    let is_wanted = |resource: &Resource| resource.service_name() == service;
    each_group(
        snapshot,
        range,
        work,
        &[Field::SpanName],
        is_wanted,
        key,
        |columns, _, (name, kind), red| {
            operations.entry((columns.name.values.text(name).into_owned(), kind)).or_default().merge(red);
        },
    )?;
    Ok(operations.into_iter().map(|((name, kind), red)| OperationSummary { name, kind, red }).collect())
}

/// Counts the spans that start within the range, each once however often it was received, in groups of equal resource and
/// equal key; visits each group of each source. Names are looked at per group, not per span.
fn each_group<K: Hash + Eq + Copy>(
    snapshot: &Snapshot,
    range: TimeRange,
    work: &Work,
    fields: &[Field],
    is_wanted: impl Fn(&Resource) -> bool + Sync,
    key: impl Fn(&Columns, usize) -> K + Sync,
    visit: impl FnMut(&Columns, &Resource, K, &Red) + Send,
) -> Result<(), QueryError> {
    let always = [
        Field::TraceId,
        Field::SpanId,
        Field::Timestamp,
        Field::Duration,
        Field::SpanKind,
        Field::StatusCode,
        Field::Resource,
    ];
    let projection = Projection::of(always.into_iter().chain(fields.iter().copied()));
    let (seen, visit) = (Seen::new(work)?, Mutex::new(visit));
    let sources: Vec<_> = snapshot.sources(range).collect();
    work.map(&sources, |(_, source)| {
        source.read(&projection, work, |columns, rows| {
            let values = &columns.resource.values;
            let resources =
                values.ids().map(|id| resource(values.get(id)).unwrap_or_default()).collect::<Vec<_>>();
            let wanted = resources.iter().map(&is_wanted).collect::<Vec<_>>();
            let is_counted = |row: &usize| {
                range.contains(columns.start_unix_ns[*row]) && wanted[columns.resource.ids[*row] as usize]
            };
            let identity =
                |row: usize| (columns.trace_id[row], columns.span_id[row], columns.start_unix_ns[row]);
            let counted = (0..rows).filter(is_counted);
            let new = match source {
                // A part has a span once. Of most traces no other part has any, and their spans need not be remembered.
                Source::Group(group) => {
                    let (elsewhere, mut here) =
                        split(columns, counted, |id| snapshot.may_be_elsewhere(group.part().id(), id));
                    here.extend(seen.new_of(elsewhere.into_iter().map(|row| (row, identity(row))))?);
                    here
                }
                Source::Live(_) => seen.new_of(counted.map(|row| (row, identity(row))))?,
            };
            let mut groups = HashMap::<(u32, K), Red, RandomState>::default();
            for row in new {
                let is_error = columns.status[row] == StatusCode::Error.to_otlp();
                let red = groups.entry((columns.resource.ids[row], key(columns, row))).or_default();
                red.record(columns.clamped_duration_ns(row), is_error);
            }
            let mut visit = visit.lock();
            for ((resource, key), red) in &groups {
                visit(columns, &resources[*resource as usize], *key, red);
            }
            Ok(())
        })?
    })?;
    Ok(())
}

/// The rows of traces that meet a condition, and the others. It is asked once where the rows of a trace stand together.
fn split(
    columns: &Columns,
    rows: impl Iterator<Item = usize>,
    condition: impl Fn(TraceId) -> bool,
) -> (Vec<usize>, Vec<usize>) {
    let (mut last, mut meets) = (None, false);
    rows.partition(|&row| {
        let trace_id = columns.trace_id(row);
        if trace_id != last {
            (last, meets) = (trace_id, trace_id.is_none_or(&condition));
        }
        meets
    })
}
