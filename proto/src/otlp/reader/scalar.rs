//! Text, numbers and booleans, and the fast way to those whose key is foreseen.

use super::cursor::keys;
use super::repeated::Repeated;
use super::{AnyValue, KeyValue, Text};
use crate::otlp::wire;

keys!(entry = key_value { KEY: Len, VALUE: Len });

/// A value that has no parts.
#[derive(Debug, Clone, Copy)]
pub enum Scalar<'a> {
    /// Text.
    String(Text<'a>),
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer.
    Int(i64),
    /// A 64-bit float.
    Double(f64),
}

/// The bytes of a value, fewer than 128, not yet looked at.
///
/// Of values in the shortest encoding each has the one of its type, and no other. Of any other value it has none, though it
/// may be a scalar.
#[derive(Debug, Clone, Copy)]
pub struct ShortValue<'a>(&'a [u8]);

/// What may be a scalar: asked for each type, it has a value for one at most.
pub trait MaybeScalar<'a>: Copy {
    /// The text.
    fn string(self) -> Option<Text<'a>>;
    /// The boolean.
    fn boolean(self) -> Option<bool>;
    /// The integer.
    fn int(self) -> Option<i64>;
    /// The float.
    fn double(self) -> Option<f64>;
}

impl<'a> MaybeScalar<'a> for ShortValue<'a> {
    #[inline(always)]
    fn string(self) -> Option<Text<'a>> {
        match self.0 {
            [0x0a, len, text @ ..] if usize::from(*len) == text.len() => Some(Text::new(text)),
            _ => None,
        }
    }

    #[inline(always)]
    fn boolean(self) -> Option<bool> {
        match *self.0 {
            [0x10, value @ 0..=0x7f] => Some(value != 0),
            _ => None,
        }
    }

    #[inline(always)]
    fn int(self) -> Option<i64> {
        match *self.0 {
            [0x18, number @ 0..=0x7f] => Some(i64::from(number)),
            [0x18, low @ 0x80..=0xff, high @ 0..=0x7f] => Some(i64::from(low & 0x7f) | i64::from(high) << 7),
            _ => None,
        }
    }

    #[inline(always)]
    fn double(self) -> Option<f64> {
        match *self.0 {
            [0x21, a, b, c, d, e, f, g, h] => Some(f64::from_le_bytes([a, b, c, d, e, f, g, h])),
            _ => None,
        }
    }
}

impl<'a> MaybeScalar<'a> for Scalar<'a> {
    #[inline]
    fn string(self) -> Option<Text<'a>> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    #[inline]
    fn boolean(self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(value) } else { None }
    }

    #[inline]
    fn int(self) -> Option<i64> {
        if let Self::Int(value) = self { Some(value) } else { None }
    }

    #[inline]
    fn double(self) -> Option<f64> {
        if let Self::Double(value) = self { Some(value) } else { None }
    }
}

impl<'a> ShortValue<'a> {
    /// The value of a message that is shorter than 128 bytes.
    #[inline(always)]
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() < 0x80).then_some(Self(bytes))
    }

    #[inline(always)]
    pub(super) fn scalar(self) -> Option<Scalar<'a>> {
        // In the order in which they are frequent.
        if let Some(text) = self.string() {
            return Some(Scalar::String(text));
        }
        if let Some(value) = self.int() {
            return Some(Scalar::Int(value));
        }
        if let Some(value) = self.double() {
            return Some(Scalar::Double(value));
        }
        self.boolean().map(Scalar::Bool)
    }
}

impl<'a> From<Scalar<'a>> for AnyValue<'a> {
    fn from(value: Scalar<'a>) -> Self {
        match value {
            Scalar::String(text) => Self::String(text),
            Scalar::Bool(value) => Self::Bool(value),
            Scalar::Int(value) => Self::Int(value),
            Scalar::Double(value) => Self::Double(value),
        }
    }
}

/// The bytes with which an attribute of a certain key begins, up to its value, as nearly every encoder writes it.
#[derive(Debug, Clone)]
pub struct KeyPrefix(Box<[u8]>);

impl KeyPrefix {
    /// The prefix of this key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        let mut bytes = Vec::with_capacity(key.len() + 3);
        wire::raw_varint(&mut bytes, entry::KEY.into());
        wire::raw_varint(&mut bytes, key.len() as u64);
        bytes.extend_from_slice(key.as_bytes());
        wire::raw_varint(&mut bytes, entry::VALUE.into());
        Self(bytes.into())
    }

    /// Its length, in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// An attribute that was found to have a certain key, and not yet taken.
#[derive(Debug, Clone, Copy)]
pub struct Foreseen<'a> {
    /// Its value.
    pub value: ShortValue<'a>,
    rest: &'a [u8],
}

impl<'a> Repeated<'a, KeyValue<'a>> {
    /// Looks whether the next attribute has this key and a short value: one comparison, where reading it and then looking
    /// for its key are many. `None` says that it has not, or has in another encoding, or that there is no attribute left.
    #[inline(always)]
    pub fn foresee(&self, prefix: &KeyPrefix) -> Option<Foreseen<'a>> {
        let (bytes, rest) = self.peek_short()?;
        let (begin, behind) = bytes.split_at_checked(prefix.0.len())?;
        match behind {
            [len @ 0..=0x7f, value @ ..] if usize::from(*len) == value.len() && equal(begin, &prefix.0) => {
                Some(Foreseen { value: ShortValue(value), rest })
            }
            _ => None,
        }
    }

    /// Takes the attribute that was foreseen, which must be the next one.
    #[inline(always)]
    pub fn take_foreseen(&mut self, foreseen: Foreseen<'a>) {
        self.advance_to(foreseen.rest);
    }
}

/// Whether both, which are equally long, are the same. A call of `memcmp` costs more than the comparison of a key.
#[inline(always)]
fn equal(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        8..=15 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        16..=32 => a.first_chunk::<16>() == b.first_chunk() && a.last_chunk::<16>() == b.last_chunk(),
        _ => a == b,
    }
}
