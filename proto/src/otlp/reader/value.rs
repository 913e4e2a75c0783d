//! Attributes and their values: `opentelemetry/proto/common/v1/common.proto`.

use super::cursor::{for_each_field, keys};
use super::error::{Path, Place, ReadError, ReadErrorKind};
use super::repeated::{Context, Message, Repeated};
use super::scalar::{Scalar, ShortValue};
use super::{MAX_DEPTH, Text};
use crate::otlp::field;

/// An attribute, or an entry of a map: a key with a value.
#[derive(Debug, Clone)]
pub struct KeyValue<'a> {
    /// The key.
    pub key: Text<'a>,
    /// The value.
    pub value: AnyValue<'a>,
    bytes: &'a [u8],
    value_bytes: &'a [u8],
}

/// A value of any type.
#[derive(Debug, Clone)]
pub enum AnyValue<'a> {
    /// No value was set, which is legal and different from an empty string.
    Empty,
    /// Text.
    String(Text<'a>),
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer.
    Int(i64),
    /// A 64-bit float.
    Double(f64),
    /// Opaque bytes.
    Bytes(&'a [u8]),
    /// An ordered list of values.
    Array(Repeated<'a, AnyValue<'a>>),
    /// An ordered list of keys with values.
    KvList(Repeated<'a, KeyValue<'a>>),
}

keys!(entry = key_value { KEY: Len, VALUE: Len, KEY_STRINDEX: Varint });
keys!(
    value = any_value {
        STRING_VALUE: Len,
        BOOL_VALUE: Varint,
        INT_VALUE: Varint,
        DOUBLE_VALUE: Fixed64,
        ARRAY_VALUE: Len,
        KVLIST_VALUE: Len,
        BYTES_VALUE: Len,
        STRING_VALUE_STRINDEX: Varint,
    }
);
keys!(array = array_value { VALUES: Len });
keys!(kvlist = key_value_list { VALUES: Len });

impl<'a> KeyValue<'a> {
    /// Reads a `KeyValue` message.
    ///
    /// # Errors
    /// When the message, or the value's own, is malformed. Elements of an array or a map have not been looked
    /// at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(bytes, Context::new(Place::Attribute))
    }

    /// The bytes of the message.
    #[inline]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of the value's `AnyValue` message; none when there is no value.
    #[inline]
    pub const fn value_bytes(&self) -> &'a [u8] {
        self.value_bytes
    }

    /// Checks everything within.
    ///
    /// # Errors
    /// When something in it is malformed, not UTF-8, or nested too deep.
    pub fn validate(&self) -> Result<(), ReadError> {
        self.check(Place::Attribute)
    }

    pub(super) fn check(&self, place: Place) -> Result<(), ReadError> {
        self.key.check(place.itself(), field::key_value::KEY)?;
        self.value.check(place)
    }
}

impl<'a> Message<'a> for KeyValue<'a> {
    #[inline]
    fn read(bytes: &'a [u8], context: Context) -> Result<Self, ReadError> {
        // What nearly every attribute looks like: a key, then a value, both shorter than 128 bytes.
        if let [0x0a, key_len @ 0..=0x7f, rest @ ..] = bytes
            && let Some((key, [0x12, value_len @ 0..=0x7f, value_bytes @ ..])) =
                rest.split_at_checked(usize::from(*key_len))
            && usize::from(*value_len) == value_bytes.len()
        {
            let value = AnyValue::read(value_bytes, context)?;
            return Ok(Self { key: Text::new(key), value, bytes, value_bytes });
        }
        Self::read_general(bytes, context)
    }
}

impl<'a> KeyValue<'a> {
    #[inline(never)]
    fn read_general(bytes: &'a [u8], context: Context) -> Result<Self, ReadError> {
        let path = context.place.itself();
        let mut key_text = Text::default();
        let mut value = None;
        for_each_field(bytes, path, |cursor, key| match key {
            entry::KEY => cursor.text(&mut key_text),
            entry::VALUE => cursor.single(&mut value),
            entry::KEY_STRINDEX => cursor.varint().map(drop),
            _ => cursor.skip_unknown(key, path),
        })?;
        let value_bytes = value.unwrap_or_default();
        Ok(Self { key: key_text, value: AnyValue::read(value_bytes, context)?, bytes, value_bytes })
    }
}

