//! What is wrong with a request, and where.

use std::fmt;

use super::MAX_DEPTH;
use crate::otlp::field;

/// Why bytes are not a valid message.
///
/// Its text names the field, and the byte where the problem is known to lie: `span.attributes.value: nesting
/// deeper than 64 levels (at byte 5123)`.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub struct ReadError {
    kind: ReadErrorKind,
    location: Option<Location>,
    position: Position,
}

/// The kinds of [`ReadError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The bytes end before the field does.
    Truncated,
    /// A varint has more than 64 bits.
    Varint,
    /// A field number is zero or above 2^29 - 1, or a wire type is 6 or 7.
    Key,
    /// A field that is known has a wire type that is not its own.
    WireType {
        /// The one that was found.
        found: u8,
    },
    /// A group ends that did not begin.
    Group,
    /// Values or groups nest deeper than [`MAX_DEPTH`].
    Depth,
    /// Text is not UTF-8.
    Utf8,
    /// An id has neither its full length nor none.
    IdLength {
        /// Bytes of a full id.
        expected: u8,
        /// Bytes that were found, at most `u32::MAX`.
        found: u32,
    },
    /// A message occurs twice where there can be one.
    Twice,
}

/// Where in the tree of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Location {
    path: Path,
    /// The field number, or 0 when it is not known.
    field: u32,
}

// A cursor does not know where in the request its slice lies, and carrying that along would cost the good
// case. The address of the bad byte costs nothing, and whoever holds the whole slice can tell the offset from
// it.
#[derive(Debug, Clone, Copy)]
enum Position {
    Address(usize),
    Offset(usize),
    Unknown,
}

impl ReadError {
    #[cold]
    pub(super) fn new(kind: ReadErrorKind, at: &[u8]) -> Self {
        Self { kind, location: None, position: Position::Address(at.as_ptr().addr()) }
    }

    /// The same error in this field, unless a field further inside is known.
    #[cold]
    pub(super) fn within(self, path: Path, field: u32) -> Self {
        Self { location: self.location.or(Some(Location { path, field })), ..self }
    }

    /// What is wrong.
    pub const fn kind(&self) -> ReadErrorKind {
        self.kind
    }

    /// How many bytes into the message the problem lies: known after [`locate`](Self::locate), and for the
    /// errors of [`TracesRequest::validate`](super::TracesRequest::validate).
    pub const fn offset(&self) -> Option<usize> {
        match self.position {
            Position::Offset(offset) => Some(offset),
            Position::Address(_) | Position::Unknown => None,
        }
    }

    /// The same error with its offset in `message`: the bytes that were read when it happened, or the longer
    /// slice that they are a part of.
    #[cold]
    #[must_use]
    pub fn locate(self, message: &[u8]) -> Self {
        let Position::Address(address) = self.position else { return self };
        let offset = address.checked_sub(message.as_ptr().addr()).filter(|&offset| offset <= message.len());
        Self { position: offset.map_or(Position::Unknown, Position::Offset), ..self }
    }
}

/// Two errors are equal when the same is wrong with the same field, at the same offset where both know it.
impl PartialEq for ReadError {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.location == other.location && self.offset() == other.offset()
    }
}

impl Eq for ReadError {}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = self.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}", self.kind)?;
        self.offset().map_or(Ok(()), |offset| write!(f, " (at byte {offset})"))
    }
}

impl fmt::Display for ReadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("ends too early"),
            Self::Varint => f.write_str("a varint of more than 64 bits"),
            Self::Key => f.write_str("not the key of a field"),
            Self::WireType { found } => write!(f, "wire type {found} is not that of the field"),
            Self::Group => f.write_str("the end of a group that did not begin"),
            Self::Depth => write!(f, "nesting deeper than {MAX_DEPTH} levels"),
            Self::Utf8 => f.write_str("not UTF-8"),
            Self::IdLength { expected, found } => {
                write!(f, "an id of {found} bytes where {expected} (or none) are expected")
            }
            Self::Twice => f.write_str("given twice"),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path.place.as_str())?;
        f.write_str(self.path.part.as_str())?;
        if let Some(name) = self.path.field_name(self.field) {
            write!(f, ".{}", name.to_ascii_lowercase())?;
        } else if self.field != 0 {
            write!(f, ".{}", self.field)?;
        }
        Ok(())
    }
}

/// A kind of message at a place of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    place: Place,
    part: Part,
}

/// A place of the tree, where there are messages of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Request,
    ResourceSpans,
    Resource,
    ResourceAttributes,
    EntityRefs,
    ScopeSpans,
    Scope,
    ScopeAttributes,
    Span,
    SpanAttributes,
    Status,
    Events,
    EventAttributes,
    Links,
    LinkAttributes,
    /// An attribute, or its value, that is read by itself.
    Attribute,
}

/// What of the messages at a place: with attributes it is not only themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Itself,
    Value,
    Array,
    KvList,
}

impl Place {
    /// The messages at this place.
    pub(super) const fn itself(self) -> Path {
        Path { place: self, part: Part::Itself }
    }

    /// The values of the attributes at this place.
    pub(super) const fn value(self) -> Path {
        Path { place: self, part: Part::Value }
    }

    /// The arrays within those values.
    pub(super) const fn array(self) -> Path {
        Path { place: self, part: Part::Array }
    }

    /// The maps within those values.
    pub(super) const fn kvlist(self) -> Path {
        Path { place: self, part: Part::KvList }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::ResourceSpans => "resource_spans",
            Self::Resource => "resource",
            Self::ResourceAttributes => "resource.attributes",
            Self::EntityRefs => "resource.entity_refs",
            Self::ScopeSpans => "scope_spans",
            Self::Scope => "scope",
            Self::ScopeAttributes => "scope.attributes",
            Self::Span => "span",
            Self::SpanAttributes => "span.attributes",
            Self::Status => "span.status",
            Self::Events => "span.events",
            Self::EventAttributes => "span.events.attributes",
            Self::Links => "span.links",
            Self::LinkAttributes => "span.links.attributes",
            Self::Attribute => "attribute",
        }
    }

    const fn field_name(self, number: u32) -> Option<&'static str> {
        match self {
            Self::Request => field::request::name(number),
            Self::ResourceSpans => field::resource_spans::name(number),
            Self::Resource => field::resource::name(number),
            Self::EntityRefs => field::entity_ref::name(number),
            Self::ScopeSpans => field::scope_spans::name(number),
            Self::Scope => field::scope::name(number),
            Self::Span => field::span::name(number),
            Self::Status => field::status::name(number),
            Self::Events => field::event::name(number),
            Self::Links => field::link::name(number),
            Self::ResourceAttributes
            | Self::ScopeAttributes
            | Self::SpanAttributes
            | Self::EventAttributes
            | Self::LinkAttributes
            | Self::Attribute => field::key_value::name(number),
        }
    }
}

impl Part {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Itself => "",
            Self::Value => ".value",
            Self::Array => ".value.array_value",
            Self::KvList => ".value.kvlist_value",
        }
    }
}

impl Path {
    /// The name of the field of this number; `None` when messages of this kind do not define it.
    pub(super) const fn field_name(self, number: u32) -> Option<&'static str> {
        match self.part {
            Part::Itself => self.place.field_name(number),
            Part::Value => field::any_value::name(number),
            Part::Array => field::array_value::name(number),
            Part::KvList => field::key_value_list::name(number),
        }
    }
}
