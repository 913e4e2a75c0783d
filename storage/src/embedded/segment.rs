//! The open segment: where spans live between their arrival and their part.
//!
//! Spans of one program repeat one another, so whatever comes is first compared with what came last: a resource, a text, the list
//! of attributes of the last span with that name. Only what differs is hashed, and only what was never seen is checked
//! for UTF-8, for equality with a checked value proves the rest.

use laneway_proto::SpanId;
use laneway_proto::otlp::reader::{self, ReadError, Repeated, Text, TracesRequest};
use laneway_proto::otlp::{field, wire};

use super::columns::{Blobs, Coded, Columns};
use crate::query::TimeRange;
use crate::store::Accepted;
use shredder::Shredder;

mod shredder;
#[cfg(test)]
mod tests;

/// Spans as columns, growing.
#[derive(Default)]
pub(super) struct Segment {
    columns: Columns,
    shredder: Shredder,
    range: Option<TimeRange>,
    // Reused from span to span.
    scratch: Vec<u8>,
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

    /// An empty segment in the memory of this one: what the coming spans need is probably there already, and mapped.
    pub(super) fn recycle(mut self) -> Self {
        self.shredder.recycle(self.columns.clear());
        self.range = None;
        self
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.columns.memory_bytes() + self.shredder.memory_bytes() + self.scratch.capacity()
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
                group.visit_spans(|span| {
                    if self.append_span(span, resource, scope)? {
                        accepted.spans += 1;
                    } else {
                        accepted.rejected_spans += 1;
                    }
                    Ok::<_, ReadError>(())
                })?;
            }
        }
        Ok(accepted)
    }

    fn intern_resource(&mut self, group: &reader::ResourceSpans<'_>) -> Result<u32, ReadError> {
        let (resource, schema_url) = (group.resource.bytes(), group.schema_url.as_bytes());
        let bytes = &mut self.scratch;
        bytes.clear();
        wire::message_sized(bytes, field::request::RESOURCE_SPANS, resource.len(), |bytes| {
            wire::bytes(bytes, field::resource_spans::RESOURCE, resource);
            if !schema_url.is_empty() {
                wire::bytes(bytes, field::resource_spans::SCHEMA_URL, schema_url);
            }
        });
        self.columns.resource.values.intern(bytes, || {
            group.schema_url.validate()?;
            group.resource.validate()
        })
    }

    fn intern_scope(&mut self, group: &reader::ScopeSpans<'_>) -> Result<u32, ReadError> {
        let (scope, schema_url) = (group.scope.bytes(), group.schema_url.as_bytes());
        let bytes = &mut self.scratch;
        bytes.clear();
        wire::message_sized(bytes, field::request::RESOURCE_SPANS, scope.len(), |bytes| {
            wire::message_sized(bytes, field::resource_spans::SCOPE_SPANS, scope.len(), |bytes| {
                wire::bytes(bytes, field::scope_spans::SCOPE, scope);
                if !schema_url.is_empty() {
                    wire::bytes(bytes, field::scope_spans::SCHEMA_URL, schema_url);
                }
            });
        });
        self.columns.scope.values.intern(bytes, || {
            group.schema_url.validate()?;
            group.scope.validate()
        })
    }

    /// Appends a span; `false` when it has no valid ids. Every part of it is validated either way.
    fn append_span(&mut self, span: &reader::Span<'_>, resource: u32, scope: u32) -> Result<bool, ReadError> {
        let Some((trace_id, span_id)) = span.ids() else { return span.validate().map(|()| false) };
        let row = self.columns.len();
        let name = push_text(&mut self.columns.name, span.name)?;
        self.shredder.append(&mut self.columns, span, row, name)?;
        let Self { columns, scratch, .. } = self;
        push_text(&mut columns.status_message, span.status_message)?;
        push_text(&mut columns.trace_state, span.trace_state)?;
        push_blob(&mut columns.events, scratch, row, field::span::EVENTS, span.events(), |event| {
            event.validate().map(|()| event.bytes())
        })?;
        push_blob(&mut columns.links, scratch, row, field::span::LINKS, span.links(), |link| {
            link.validate().map(|()| link.bytes())
        })?;
        columns.resource.ids.push(resource);
        columns.scope.ids.push(scope);
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
}

#[inline]
fn push_text(column: &mut Coded, text: Text<'_>) -> Result<u32, ReadError> {
    column.push(text.as_bytes(), || text.validate())
}

/// Keeps the items of a repeated field as they were received.
fn push_blob<'a, T>(
    column: &mut Blobs,
    scratch: &mut Vec<u8>,
    row: usize,
    field: u32,
    items: Repeated<'a, T>,
    checked_bytes: impl Fn(&T) -> Result<&'a [u8], ReadError>,
) -> Result<(), ReadError>
where
    Repeated<'a, T>: Iterator<Item = Result<T, ReadError>>,
{
    if items.is_empty() {
        return Ok(());
    }
    scratch.clear();
    for item in items {
        wire::bytes(scratch, field, checked_bytes(&item?)?);
    }
    column.push(row, scratch);
    Ok(())
}
