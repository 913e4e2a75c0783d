//! The open segment: where spans live between their arrival and their part.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use laneway_proto::otlp::reader::{self, AnyValue, ReadError, Text, TracesRequest};
use laneway_proto::otlp::{field, wire};
use laneway_proto::{Lane, SpanId};

use super::columns::{
    AttributeColumn, AttributeType, AttributeValues, Blobs, Coded, Columns, MAX_ATTRIBUTE_COLUMNS, Shape,
    ShapeItem,
};
use crate::model::from_otlp::LANE_ATTRIBUTES;
use crate::query::TimeRange;
use crate::store::Accepted;

#[cfg(test)]
mod tests;

/// Spans as columns, growing.
#[derive(Default)]
pub(super) struct Segment {
    columns: Columns,
    // Attribute columns by key and type.
    index: HashTable<u32>,
    hasher: RandomState,
    range: Option<TimeRange>,
    scratch: Scratch,
}

// Buffers that are reused from span to span.
#[derive(Default)]
struct Scratch {
    shape: Shape,
    bytes: Vec<u8>,
}

impl Segment {
    /// The spans so far.
    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// First and last start; `None` while there is no span. After a refused request it may be wider than need be.
    pub(super) fn range(&self) -> Option<TimeRange> {
        self.range
    }

    /// Appends the spans of a request, all or none.
    ///
    /// # Errors
    /// When any part of the request is malformed; then nothing of it stays.
    pub(super) fn append(&mut self, request: TracesRequest<'_>) -> Result<Accepted, ReadError> {
        let rows = self.columns.len();
        self.try_append(request).inspect_err(|_| self.truncate(rows))
    }

