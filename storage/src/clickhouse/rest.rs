//! What the exporter's columns cannot say of a span: one value, empty for most spans, else an OTLP `ResourceSpans` of only that.

use laneway_proto::otlp::reader::{ReadError, ResourceSpans, Span as OtlpSpan, TracesRequest};
use laneway_proto::otlp::{field, wire};

use super::attributes;
use crate::QueryError;
use crate::model::{Event, KeyValue, Link, Resource, Scope, Span, from_otlp, to_otlp};

/// What the other columns do not say of a span. A default value stands for "nothing".
#[derive(Debug, Default, PartialEq)]
pub(super) struct Rest {
    /// Attributes [in the rest](attributes::in_rest), and everything else that a resource has.
    pub(super) resource: Resource,
    /// All attributes, if there is one, and everything else but name and version.
    pub(super) scope: Scope,
    /// The exact start, where it is later than a timestamp can be.
    pub(super) start_unix_ns: u64,
    /// By how much the end lies before the start.
    pub(super) negative_duration_ns: u64,
    /// Attributes in the rest.
    pub(super) attributes: Vec<KeyValue>,
    pub(super) dropped_attributes_count: u32,
    /// All events, if one of them needs it.
    pub(super) events: Vec<Event>,
    pub(super) dropped_events_count: u32,
    /// All links, if one of them needs it.
    pub(super) links: Vec<Link>,
    pub(super) dropped_links_count: u32,
}

impl Rest {
    /// The rest of a span.
    pub(super) fn of(span: &Span) -> Self {
        let is_later = span.start_unix_ns > super::row::MAX_UNIX_NS;
        Self {
            resource: Resource {
                attributes: attributes::in_rest(&span.resource.attributes).cloned().collect(),
                dropped_attributes_count: span.resource.dropped_attributes_count,
                schema_url: span.resource.schema_url.clone(),
            },
            scope: Scope { name: String::new(), version: String::new(), ..Scope::clone(&span.scope) },
            start_unix_ns: if is_later { span.start_unix_ns } else { 0 },
            negative_duration_ns: span.start_unix_ns.saturating_sub(span.end_unix_ns),
            attributes: attributes::in_rest(&span.attributes).cloned().collect(),
            dropped_attributes_count: span.dropped_attributes_count,
            events: if span.events.iter().any(event_needs_rest) { span.events.clone() } else { Vec::new() },
            dropped_events_count: span.dropped_events_count,
            links: if span.links.iter().any(link_needs_rest) { span.links.clone() } else { Vec::new() },
            dropped_links_count: span.dropped_links_count,
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut span = Vec::new();
        for (field, time) in [
            (field::span::START_TIME_UNIX_NANO, self.start_unix_ns),
            (field::span::END_TIME_UNIX_NANO, self.negative_duration_ns),
        ] {
            if time != 0 {
                wire::fixed64(&mut span, field, time);
            }
        }
        to_otlp::attributes(&mut span, field::span::ATTRIBUTES, &self.attributes);
        to_otlp::count(&mut span, field::span::DROPPED_ATTRIBUTES_COUNT, self.dropped_attributes_count);
        for event in &self.events {
            wire::message(&mut span, field::span::EVENTS, |buf| to_otlp::event(buf, event));
        }
        to_otlp::count(&mut span, field::span::DROPPED_EVENTS_COUNT, self.dropped_events_count);
        for link in &self.links {
            wire::message(&mut span, field::span::LINKS, |buf| to_otlp::link(buf, link));
        }
        to_otlp::count(&mut span, field::span::DROPPED_LINKS_COUNT, self.dropped_links_count);
        let mut rest = if self.resource == Resource::default() {
            Vec::new()
        } else {
            to_otlp::resource_bytes(&self.resource)
        };
        let has_scope = self.scope != Scope::default();
        if has_scope || !span.is_empty() {
            wire::message(&mut rest, field::resource_spans::SCOPE_SPANS, |buf| {
                if has_scope {
                    buf.extend(to_otlp::scope_bytes(&self.scope));
                }
                if !span.is_empty() {
                    wire::bytes(buf, field::scope_spans::SPANS, &span);
                }
            });
        }
        rest
    }

    /// # Errors
    /// When the bytes are not an encoded rest.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, QueryError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        Self::read(bytes).map_err(|error| QueryError::Corrupt(format!("the rest of a span: {error}")))
    }

    fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        // As the reader has no entrance for a `ResourceSpans` alone, it gets one around it.
        let mut request = Vec::with_capacity(bytes.len() + 8);
        wire::bytes(&mut request, field::request::RESOURCE_SPANS, bytes);
        let mut rest = Self::default();
        let Some(group) = TracesRequest::new(&request).resource_spans().next() else { return Ok(rest) };
        let group: ResourceSpans<'_> = group?;
        rest.resource = from_otlp::resource(&group)?;
        let Some(group) = group.scope_spans().next() else { return Ok(rest) };
        let group = group?;
        rest.scope = from_otlp::scope(&group)?;
        let Some(span) = group.spans().next() else { return Ok(rest) };
        let span: OtlpSpan<'_> = span?;
        rest.start_unix_ns = span.start_time_unix_nano;
        rest.negative_duration_ns = span.end_time_unix_nano;
        rest.attributes = from_otlp::key_values(span.attributes())?;
        rest.events = span.events().map(|event| from_otlp::event(&event?)).collect::<Result<_, _>>()?;
        rest.links = span.links().map(|link| from_otlp::link(&link?)).collect::<Result<_, _>>()?;
        rest.dropped_attributes_count = span.dropped_attributes_count;
        rest.dropped_events_count = span.dropped_events_count;
        rest.dropped_links_count = span.dropped_links_count;
        Ok(rest)
    }
}

fn event_needs_rest(event: &Event) -> bool {
    event.dropped_attributes_count != 0
        || event.time_unix_ns > super::row::MAX_UNIX_NS
        || !attributes::types(&event.attributes).is_empty()
}

fn link_needs_rest(link: &Link) -> bool {
    link.dropped_attributes_count != 0 || link.flags != 0 || !attributes::types(&link.attributes).is_empty()
}
