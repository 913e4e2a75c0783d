//! From a row back to the span that was received.

use std::sync::Arc;

use laneway_proto::otlp::reader::{self, ReadError, TracesRequest};
use laneway_proto::{Lane, SpanId};

use super::super::part::{Field, Projection};
use super::{AttributeValues, Blobs, Coded, Columns, Shape, ShapeItem};
use crate::QueryError;
use crate::model::{KeyValue, Resource, Scope, Span, SpanKind, StatusCode, Value, from_otlp};

/// Gives spans of some columns, decoding each resource and scope once. What is not projected has its default; the ids and the
/// start must have been read.
pub(in super::super) struct SpanReader<'a> {
    columns: &'a Columns,
    projection: &'a Projection,
    resources: Vec<Option<Arc<Resource>>>,
    scopes: Vec<Option<Arc<Scope>>>,
}

impl<'a> SpanReader<'a> {
    pub(in super::super) fn new(columns: &'a Columns, projection: &'a Projection) -> Self {
        Self {
            columns,
            projection,
            resources: vec![None; columns.resource.values.len()],
            scopes: vec![None; columns.scope.values.len()],
        }
    }

    /// The span of a row.
    pub(in super::super) fn span(&mut self, row: usize) -> Result<Span, QueryError> {
        let columns = self.columns;
        let corrupt = |error: ReadError| QueryError::Corrupt(error.to_string());
        let resource = memoised(&mut self.resources, &columns.resource, row, resource).map_err(corrupt)?;
        let scope = memoised(&mut self.scopes, &columns.scope, row, scope).map_err(corrupt)?;
        let no_id = || QueryError::Corrupt("a stored span has no id".to_owned());
        let start_unix_ns = columns.start_unix_ns[row];
        // Segments in memory have all columns: what nobody asked for is not worth its copy.
        let has = |field| self.projection.has(field);
        let text = |field, column: &Coded| if has(field) { column.text(row) } else { String::new() };
        let blob = |field, column: &'a Blobs| if has(field) { column.get(row) } else { &[] };
        Ok(Span {
            trace_id: columns.trace_id(row).ok_or_else(no_id)?,
            span_id: SpanId::from_bytes(columns.span_id[row]).ok_or_else(no_id)?,
            parent_span_id: SpanId::from_bytes(number(&columns.parent_span_id, row)),
            trace_state: text(Field::TraceState, &columns.trace_state),
            flags: number(&columns.flags, row),
            name: text(Field::SpanName, &columns.name),
            kind: SpanKind::from_otlp(number(&columns.kind, row)),
            start_unix_ns,
            end_unix_ns: start_unix_ns.wrapping_add_signed(number(&columns.duration_ns, row)),
            attributes: match has(Field::AttributeShape) {
                true => attributes(columns, row).map_err(corrupt)?,
                false => Vec::new(),
            },
            dropped_attributes_count: number(&columns.dropped_attributes, row),
            events: parse(blob(Field::Events, &columns.events))
                .and_then(|span| span.events().map(|event| from_otlp::event(&event?)).collect())
                .map_err(corrupt)?,
            dropped_events_count: number(&columns.dropped_events, row),
            links: parse(blob(Field::Links, &columns.links))
                .and_then(|span| span.links().map(|link| from_otlp::link(&link?)).collect())
                .map_err(corrupt)?,
            dropped_links_count: number(&columns.dropped_links, row),
            status: StatusCode::from_otlp(number(&columns.status, row)),
            status_message: text(Field::StatusMessage, &columns.status_message),
            resource,
            scope,
            lane: Lane::new(&columns.lane.text(row)).unwrap_or_default(),
        })
    }
}

fn number<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}

fn memoised<T: Default>(
    known: &mut [Option<Arc<T>>],
    column: &Coded,
    row: usize,
    decode: impl FnOnce(&[u8]) -> Result<T, ReadError>,
) -> Result<Arc<T>, ReadError> {
    let Some(&id) = column.ids.get(row) else { return Ok(Arc::default()) };
    let entry = &mut known[id as usize];
    if let Some(value) = entry {
        return Ok(Arc::clone(value));
    }
    Ok(Arc::clone(entry.insert(Arc::new(decode(column.get(row))?))))
}

/// The resource of a value of the resource column.
pub(in super::super) fn resource(stored: &[u8]) -> Result<Resource, ReadError> {
    match TracesRequest::new(stored).resource_spans().next() {
        Some(group) => from_otlp::resource(&group?),
        None => Ok(Resource::default()),
    }
}

/// The scope of a value of the scope column.
pub(in super::super) fn scope(stored: &[u8]) -> Result<Scope, ReadError> {
    let Some(group) = TracesRequest::new(stored).resource_spans().next() else { return Ok(Scope::default()) };
    match group?.scope_spans().next() {
        Some(group) => from_otlp::scope(&group?),
        None => Ok(Scope::default()),
    }
}

/// The span message of a value of the residual, events or links column.
pub(in super::super) fn parse(stored: &[u8]) -> Result<reader::Span<'_>, ReadError> {
    reader::Span::parse(stored)
}

fn attributes(columns: &Columns, row: usize) -> Result<Vec<KeyValue>, ReadError> {
    let residual = parse(columns.residual.get(row))?;
    let mut residual = residual.attributes();
    let mut attributes = Vec::new();
    for item in Shape::items(columns.shape.get(row)) {
        match item {
            ShapeItem::Residual => {
                attributes.extend(residual.next().map(|kv| from_otlp::key_value(&kv?)).transpose()?);
            }
            ShapeItem::Column(index) => attributes.extend(shredded(columns, index, row)),
        }
    }
    Ok(attributes)
}

fn shredded(columns: &Columns, index: usize, row: usize) -> Option<KeyValue> {
    let column = columns.attributes.get(index)?;
    let place = column.rows.binary_search(&(row as u32)).ok()?;
    let value = match &column.values {
        AttributeValues::String(values) => Value::String(values.text(place)),
        AttributeValues::Plain(values) => {
            Value::String(String::from_utf8_lossy(values.get(place)).into_owned())
        }
        AttributeValues::Int(values) => Value::Int(values[place]),
        AttributeValues::Double(values) => Value::Double(values[place]),
        AttributeValues::Bool(values) => Value::Bool(values[place]),
    };
    Some(KeyValue { key: column.key.clone(), value })
}
