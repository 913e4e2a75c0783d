//! The names that there are: from the postings of parts, and from the dictionaries of segments in memory.

use std::collections::{BTreeSet, HashSet};

use super::super::columns::resource;
use super::super::part::{Field, Projection};
use super::super::view::{Snapshot, Source};
use super::Work;
use crate::QueryError;
use crate::query::TimeRange;

/// The names of all services.
pub(in super::super) fn service_names(snapshot: &Snapshot, work: &Work) -> Result<Vec<String>, QueryError> {
    let mut names = BTreeSet::new();
    each_pair(snapshot, work, |service, _| {
        if !names.contains(service) {
            names.insert(service.to_owned());
        }
    })?;
    Ok(names.into_iter().collect())
}

/// The names of the operations of a service.
pub(in super::super) fn operation_names(
    snapshot: &Snapshot,
    service: &str,
    work: &Work,
) -> Result<Vec<String>, QueryError> {
    let mut names = BTreeSet::new();
    each_pair(snapshot, work, |of, operation| {
        if of == service && !names.contains(operation) {
            names.insert(operation.to_owned());
        }
    })?;
    Ok(names.into_iter().collect())
}

/// Calls `visit` with every service and operation of which there is a span, at least once.
fn each_pair(snapshot: &Snapshot, work: &Work, mut visit: impl FnMut(&str, &str)) -> Result<(), QueryError> {
    let projection = Projection::of([Field::TraceId, Field::Resource, Field::SpanName]);
    for (_, source) in snapshot.sources(TimeRange::ALL) {
        work.go_on()?;
        if let Source::Group(group) = source
            && group.each_operation(&mut visit)?
        {
            continue;
        }
        source.read(&projection, work, |columns, rows| {
            let pairs: HashSet<(u32, u32)> =
                (0..rows).map(|row| (columns.resource.ids[row], columns.name.ids[row])).collect();
            for (id, name) in pairs {
                let resource = resource(columns.resource.values.get(id)).unwrap_or_default();
                visit(resource.service_name(), &columns.name.values.text(name));
            }
        })?;
    }
    Ok(())
}
