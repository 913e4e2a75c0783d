//! Deletion of a trace or of a service: the parts that hold spans of it are written anew without them.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::columns::{Columns, resource};
use super::merge::{BATCH_ROWS, Batch, Batches};
use super::part::{Field, PartId, PartWriter, Projection, RowGroup, SharedPart};
use super::replace::{Alone, Unfinished, remove, replace};
use super::shared::Shared;
use super::{figures, quarantine, seal};
use crate::QueryError;
use crate::store::{AdminError, Deletion};

/// Deletes what was acknowledged so far; returns how many spans. They are gone for good when this returns: neither a crash nor a
/// restart brings them back. What arrives later is new.
///
/// When it fails midway, some parts are without the spans and others are not; it can be repeated.
pub(super) fn delete(shared: &Shared, what: &Deletion) -> Result<u64, AdminError> {
    seal::seal_open(shared)?;
    let alone = shared.maintenance.alone();
    quarantine::sweep(shared, &alone);
    if let Deletion::Service(name) = what {
        // First, so that what is sealed meanwhile finds none of its spans.
        figures::forget_service(shared, name)?;
    }
    let mut deleted = 0;
    for part in &shared.view().parts {
        deleted += delete_from(shared, &alone, part, what).inspect_err(|_| shared.maintenance.wake())?;
    }
    shared.maintenance.counters.deleted_spans.fetch_add(deleted, Ordering::Relaxed);
    tracing::info!(?what, spans = deleted, "deleted");
    Ok(deleted)
}

fn delete_from(
    shared: &Shared,
    alone: &Alone<'_>,
    part: &SharedPart,
    what: &Deletion,
) -> Result<u64, QueryError> {
    let (rows, is_named) = match what {
        Deletion::Trace(id) => (part.rows_of_trace(*id)?, false),
        // Where a part has none of its spans, those that it has may still have been called by them.
        Deletion::Service(name) => (rows_of_service(part, name)?, part.figures_name(name)?),
    };
    if rows == part.rows() {
        remove(shared, alone, part, None)?;
    } else if rows > 0 || is_named {
        rewrite(shared, alone, part, what)?;
    }
    Ok(rows as u64)
}

fn rows_of_service(part: &SharedPart, name: &str) -> Result<usize, QueryError> {
    let projection = Projection::of([Field::TraceId, Field::Resource]);
    let count =
        |group: RowGroup<'_>| Ok(of_service(&group.load(0..group.rows(), &projection)?, name).count());
    part.row_groups().map(count).sum()
}

fn of_service<'a>(columns: &'a Columns, name: &str) -> impl Iterator<Item = u32> + use<'a> {
    let values = &columns.resource.values;
    let is_service =
        |id: &u32| resource(values.get(*id)).is_ok_and(|resource| resource.service_name() == name);
    let ids: HashSet<u32> = values.ids().filter(is_service).collect();
    (0..).zip(&columns.resource.ids).filter(move |(_, id)| ids.contains(id)).map(|(row, _)| row)
}

fn rewrite(shared: &Shared, alone: &Alone<'_>, part: &SharedPart, what: &Deletion) -> Result<(), QueryError> {
    let id = PartId { level: part.id().level + 1, ..part.id() };
    let unfinished = Unfinished::create(shared, id)?;
    let old = std::slice::from_ref(part);
    let mut writer = PartWriter::create(&shared.disk, &unfinished.0, part.attributes().to_vec())?;
    // One after another, for all runs of a large part would take too much memory at once.
    for run in part.runs() {
        let mut batches = Batches::of_run(part, run, BATCH_ROWS);
        while let Some(Batch { columns, order }) = batches.next()? {
            retain(columns, order, what);
            writer.push(columns, order)?;
        }
    }
    writer.finish()?;
    figures::merge(&shared.disk, old, &unfinished.0, |totals| {
        // Figures do not tell traces apart: those of a trace stay.
        if let Deletion::Service(name) = what {
            totals.remove_service(name);
        }
    })?;
    unfinished.sync(shared)?;
    unfinished.inherit_age(shared, old);
    replace(shared, alone, old, unfinished, id)
}

/// Keeps the rows that are not deleted.
fn retain(columns: &Columns, order: &mut Vec<u32>, what: &Deletion) {
    match what {
        Deletion::Trace(id) => order.retain(|&row| columns.trace_id[row as usize] != *id.as_bytes()),
        Deletion::Service(name) => {
            let deleted: HashSet<u32> = of_service(columns, name).collect();
            order.retain(|row| !deleted.contains(row));
        }
    }
}
