//! What the fields of a span or an event say, encoded as they come.

use laneway_proto::Lane;

use super::attributes::{self, Fields, Key};
use super::limits::{Limits, truncate};
use super::span::{SpanKind, StatusCode};
use super::value::Value;

/// A message under construction: its attributes encoded in place, and beside them what is no attribute.
///
/// The memory is kept for the next one: drafts are reused.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) buf: Vec<u8>,
    /// Where the attributes begin in `buf`.
    pub(super) fields_at: usize,
    pub(super) attributes: Count,
    pub(super) kind: Option<SpanKind>,
    pub(super) status_code: Option<StatusCode>,
    /// Empty when it is not stated.
    pub(super) name: String,
    /// Empty when it is not stated.
    pub(super) status_message: String,
    /// Whether there is anything but attributes that were kept: most spans have nothing else, and then nothing else needs to be
    /// looked at or put back.
    pub(super) is_touched: bool,
}

/// How many there are, and how many were not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) kept: usize,
    pub(crate) dropped: u32,
}

impl Count {
    /// Counts one more; false when it is not kept.
    #[inline]
    pub(super) fn admit(&mut self, limit: usize) -> bool {
        if self.kept < limit {
            self.kept += 1;
            true
        } else {
            self.drop_one();
            false
        }
    }

    pub(super) fn drop_one(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }
}

/// Whether a key may be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Each comes once: nothing is looked for.
    Distinct,
    /// A later value takes the place of an earlier one.
    Any,
}

/// Capacity that is worth keeping for the next message.
pub(super) const KEPT_BYTES: usize = 512;

impl Draft {
    /// Empties it, and gives back memory that an unusually large message took.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.is_touched || self.buf.len() > KEPT_BYTES {
            self.clear_all();
        }
        self.buf.clear();
        (self.attributes.kept, self.fields_at) = (0, 0);
    }

    #[cold]
    fn clear_all(&mut self) {
        let Self { mut buf, mut name, mut status_message, .. } = std::mem::take(self);
        for text in [&mut name, &mut status_message] {
            text.clear();
            text.shrink_to(KEPT_BYTES / 8);
        }
        buf.clear();
        // With the texts it is what is promised of a thread.
        buf.shrink_to(KEPT_BYTES / 4 * 3);
        *self = Self { buf, name, status_message, ..Self::default() };
    }

    /// Gives a span attribute its value.
    #[inline(always)]
    pub(crate) fn set(&mut self, name: impl Key, value: Value<'_>, keys: Keys, limits: &Limits) {
        if name.name() == Lane::KEY {
            // The lane of a span is that of its context: an attribute cannot pretend another.
            self.is_touched = true;
            self.attributes.drop_one();
            return;
        }
        self.put(super::span::ATTRIBUTE, name, value, keys, limits.attributes, limits.text_bytes);
    }

    /// Gives an attribute of this tag its value; where an earlier one was removed.
    #[inline(always)]
    pub(super) fn put(
        &mut self,
        tag: u8,
        name: impl Key,
        value: Value<'_>,
        keys: Keys,
        max_count: usize,
        max_bytes: usize,
    ) -> Option<std::ops::Range<usize>> {
        let removed = match keys {
            Keys::Any => attributes::remove(&mut self.buf, self.fields_at, tag, name.name()),
            Keys::Distinct => None,
        };
        if removed.is_some() || self.attributes.admit(max_count) {
            attributes::push(&mut self.buf, tag, name, value, max_bytes);
        } else {
            self.is_touched = true;
        }
        removed
    }

    /// Takes over what was collected apart, as if it had been recorded here.
    pub(crate) fn merge(&mut self, later: &Self, limits: &Limits) {
        self.is_touched = true;
        for field in Fields::of(&later.buf) {
            let Some(name) = field.attribute_name(super::span::ATTRIBUTE) else { continue };
            // Names come from `&str`s.
            let Ok(name) = std::str::from_utf8(name) else { continue };
            let removed = attributes::remove(&mut self.buf, self.fields_at, super::span::ATTRIBUTE, name);
            if removed.is_some() || self.attributes.admit(limits.attributes) {
                self.buf.extend_from_slice(&later.buf[field.start..field.end]);
            }
        }
        self.attributes.dropped = self.attributes.dropped.saturating_add(later.attributes.dropped);
        self.kind = later.kind.or(self.kind);
        if let Some(code) = later.status_code {
            self.state(code);
        }
        if !later.name.is_empty() {
            self.rename(&later.name, limits);
        }
        if !later.status_message.is_empty() {
            self.describe_status(&later.status_message, limits);
        }
    }

    /// States the status; one of higher priority stays.
    pub(crate) fn state(&mut self, code: StatusCode) {
        self.is_touched = true;
        self.status_code = self.status_code.max(Some(code));
    }

    pub(crate) fn set_kind(&mut self, kind: SpanKind) {
        self.is_touched = true;
        self.kind = Some(kind);
    }

    pub(crate) fn rename(&mut self, name: &str, limits: &Limits) {
        self.is_touched = true;
        self.name.clear();
        self.name.push_str(truncate(name, limits.text_bytes));
    }

    pub(crate) fn describe_status(&mut self, message: &str, limits: &Limits) {
        self.is_touched = true;
        self.status_message.clear();
        self.status_message.push_str(truncate(message, limits.text_bytes));
    }
}