    /// Takes back all spans from row `rows` on.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.columns.truncate(rows);
    }

    fn try_append(&mut self, request: TracesRequest<'_>) -> Result<Accepted, ReadError> {
        let mut accepted = Accepted::default();
        for group in request.resource_spans() {
            let group = group?;
            let resource = self.intern_resource(&group)?;
            for group in group.scope_spans() {
                let group = group?;
                let scope = self.intern_scope(&group)?;
                for span in group.spans() {
                    if self.append_span(&span?, resource, scope)? {
                        accepted.spans += 1;
                    } else {
                        accepted.rejected_spans += 1;
                    }
                }
            }
        }
        Ok(accepted)
    }

    fn intern_resource(&mut self, group: &reader::ResourceSpans<'_>) -> Result<u32, ReadError> {
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        wire::message(bytes, field::request::RESOURCE_SPANS, |bytes| {
            wire::bytes(bytes, field::resource_spans::RESOURCE, group.resource.bytes());
            if !group.schema_url.as_bytes().is_empty() {
                wire::bytes(bytes, field::resource_spans::SCHEMA_URL, group.schema_url.as_bytes());
            }
        });
        self.columns.resource.values.intern(bytes, || {
            group.schema_url.to_str()?;
            group.resource.validate()
        })
    }

    fn intern_scope(&mut self, group: &reader::ScopeSpans<'_>) -> Result<u32, ReadError> {
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        wire::message(bytes, field::request::RESOURCE_SPANS, |bytes| {
            wire::message(bytes, field::resource_spans::SCOPE_SPANS, |bytes| {
                wire::bytes(bytes, field::scope_spans::SCOPE, group.scope.bytes());
                if !group.schema_url.as_bytes().is_empty() {
                    wire::bytes(bytes, field::scope_spans::SCHEMA_URL, group.schema_url.as_bytes());
                }
            });
        });
        self.columns.scope.values.intern(bytes, || {
            group.schema_url.to_str()?;
            group.scope.validate()
        })
    }

    /// Appends a span; `false` when it has no valid ids. Every part of it is validated either way.
    fn append_span(&mut self, span: &reader::Span<'_>, resource: u32, scope: u32) -> Result<bool, ReadError> {
        let row = self.columns.len();
        let lane = self.append_attributes(span, row)?;
        let Self { columns, scratch, .. } = self;
        push_text(&mut columns.name, span.name)?;
        push_text(&mut columns.status_message, span.status_message)?;
        push_text(&mut columns.trace_state, span.trace_state)?;
        push_blob(&mut columns.events, scratch, row, field::span::EVENTS, span.events(), |event| {
            event.validate().map(|()| event.bytes())
        })?;
        push_blob(&mut columns.links, scratch, row, field::span::LINKS, span.links(), |link| {
            link.validate().map(|()| link.bytes())
        })?;
        let Some((trace_id, span_id)) = span.ids() else {
            columns.truncate(row);
            return Ok(false);
        };
        columns.lane.ids.push(columns.lane.values.intern_bytes(lane.as_bytes()));
        columns.resource.ids.push(resource);
        columns.scope.ids.push(scope);
        columns.shape.ids.push(columns.shape.values.intern_bytes(scratch.shape.as_bytes()));
        columns.trace_id.push(trace_id.to_bytes());
        columns.span_id.push(span_id.to_bytes());
        columns.parent_span_id.push(span.parent_id().map(SpanId::to_bytes).unwrap_or_default());
        let start = span.start_time_unix_nano;
        columns.start_unix_ns.push(start);
        columns.duration_ns.push(span.end_time_unix_nano.wrapping_sub(start) as i64);
        columns.kind.push(span.kind);
        columns.status.push(span.status_code);
        columns.flags.push(span.flags);
        columns.dropped_attributes.push(span.dropped_attributes_count);
        columns.dropped_events.push(span.dropped_events_count);
        columns.dropped_links.push(span.dropped_links_count);
        let range = self.range.get_or_insert(TimeRange { start_unix_ns: start, end_unix_ns: start });
        range.start_unix_ns = range.start_unix_ns.min(start);
        range.end_unix_ns = range.end_unix_ns.max(start);
        Ok(true)
    }

    /// Shreds the attributes of a span; returns the lane that they name.
    fn append_attributes<'a>(&mut self, span: &reader::Span<'a>, row: usize) -> Result<&'a str, ReadError> {
        self.scratch.shape.clear();
        self.scratch.bytes.clear();
        let mut lane = (LANE_ATTRIBUTES.len(), Lane::BASE);
        for attribute in span.attributes() {
            let attribute = attribute?;
            if let AnyValue::String(text) = attribute.value
                && let Some(rank) =
                    LANE_ATTRIBUTES.iter().position(|key| key.as_bytes() == attribute.key.as_bytes())
                && rank < lane.0
                && let Ok(name) = text.to_str()
                && Lane::new(name).is_ok()
            {
                lane = (rank, name);
            }
            let item = match self.attribute_column(&attribute, row)? {
                Some(index) => {
                    let column = &mut self.columns.attributes[index];
                    match (&mut column.values, attribute.value) {
                        (values, AnyValue::String(text)) => {
                            values.push_text(text.as_bytes(), || text.to_str().map(drop))?;
                        }
                        (AttributeValues::Int(values), AnyValue::Int(value)) => values.push(value),
                        (AttributeValues::Double(values), AnyValue::Double(value)) => values.push(value),
                        (AttributeValues::Bool(values), AnyValue::Bool(value)) => values.push(value),
                        _ => unreachable!("the column was chosen by the type of this value"),
                    }
                    column.rows.push(row as u32);
                    ShapeItem::Column(index)
                }
                None => {
                    attribute.key.to_str()?;
                    attribute.value.validate()?;
                    wire::bytes(&mut self.scratch.bytes, field::span::ATTRIBUTES, attribute.bytes());
                    ShapeItem::Residual
                }
            };
            self.scratch.shape.push(item);
        }
        self.columns.residual.push(row, &self.scratch.bytes);
        Ok(lane.1)
    }

    /// The column for an attribute; `None` when it belongs into the residual.
    fn attribute_column(
        &mut self,
        attribute: &reader::KeyValue<'_>,
        row: usize,
    ) -> Result<Option<usize>, ReadError> {
        let kind = match attribute.value {
            AnyValue::String(_) => AttributeType::String,
            AnyValue::Int(_) => AttributeType::Int,
            AnyValue::Double(_) => AttributeType::Double,
            AnyValue::Bool(_) => AttributeType::Bool,
            AnyValue::Empty | AnyValue::Bytes(_) | AnyValue::Array(_) | AnyValue::KvList(_) => {
                return Ok(None);
            }
        };
        let key = attribute.key.as_bytes();
        let hash = self.hasher.hash_one((key, kind));
        let columns = &mut self.columns.attributes;
        let found = self.index.find(hash, |&index| {
            let column = &columns[index as usize];
            column.key.as_bytes() == key && column.kind() == kind
        });
        if let Some(&index) = found {
            // A key that occurs twice in one span: the second goes into the residual.
            let taken = columns[index as usize].rows.last() == Some(&(row as u32));
            return Ok((!taken).then_some(index as usize));
        }
        if columns.len() == MAX_ATTRIBUTE_COLUMNS {
            return Ok(None);
        }
        let index = columns.len();
        columns.push(AttributeColumn::new(attribute.key.to_str()?.to_owned(), kind));
        let (columns, hasher) = (&*columns, &self.hasher);
        self.index.insert_unique(hash, index as u32, |&index| {
            let column = &columns[index as usize];
            hasher.hash_one((column.key.as_bytes(), column.kind()))
        });
        Ok(Some(index))
    }
}

fn push_text(column: &mut Coded, text: Text<'_>) -> Result<(), ReadError> {
    let id = column.values.intern(text.as_bytes(), || text.to_str().map(drop))?;
    column.ids.push(id);
    Ok(())
}

/// Keeps the items of a repeated field as they were received.
fn push_blob<'a, T>(
    column: &mut Blobs,
    scratch: &mut Scratch,
    row: usize,
    field: u32,
    items: impl Iterator<Item = Result<T, ReadError>>,
    checked_bytes: impl Fn(&T) -> Result<&'a [u8], ReadError>,
) -> Result<(), ReadError> {
    scratch.bytes.clear();
    for item in items {
        wire::bytes(&mut scratch.bytes, field, checked_bytes(&item?)?);
    }
    column.push(row, &scratch.bytes);
    Ok(())
}
