//! The open segment: where spans live between their arrival and their part.
//!
//! Spans of one program repeat one another, so whatever comes is first compared with what came last: a resource, a text, the list
//! of attributes of the last span with that name. Only what differs is hashed, and only what was never seen is checked
//! for UTF-8, for equality with a checked value proves the rest.

use laneway_proto::SpanId;
use laneway_proto::otlp::reader::{self, ReadError, Repeated, Resource, Scope, Text, TracesRequest, Visitor};
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
    /// Makes room for about so many spans, if there is none yet.
    pub(super) fn reserve(&mut self, spans: usize) {
        // Spans are counted after a group of requests, so there are mostly a few more.
        const MAX_RESERVED: usize = 1 << 20;
        self.columns.reserve((spans + spans / 16).min(MAX_RESERVED));
    }

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
        let mut append = Append { segment: self, accepted: Accepted::default() };
        request.visit(&mut append)?;
        Ok(append.accepted)
    }

    /// Appends a span, all but its scope and resource; `false` when it has no valid ids. Every part of it is validated either way.
    #[inline(always)]
    fn append_span(&mut self, span: &reader::Span<'_>) -> Result<bool, ReadError> {
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

/// Takes the spans of a request, and gives them their scope and resource when these come.
struct Append<'s> {
    segment: &'s mut Segment,
    accepted: Accepted,
}

impl<'a> Visitor<'a> for Append<'_> {
    #[inline(always)]
    fn span(&mut self, span: &reader::Span<'a>) -> Result<(), ReadError> {
        if self.segment.append_span(span)? {
            self.accepted.spans += 1;
        } else {
            self.accepted.rejected_spans += 1;
        }
        Ok(())
    }

    fn scope(&mut self, scope: &Scope<'a>, schema_url: Text<'a>) -> Result<(), ReadError> {
        let Segment { columns, scratch, .. } = &mut *self.segment;
        scratch.clear();
        wire::message_sized(scratch, field::request::RESOURCE_SPANS, scope.bytes().len(), |bytes| {
            wire::message_sized(bytes, field::resource_spans::SCOPE_SPANS, scope.bytes().len(), |bytes| {
                wire::bytes(bytes, field::scope_spans::SCOPE, scope.bytes());
                if !schema_url.is_empty() {
                    wire::bytes(bytes, field::scope_spans::SCHEMA_URL, schema_url.as_bytes());
                }
            });
        });
        let rows = columns.len();
        columns.scope.fill(rows, scratch, || schema_url.validate().and_then(|()| scope.validate()))
    }

    fn resource(&mut self, resource: &Resource<'a>, schema_url: Text<'a>) -> Result<(), ReadError> {
        let Segment { columns, scratch, .. } = &mut *self.segment;
        scratch.clear();
        wire::message_sized(scratch, field::request::RESOURCE_SPANS, resource.bytes().len(), |bytes| {
            wire::bytes(bytes, field::resource_spans::RESOURCE, resource.bytes());
            if !schema_url.is_empty() {
                wire::bytes(bytes, field::resource_spans::SCHEMA_URL, schema_url.as_bytes());
            }
        });
        let rows = columns.len();
        columns.resource.fill(rows, scratch, || schema_url.validate().and_then(|()| resource.validate()))
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
