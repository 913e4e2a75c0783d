//! Evaluating a filter on columns: once per distinct value, then by number.

use std::collections::HashSet;

use memchr::memmem;

use super::columns::{AttributeColumn, AttributeValues, Blobs, Coded, Columns, parse, resource, scope};
use super::part::{Field, Projection};
use crate::model::{KeyValue, SpanKind, StatusCode, Value, from_otlp};
use crate::query::{AttributeScope, SpanFilter};
use laneway_proto::otlp::reader::{self, ReadError};

/// The columns that [`matching`] needs for a filter. Where `may_have` says that no span has an attribute in some place, that
/// place is not looked at.
pub(super) fn projection(filter: &SpanFilter, may_have: &dyn Fn(AttributeScope, &str) -> bool) -> Projection {
    let mut projection = Projection::of([Field::TraceId, Field::Timestamp]);
    add_fields(filter, may_have, &mut projection);
    projection
}

fn add_fields(
    filter: &SpanFilter,
    may_have: &dyn Fn(AttributeScope, &str) -> bool,
    projection: &mut Projection,
) {
    match filter {
        SpanFilter::Service(_) => projection.add(Field::Resource),
        SpanFilter::Operation(_) => projection.add(Field::SpanName),
        SpanFilter::Kind(_) => projection.add(Field::SpanKind),
        SpanFilter::Status(_) => projection.add(Field::StatusCode),
        SpanFilter::StatusMessage(_) => projection.add(Field::StatusMessage),
        SpanFilter::ScopeName(_) | SpanFilter::ScopeVersion(_) => projection.add(Field::Scope),
        SpanFilter::Lane(_) => projection.add(Field::Lane),
        SpanFilter::MinDuration(_) | SpanFilter::MaxDuration(_) => projection.add(Field::Duration),
        SpanFilter::Attribute { scope, key, .. } => {
            if within(*scope, AttributeScope::Span) {
                projection.add_attribute(key);
            }
            for (place, field) in [
                (AttributeScope::Span, Field::ResidualAttributes),
                (AttributeScope::Resource, Field::Resource),
                (AttributeScope::Scope, Field::Scope),
                (AttributeScope::Event, Field::Events),
                (AttributeScope::Link, Field::Links),
            ] {
                if within(*scope, place) && may_have(place, key) {
                    projection.add(field);
                }
            }
        }
        SpanFilter::All(filters) | SpanFilter::Any(filters) => {
            filters.iter().for_each(|filter| add_fields(filter, may_have, projection));
        }
        SpanFilter::Not(filter) => add_fields(filter, may_have, projection),
    }
}

fn within(scope: AttributeScope, place: AttributeScope) -> bool {
    scope == AttributeScope::Any || scope == place
}

/// Which of the first `rows` rows meet the filter. Agrees with [`SpanFilter::matches`] on the spans of these rows.
pub(super) fn matching(filter: &SpanFilter, columns: &Columns, rows: usize) -> Vec<bool> {
    match filter {
        SpanFilter::Service(name) => coded(&columns.resource, rows, |stored| {
            resource(stored).is_ok_and(|resource| resource.service_name() == name)
        }),
        SpanFilter::Operation(name) => coded(&columns.name, rows, |stored| stored == name.as_bytes()),
        SpanFilter::Kind(kind) => dense(&columns.kind, rows, |number| SpanKind::from_otlp(number) == *kind),
        SpanFilter::Status(status) => {
            dense(&columns.status, rows, |number| StatusCode::from_otlp(number) == *status)
        }
        SpanFilter::StatusMessage(message) => {
            coded(&columns.status_message, rows, |stored| stored == message.as_bytes())
        }
        SpanFilter::ScopeName(name) => {
            coded(&columns.scope, rows, |stored| scope(stored).is_ok_and(|scope| scope.name == *name))
        }
        SpanFilter::ScopeVersion(version) => {
            coded(&columns.scope, rows, |stored| scope(stored).is_ok_and(|scope| scope.version == *version))
        }
        SpanFilter::Lane(lane) => coded(&columns.lane, rows, |stored| stored == lane.as_str().as_bytes()),
        SpanFilter::MinDuration(ns) => durations(columns, rows, |duration| duration >= *ns),
        SpanFilter::MaxDuration(ns) => durations(columns, rows, |duration| duration <= *ns),
        SpanFilter::Attribute { scope, key, text } => attribute(columns, rows, *scope, key, text),
        SpanFilter::All(filters) => combined(filters, columns, rows, true, |a, b| a & b),
        SpanFilter::Any(filters) => combined(filters, columns, rows, false, |a, b| a | b),
        SpanFilter::Not(filter) => {
            matching(filter, columns, rows).into_iter().map(|matches| !matches).collect()
        }
    }
}

fn combined(
    filters: &[SpanFilter],
    columns: &Columns,
    rows: usize,
    neutral: bool,
    combine: impl Fn(bool, bool) -> bool,
) -> Vec<bool> {
    let mut result = vec![neutral; rows];
    for filter in filters {
        // Nothing left that a further condition could change.
        if !result.contains(&neutral) {
            break;
        }
        for (row, matches) in result.iter_mut().zip(matching(filter, columns, rows)) {
            *row = combine(*row, matches);
        }
    }
    result
}

fn dense<T: Copy>(values: &[T], rows: usize, test: impl Fn(T) -> bool) -> Vec<bool> {
    values[..rows].iter().map(|&value| test(value)).collect()
}

