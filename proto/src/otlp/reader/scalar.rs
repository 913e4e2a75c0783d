//! The form that nearly every attribute has, read without a detour.

use super::repeated::Repeated;
use super::{AnyValue, KeyValue, Text};

/// An attribute of the usual form: a key, then a value that is text, a number or a boolean, in less than 128 bytes.
///
/// Every part of it fits into a register, so that reading many of them touches no memory but their own bytes.
#[derive(Debug, Clone, Copy)]
pub struct ScalarAttribute<'a> {
    /// The key.
    pub key: Text<'a>,
    /// The value.
    pub value: Scalar<'a>,
    bytes: &'a [u8],
}

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

impl<'a> Scalar<'a> {
    /// Nothing but one string, an integer from 0 to 16383, a double, or a boolean.
    #[inline(always)]
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        Some(match *bytes {
            [0x0a, len @ 0..=0x7f, ref text @ ..] if usize::from(len) == text.len() => {
                Self::String(Text::new(text))
            }
            [0x18, number @ 0..=0x7f] => Self::Int(i64::from(number)),
            [0x18, low @ 0x80..=0xff, high @ 0..=0x7f] => {
                Self::Int(i64::from(low & 0x7f) | i64::from(high) << 7)
            }
            [0x21, a, b, c, d, e, f, g, h] => Self::Double(f64::from_le_bytes([a, b, c, d, e, f, g, h])),
            [0x10, value @ 0..=0x7f] => Self::Bool(value != 0),
            _ => return None,
        })
    }
}

/// The key and the value's bytes of what nearly every attribute looks like: both shorter than 128 bytes, in this order.
#[inline(always)]
pub(super) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x0a, key_len @ 0..=0x7f, rest @ ..] = bytes else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*key_len))?;
    match rest {
        [0x12, value_len @ 0..=0x7f, value @ ..] if usize::from(*value_len) == value.len() => {
            Some((key, value))
        }
        _ => None,
    }
}

impl<'a> ScalarAttribute<'a> {
    /// The bytes of its message.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Repeated<'a, KeyValue<'a>> {
    /// Takes the next attribute if it has the usual form. `None` says that it has another, or that there is none: ask
    /// [`next`](Iterator::next) for it.
    #[inline(always)]
    pub fn next_scalar(&mut self) -> Option<ScalarAttribute<'a>> {
        let (bytes, rest) = self.peek_short()?;
        let (key, value) = split(bytes)?;
        let attribute = ScalarAttribute { key: Text::new(key), value: Scalar::read(value)?, bytes };
        self.advance_to(rest);
        Some(attribute)
    }
}
