//! How much of a span is kept.

use super::attributes::MAX_SHORT;

/// The limits of OpenTelemetry's specification, with its defaults; text is limited too, where the specification has no
/// limit. What is beyond a count is dropped and counted in the span, what is beyond a length is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Attributes of a span; the lane is not counted.
    pub(crate) attributes: usize,
    /// Events of a span.
    pub(crate) events: usize,
    /// Links of a span.
    pub(crate) links: usize,
    /// Attributes of an event.
    pub(crate) event_attributes: usize,
    /// Attributes of a link.
    pub(crate) link_attributes: usize,
    /// Bytes of a text: an attribute value, a name, a status message.
    pub(crate) text_bytes: usize,
}

impl Limits {
    pub(crate) const DEFAULT_COUNT: usize = 128;
    pub(crate) const DEFAULT_TEXT_BYTES: usize = 32 * 1024;

    /// How many attributes may be written without a look at the other limits, when they are short.
    pub(crate) const fn short_attributes(&self) -> usize {
        if self.text_bytes >= MAX_SHORT { self.attributes } else { 0 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attributes: Self::DEFAULT_COUNT,
            events: Self::DEFAULT_COUNT,
            links: Self::DEFAULT_COUNT,
            event_attributes: Self::DEFAULT_COUNT,
            link_attributes: Self::DEFAULT_COUNT,
            text_bytes: Self::DEFAULT_TEXT_BYTES,
        }
    }
}

/// The longest prefix of at most `max_bytes` that ends between two characters.
#[inline]
pub(crate) fn truncate(text: &str, max_bytes: usize) -> &str {
    if text.len() <= max_bytes { text } else { &text[..text.floor_char_boundary(max_bytes)] }
}