fn durations(columns: &Columns, rows: usize, test: impl Fn(u64) -> bool) -> Vec<bool> {
    (0..rows).map(|row| test(columns.clamped_duration_ns(row))).collect()
}

fn coded(column: &Coded, rows: usize, test: impl Fn(&[u8]) -> bool) -> Vec<bool> {
    // A few rows of a large dictionary: most of its values are in none of them.
    if rows < column.values.len() {
        let mut last = None;
        let mut is_match = |id: u32| match last {
            Some((same, matches)) if same == id => matches,
            _ => {
                let matches = test(column.values.get(id));
                last = Some((id, matches));
                matches
            }
        };
        return column.ids.iter().take(rows).map(|&id| is_match(id)).chain(none(column, rows)).collect();
    }
    let matches = column.values.ids().map(|id| test(column.values.get(id))).collect::<Vec<_>>();
    if !matches.contains(&true) {
        return vec![false; rows];
    }
    column.ids[..rows].iter().map(|&id| matches[id as usize]).collect()
}

/// Rows of a column that was not read match nothing.
fn none(column: &Coded, rows: usize) -> impl Iterator<Item = bool> {
    std::iter::repeat_n(false, rows.saturating_sub(column.ids.len()))
}

fn attribute(columns: &Columns, rows: usize, place: AttributeScope, key: &str, text: &str) -> Vec<bool> {
    let mut result = vec![false; rows];
    if within(place, AttributeScope::Resource) {
        or(&mut result, coded(&columns.resource, rows, |stored| resource_has(stored, key, text)));
    }
    if within(place, AttributeScope::Scope) {
        or(&mut result, coded(&columns.scope, rows, |stored| scope_has(stored, key, text)));
    }
    if within(place, AttributeScope::Span) {
        for column in columns.attributes.iter().filter(|column| column.key == key) {
            shredded(column, text, &mut result);
        }
        blobs(&columns.residual, key, &mut result, |span| any_attribute(span.attributes(), key, text));
    }
    if within(place, AttributeScope::Event) {
        blobs(&columns.events, key, &mut result, |span| {
            for event in span.events() {
                if any_attribute(event?.attributes(), key, text)? {
                    return Ok(true);
                }
            }
            Ok(false)
        });
    }
    if within(place, AttributeScope::Link) {
        blobs(&columns.links, key, &mut result, |span| {
            for link in span.links() {
                if any_attribute(link?.attributes(), key, text)? {
                    return Ok(true);
                }
            }
            Ok(false)
        });
    }
    result
}

/// Whether the resource of a stored value has an attribute. Most have no such key, which is found out without decoding them.
pub(super) fn resource_has(stored: &[u8], key: &str, text: &str) -> bool {
    memmem::find(stored, key.as_bytes()).is_some()
        && resource(stored).is_ok_and(|resource| has(&resource.attributes, key, text))
}

/// The same of a scope.
pub(super) fn scope_has(stored: &[u8], key: &str, text: &str) -> bool {
    memmem::find(stored, key.as_bytes()).is_some()
        && scope(stored).is_ok_and(|scope| has(&scope.attributes, key, text))
}

fn has(attributes: &[KeyValue], key: &str, text: &str) -> bool {
    attributes.iter().any(|attribute| attribute.key == key && attribute.value.matches_text(text))
}

fn or(result: &mut [bool], other: Vec<bool>) {
    result.iter_mut().zip(other).for_each(|(row, matches)| *row |= matches);
}

/// Marks the rows that have a value in an attribute column.
pub(super) fn shredded(column: &AttributeColumn, text: &str, result: &mut [bool]) {
    let places: Box<dyn Iterator<Item = bool>> = match &column.values {
        AttributeValues::String(values) => {
            let wanted: HashSet<u32> =
                values.values.ids().filter(|&id| values.values.get(id) == text.as_bytes()).collect();
            if wanted.is_empty() {
                return;
            }
            Box::new(values.ids.iter().map(move |id| wanted.contains(id)))
        }
        AttributeValues::Plain(values) => Box::new(values.iter().map(|value| value == text.as_bytes())),
        AttributeValues::Int(values) => {
            Box::new(values.iter().map(|&value| Value::Int(value).matches_text(text)))
        }
        AttributeValues::Double(values) => {
            Box::new(values.iter().map(|&value| Value::Double(value).matches_text(text)))
        }
        AttributeValues::Bool(values) => {
            Box::new(values.iter().map(|&value| Value::Bool(value).matches_text(text)))
        }
    };
    for (&row, matches) in column.rows.iter().zip(places) {
        if let Some(result) = result.get_mut(row as usize) {
            *result |= matches;
        }
    }
}

/// Tests the blobs that contain the key at all.
fn blobs(
    column: &Blobs,
    key: &str,
    result: &mut [bool],
    test: impl Fn(&reader::Span<'_>) -> Result<bool, ReadError>,
) {
    let finder = memmem::Finder::new(key.as_bytes());
    for (row, stored) in column.iter() {
        if row < result.len() && !result[row] && finder.find(stored).is_some() {
            result[row] = parse(stored).and_then(|span| test(&span)).unwrap_or(false);
        }
    }
}

fn any_attribute<'a>(
    attributes: impl Iterator<Item = Result<reader::KeyValue<'a>, ReadError>>,
    key: &str,
    text: &str,
) -> Result<bool, ReadError> {
    for attribute in attributes {
        let attribute = attribute?;
        if attribute.key.as_bytes() == key.as_bytes()
            && from_otlp::value(&attribute.value)?.matches_text(text)
        {
            return Ok(true);
        }
    }
    Ok(false)
}