impl<'a> AnyValue<'a> {
    /// Reads an `AnyValue` message.
    ///
    /// # Errors
    /// When the message is malformed. Elements of an array or a map have not been looked at.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(bytes, Context::new(Place::Attribute))
    }

    /// The value, if it is text, a number or a boolean.
    #[inline]
    pub const fn scalar(&self) -> Option<Scalar<'a>> {
        match *self {
            Self::String(text) => Some(Scalar::String(text)),
            Self::Bool(value) => Some(Scalar::Bool(value)),
            Self::Int(value) => Some(Scalar::Int(value)),
            Self::Double(value) => Some(Scalar::Double(value)),
            Self::Empty | Self::Bytes(_) | Self::Array(_) | Self::KvList(_) => None,
        }
    }

    /// Checks everything within.
    ///
    /// # Errors
    /// When something in it is malformed, not UTF-8, or nested too deep.
    pub fn validate(&self) -> Result<(), ReadError> {
        self.check(Place::Attribute)
    }

    // The recursion ends at MAX_DEPTH: a value that is nested deeper cannot be read.
    fn check(&self, place: Place) -> Result<(), ReadError> {
        match self {
            Self::Empty | Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Bytes(_) => Ok(()),
            Self::String(text) => text.check(place.value(), field::any_value::STRING_VALUE),
            Self::Array(values) => values.clone().try_for_each(|value| value?.check(place)),
            Self::KvList(entries) => entries.clone().try_for_each(|entry| entry?.check(place)),
        }
    }

    #[inline(never)]
    fn read_general(bytes: &'a [u8], context: Context) -> Result<Self, ReadError> {
        let Context { place, .. } = context;
        let path = place.value();
        let mut read = Self::Empty;
        for_each_field(bytes, path, |cursor, key| {
            let next = match key {
                value::STRING_VALUE => Self::String(Text::new(cursor.len_delimited()?)),
                value::BOOL_VALUE => Self::Bool(cursor.varint()? != 0),
                value::INT_VALUE => Self::Int(cursor.varint()? as i64),
                value::DOUBLE_VALUE => Self::Double(f64::from_bits(cursor.fixed64()?)),
                value::BYTES_VALUE => Self::Bytes(cursor.len_delimited()?),
                value::ARRAY_VALUE => {
                    Self::Array(values(cursor.len_delimited()?, array::VALUES, place.array(), context)?)
                }
                value::KVLIST_VALUE => {
                    Self::KvList(values(cursor.len_delimited()?, kvlist::VALUES, place.kvlist(), context)?)
                }
                value::STRING_VALUE_STRINDEX => cursor.varint().map(|_| Self::Empty)?,
                _ => return cursor.skip_unknown(key, path),
            };
            match (std::mem::replace(&mut read, next), &read) {
                (Self::Empty, _) => Ok(()),
                (Self::Array(_), Self::Array(_)) | (Self::KvList(_), Self::KvList(_)) => {
                    Err(ReadError::new(ReadErrorKind::Twice, cursor.field()))
                }
                // Replaced, but it must have been valid.
                (previous, _) => previous.check(place),
            }
        })?;
        Ok(read)
    }
}

impl<'a> Message<'a> for AnyValue<'a> {
    #[inline(always)]
    fn read(bytes: &'a [u8], context: Context) -> Result<Self, ReadError> {
        match ShortValue::new(bytes).and_then(ShortValue::scalar) {
            Some(value) => Ok(value.into()),
            None => Self::read_general(bytes, context),
        }
    }
}

/// What is in an `ArrayValue` or a `KeyValueList`: both have one field, with this key.
fn values<'a, T>(
    bytes: &'a [u8],
    values_key: u32,
    path: Path,
    context: Context,
) -> Result<Repeated<'a, T>, ReadError> {
    let mut values = Repeated::empty(values_key, Context { depth: context.depth + 1, ..context });
    for_each_field(bytes, path, |cursor, key| {
        if key == values_key { values.push(cursor) } else { cursor.skip_unknown(key, path) }
    })?;
    if context.depth >= MAX_DEPTH && !values.is_empty() {
        return Err(ReadError::new(ReadErrorKind::Depth, bytes));
    }
    Ok(values)
}
