//! A request in one pass.
//!
//! Iterating over the spans of a scope means to find out first how many there are, by a step from span to span over memory that
//! nobody has touched yet. A visitor gets each span where the walk meets it. The price: what a span belongs to comes
//! after it, for the schema URLs stand behind the spans in the request.

use super::cursor::{Cursor, for_each_field};
use super::error::{Place, ReadError};
use super::request::{resource_spans, scope_spans};
use super::{Resource, Scope, Span, Text, TracesRequest};

/// What is told of a request, from its beginning to its end.
pub trait Visitor<'a> {
    /// A span. Its attributes, events and links have not been looked at.
    ///
    /// # Errors
    /// End the walk.
    fn span(&mut self, span: &Span<'a>) -> Result<(), ReadError>;

    /// The scope of all spans since the last one, and the schema URL of the spans.
    ///
    /// # Errors
    /// End the walk.
    fn scope(&mut self, scope: &Scope<'a>, schema_url: Text<'a>) -> Result<(), ReadError>;

    /// The resource of all scopes since the last one, and its schema URL.
    ///
    /// # Errors
    /// End the walk.
    fn resource(&mut self, resource: &Resource<'a>, schema_url: Text<'a>) -> Result<(), ReadError>;
}

impl<'a> TracesRequest<'a> {
    /// Tells everything in the request. It is the same as what the iterators give, and an error where they have one.
    ///
    /// # Errors
    /// The first, of the reader or of the visitor. By then a part of the request has been told.
    pub fn visit(&self, visitor: &mut impl Visitor<'a>) -> Result<(), ReadError> {
        let mut messages = self.resource_spans();
        while let Some(message) = messages.next_message() {
            visit_resource_spans(message?, visitor)?;
        }
        Ok(())
    }
}

fn visit_resource_spans<'a>(message: &'a [u8], visitor: &mut impl Visitor<'a>) -> Result<(), ReadError> {
    let path = Place::ResourceSpans.itself();
    let mut resource = None;
    let mut schema_url = Text::default();
    for_each_field(message, path, |cursor, key| match key {
        resource_spans::RESOURCE => cursor.single(&mut resource),
        resource_spans::SCOPE_SPANS => visit_scope_spans(cursor.len_delimited()?, visitor),
        resource_spans::SCHEMA_URL => cursor.text(&mut schema_url),
        _ => cursor.skip_unknown(key, path),
    })?;
    visitor.resource(&Resource::parse(resource.unwrap_or_default())?, schema_url)
}

fn visit_scope_spans<'a>(message: &'a [u8], visitor: &mut impl Visitor<'a>) -> Result<(), ReadError> {
    let path = Place::ScopeSpans.itself();
    let mut scope = None;
    let mut schema_url = Text::default();
    for_each_field(message, path, |cursor, key| match key {
        scope_spans::SPANS => visit_span(cursor, visitor),
        scope_spans::SCOPE => cursor.single(&mut scope),
        scope_spans::SCHEMA_URL => cursor.text(&mut schema_url),
        _ => cursor.skip_unknown(key, path),
    })?;
    visitor.scope(&Scope::parse(scope.unwrap_or_default())?, schema_url)
}

#[inline(always)]
fn visit_span<'a>(cursor: &mut Cursor<'a>, visitor: &mut impl Visitor<'a>) -> Result<(), ReadError> {
    // Read where it stays: a span is large.
    let mut span = Span::empty(cursor.len_delimited()?);
    span.fill()?;
    visitor.span(&span)
}
