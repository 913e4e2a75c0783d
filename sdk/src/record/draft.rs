//! What the fields of a span or an event say, encoded as they come.

use laneway_proto::Lane;
use laneway_proto::otlp::field;

use super::attributes::{self, Fields, Key, PaddedKey};
use super::kind::{SpanKind, StatusCode};
use super::limits::{Limits, truncate};
use super::value::{Value, len_delimited, len_field};

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
    /// What is to be done when it ends.
    pub(super) pending: Pending,
}

/// What is out of the ordinary with a message, so that it needs a second look when it ends. With most nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pending(u8);

impl Pending {
    /// There is something but attributes that were kept.
    pub(super) const TOUCHED: Self = Self(1);
    /// Its name is not written yet.
    pub(super) const NAME: Self = Self(2);
    /// It begins with fields that other spans share.
    pub(super) const ENTRY: Self = Self(4);

    #[inline]
    pub(super) fn add(&mut self, Self(other): Self) {
        self.0 |= other;
    }

    #[inline]
    pub(super) fn remove(&mut self, Self(other): Self) {
        self.0 &= !other;
    }

    #[inline]
    pub(super) fn has(self, Self(other): Self) -> bool {
        self.0 & other != 0
    }

    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }
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

    /// Counts one more, which is within the limit.
    #[inline]
    fn add(&mut self) -> bool {
        self.kept += 1;
        true
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
        if self.pending.has(Pending::TOUCHED) || self.buf.len() > KEPT_BYTES {
            self.clear_all();
        }
        self.clear_plain();
    }

    /// The same, when there is nothing but a few attributes.
    #[inline(always)]
    pub(super) fn clear_plain(&mut self) {
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

    /// Writes the name of a span where its attributes begin, in the place of so many bytes before.
    pub(super) fn put_name(&mut self, before: usize, name: &str) {
        let mut field = Vec::with_capacity(len_field(name.len()));
        len_delimited(&mut field, field::span::NAME, name.as_bytes());
        let at = self.fields_at - before;
        self.fields_at = at + field.len();
        drop(self.buf.splice(at..at + before, field));
    }

    /// Gives a span attribute its value.
    #[inline(always)]
    pub(crate) fn set(&mut self, name: impl Key, value: Value<'_>, keys: Keys, limits: &Limits) {
        if name.name() == Lane::KEY {
            // The lane of a span is that of its context: an attribute cannot pretend another.
            self.pending.add(Pending::TOUCHED);
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
            self.pending.add(Pending::TOUCHED);
        }
        removed
    }

    /// Writes the name of a span, behind what is there already.
    #[inline(always)]
    pub(super) fn add_name(&mut self, name: &PaddedKey) {
        attributes::push_name(&mut self.buf, name);
        self.fields_at = self.buf.len();
    }

    /// Adds an attribute with a short text; false, and nothing is added, when it is not short or memory is to be had first. The
    /// caller has looked at the limits, and at the names.
    #[inline(always)]
    pub(crate) fn add_short_text(&mut self, key: &PaddedKey, text: &str) -> bool {
        attributes::push_short_text(&mut self.buf, key, text) && self.attributes.add()
    }

    /// Adds an attribute that is an integer below 128; otherwise as above.
    #[inline(always)]
    pub(crate) fn add_short_int(&mut self, key: &PaddedKey, value: u64) -> bool {
        value < 0x80
            && attributes::push_byte(&mut self.buf, key, attributes::INT, value as u8)
            && self.attributes.add()
    }

    /// Adds an attribute that is a truth value; otherwise as above.
    #[inline(always)]
    pub(crate) fn add_bool(&mut self, key: &PaddedKey, value: bool) -> bool {
        attributes::push_byte(&mut self.buf, key, attributes::BOOL, u8::from(value)) && self.attributes.add()
    }

    /// Takes over what was collected apart, as if it had been recorded here.
    pub(crate) fn merge(&mut self, later: &Self, limits: &Limits) {
        self.pending.add(Pending::TOUCHED);
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
        self.pending.add(Pending::TOUCHED);
        self.status_code = self.status_code.max(Some(code));
    }

    pub(crate) fn set_kind(&mut self, kind: SpanKind) {
        self.pending.add(Pending::TOUCHED);
        self.kind = Some(kind);
    }

    pub(crate) fn rename(&mut self, name: &str, limits: &Limits) {
        self.pending.add(Pending::TOUCHED);
        self.name.clear();
        self.name.push_str(truncate(name, limits.text_bytes));
    }

    pub(crate) fn describe_status(&mut self, message: &str, limits: &Limits) {
        self.pending.add(Pending::TOUCHED);
        self.status_message.clear();
        self.status_message.push_str(truncate(message, limits.text_bytes));
    }
}
