//! Requests: `ExportTraceServiceRequest`, `ResourceSpans` and `ScopeSpans`.

use std::iter::FusedIterator;

use super::cursor::{Cursor, for_each_field, keys};
use super::error::{Place, ReadError};
use super::repeated::{Context, Message, Repeated};
use super::{Resource, Scope, Span, Text};
use crate::otlp::field;

/// The bytes of an `ExportTraceServiceRequest`, or of `TracesData`, which is the same on the wire.
#[derive(Debug, Clone, Copy)]
pub struct TracesRequest<'a>(&'a [u8]);

/// The spans of one resource.
#[derive(Debug, Clone)]
pub struct ResourceSpans<'a> {
    /// The resource; one without attributes when there is none.
    pub resource: Resource<'a>,
    /// Schema URL of the resource.
    pub schema_url: Text<'a>,
    scope_spans: Repeated<'a, ScopeSpans<'a>>,
}

/// The spans of one scope of a resource.
#[derive(Debug, Clone)]
pub struct ScopeSpans<'a> {
    /// The scope; one without a name when there is none.
    pub scope: Scope<'a>,
    /// Schema URL of the spans.
    pub schema_url: Text<'a>,
    spans: Repeated<'a, Span<'a>>,
}

/// The resources of a request with their spans. After an error there are no more.
#[derive(Debug, Clone)]
pub struct ResourceSpansIter<'a> {
    rest: &'a [u8],
}

keys!(request = request { RESOURCE_SPANS: Len });
keys!(pub(super) resource_spans = resource_spans { RESOURCE: Len, SCOPE_SPANS: Len, SCHEMA_URL: Len });
keys!(pub(super) scope_spans = scope_spans { SCOPE: Len, SPANS: Len, SCHEMA_URL: Len });

impl<'a> TracesRequest<'a> {
    /// The request of these bytes, of which none has been looked at. No bytes are a request without spans.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The resources with their spans.
    pub const fn resource_spans(&self) -> ResourceSpansIter<'a> {
        ResourceSpansIter { rest: self.0 }
    }

    /// Checks everything within, once: structure, text, id lengths, nesting.
    ///
    /// # Errors
    /// On the first problem, with its offset in the request. Absent and zero ids are none.
    pub fn validate(&self) -> Result<(), ReadError> {
        self.resource_spans()
            .try_for_each(|resource_spans| resource_spans?.validate())
            .map_err(|error| error.locate(self.0))
    }
}

impl<'a> Iterator for ResourceSpansIter<'a> {
    type Item = Result<ResourceSpans<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_message()?;
        let next = next.and_then(|bytes| ResourceSpans::read(bytes, Context::new(Place::ResourceSpans)));
        if next.is_err() {
            self.rest = &[];
        }
        Some(next)
    }
}

impl FusedIterator for ResourceSpansIter<'_> {}

impl<'a> ResourceSpansIter<'a> {
    /// The bytes of the next `ResourceSpans`. After an error there are no more.
    pub(super) fn next_message(&mut self) -> Option<Result<&'a [u8], ReadError>> {
        let next = self.read_next();
        if next.is_err() {
            self.rest = &[];
        }
        next.transpose()
    }

    fn read_next(&mut self) -> Result<Option<&'a [u8]>, ReadError> {
        let path = Place::Request.itself();
        let mut cursor = Cursor::new(self.rest);
        while !cursor.is_empty() {
            let key = cursor.key().map_err(|error| error.within(path, 0))?;
            let in_field = |error: ReadError| error.within(path, key >> 3);
            if key == request::RESOURCE_SPANS {
                let bytes = cursor.len_delimited().map_err(in_field)?;
                self.rest = cursor.rest();
                return Ok(Some(bytes));
            }
            cursor.skip_unknown(key, path).map_err(in_field)?;
        }
        self.rest = &[];
        Ok(None)
    }
}

impl<'a> ResourceSpans<'a> {
    /// Its scopes with their spans.
    #[inline]
    pub fn scope_spans(&self) -> Repeated<'a, ScopeSpans<'a>> {
        self.scope_spans.clone()
    }

    fn validate(&self) -> Result<(), ReadError> {
        self.resource.validate()?;
        self.schema_url.check(Place::ResourceSpans.itself(), field::resource_spans::SCHEMA_URL)?;
        self.scope_spans().try_for_each(|scope_spans| scope_spans?.validate())
    }
}

impl<'a> Message<'a> for ResourceSpans<'a> {
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        let path = Place::ResourceSpans.itself();
        let mut resource = None;
        let mut schema_url = Text::default();
        let mut scope_spans = Repeated::empty(resource_spans::SCOPE_SPANS, Context::new(Place::ScopeSpans));
        for_each_field(bytes, path, |cursor, key| match key {
            resource_spans::RESOURCE => cursor.single(&mut resource),
            resource_spans::SCOPE_SPANS => scope_spans.push(cursor),
            resource_spans::SCHEMA_URL => cursor.text(&mut schema_url),
            _ => cursor.skip_unknown(key, path),
        })?;
        Ok(Self { resource: Resource::parse(resource.unwrap_or_default())?, schema_url, scope_spans })
    }
}

impl<'a> ScopeSpans<'a> {
    /// Its spans.
    #[inline]
    pub fn spans(&self) -> Repeated<'a, Span<'a>> {
        self.spans.clone()
    }

    fn validate(&self) -> Result<(), ReadError> {
        self.scope.validate()?;
        self.schema_url.check(Place::ScopeSpans.itself(), field::scope_spans::SCHEMA_URL)?;
        self.spans().try_for_each(|span| span?.validate())
    }
}

impl<'a> Message<'a> for ScopeSpans<'a> {
    fn read(bytes: &'a [u8], _: Context) -> Result<Self, ReadError> {
        let path = Place::ScopeSpans.itself();
        let mut scope = None;
        let mut schema_url = Text::default();
        let mut spans = Repeated::empty(scope_spans::SPANS, Context::new(Place::Span));
        for_each_field(bytes, path, |cursor, key| match key {
            scope_spans::SCOPE => cursor.single(&mut scope),
            scope_spans::SPANS => spans.push(cursor),
            scope_spans::SCHEMA_URL => cursor.text(&mut schema_url),
            _ => cursor.skip_unknown(key, path),
        })?;
        Ok(Self { scope: Scope::parse(scope.unwrap_or_default())?, schema_url, spans })
    }
}
