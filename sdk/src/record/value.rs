//! What an attribute can hold, and how it is encoded.

use laneway_proto::otlp::field::{any_value, array_value};
use laneway_proto::otlp::wire::{self, WireType, varint_len};

use super::limits::truncate;
use super::room::Room;

/// Value of an attribute: one of OpenTelemetry's types.
///
/// Made from what it can hold by `into()`. Text and bytes beyond the length limit (`OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`) are
/// cut off; so is each text of an array.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Text.
    Str(&'a str),
    /// Bytes that are no text.
    Bytes(&'a [u8]),
    /// An integer. OTLP has signed 64-bit ones only.
    Int(i64),
    /// An unsigned integer: one that is too large for OTLP becomes text.
    Uint(u64),
    /// A floating-point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// An array of texts.
    Strs(&'a [&'a str]),
    /// An array of integers.
    Ints(&'a [i64]),
    /// An array of floating-point numbers.
    Doubles(&'a [f64]),
    /// An array of truth values.
    Bools(&'a [bool]),
}

impl Value<'_> {
    /// The value within the length limit.
    #[inline]
    pub(super) fn within(self, max_bytes: usize) -> Self {
        match self {
            Self::Str(text) if text.len() > max_bytes => Self::Str(truncate(text, max_bytes)),
            Self::Bytes(bytes) if bytes.len() > max_bytes => Self::Bytes(&bytes[..max_bytes]),
            _ => self,
        }
    }

    /// Length of its `AnyValue` message. Texts of an array are cut at `max_bytes`; what is on its own was cut before.
    #[inline]
    pub(super) fn encoded_len(&self, max_bytes: usize) -> usize {
        match *self {
            Self::Str(text) => len_field(text.len()),
            Self::Bytes(bytes) => len_field(bytes.len()),
            Self::Int(value) => 1 + varint_len(value as u64),
            Self::Uint(value) => match i64::try_from(value) {
                Ok(value) => Self::Int(value).encoded_len(max_bytes),
                Err(_) => len_field(value.ilog10() as usize + 1),
            },
            Self::Double(_) => 9,
            Self::Bool(_) => 2,
            _ => len_field(self.array_len(max_bytes)),
        }
    }

    /// Length of its `ArrayValue` message.
    fn array_len(&self, max_bytes: usize) -> usize {
        match *self {
            Self::Strs(texts) => {
                texts.iter().map(|text| len_field(len_field(truncate(text, max_bytes).len()))).sum()
            }
            Self::Ints(values) => values.iter().map(|&value| len_field(1 + varint_len(value as u64))).sum(),
            Self::Doubles(values) => values.len() * len_field(9),
            Self::Bools(values) => values.len() * len_field(2),
            _ => 0,
        }
    }

    /// Appends its `AnyValue` message.
    #[inline]
    pub(super) fn encode(&self, buf: &mut Vec<u8>, max_bytes: usize) {
        match *self {
            Self::Str(text) => len_delimited(buf, any_value::STRING_VALUE, text.as_bytes()),
            Self::Bytes(bytes) => len_delimited(buf, any_value::BYTES_VALUE, bytes),
            Self::Int(value) => {
                buf.push(key(any_value::INT_VALUE, WireType::Varint));
                varint(buf, value as u64);
            }
            Self::Uint(value) => match i64::try_from(value) {
                Ok(value) => Self::Int(value).encode(buf, max_bytes),
                Err(_) => Value::Str(&value.to_string()).encode(buf, max_bytes),
            },
            Self::Double(value) => {
                let [a, b, c, d, e, f, g, h] = value.to_bits().to_le_bytes();
                let tag = key(any_value::DOUBLE_VALUE, WireType::Fixed64);
                buf.extend_from_slice(&[tag, a, b, c, d, e, f, g, h]);
            }
            Self::Bool(value) => {
                buf.extend_from_slice(&[key(any_value::BOOL_VALUE, WireType::Varint), u8::from(value)]);
            }
            _ => self.encode_array(buf, max_bytes),
        }
    }

    fn encode_array(&self, buf: &mut Vec<u8>, max_bytes: usize) {
        buf.push(key(any_value::ARRAY_VALUE, WireType::Len));
        varint(buf, self.array_len(max_bytes) as u64);
        let mut element = |value: Value<'_>| {
            buf.push(key(array_value::VALUES, WireType::Len));
            varint(buf, value.encoded_len(max_bytes) as u64);
            value.encode(buf, max_bytes);
        };
        match *self {
            Self::Strs(texts) => texts.iter().for_each(|text| element(Value::Str(truncate(text, max_bytes)))),
            Self::Ints(values) => values.iter().for_each(|&value| element(Value::Int(value))),
            Self::Doubles(values) => values.iter().for_each(|&value| element(Value::Double(value))),
            Self::Bools(values) => values.iter().for_each(|&value| element(Value::Bool(value))),
            _ => {}
        }
    }
}

/// Keys of fields below 16 have one byte.
pub(super) const fn key(field: u32, wire_type: WireType) -> u8 {
    wire::key(field, wire_type) as u8
}

/// Length of a length-delimited field with a body of this length.
#[inline]
pub(super) const fn len_field(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

#[inline]
pub(super) fn len_delimited(buf: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    if bytes.len() < 0x80 {
        let mut room = Room::reserve(buf, 2 + bytes.len());
        room.put(&[key(field, WireType::Len), bytes.len() as u8]);
        room.put(bytes);
    } else {
        long_len_delimited(buf, field, bytes);
    }
}

#[inline(never)]
fn long_len_delimited(buf: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    buf.push(key(field, WireType::Len));
    wire::raw_varint(buf, bytes.len() as u64);
    buf.extend_from_slice(bytes);
}

/// Nearly every length is below 128.
#[inline]
pub(super) fn varint(buf: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        buf.push(value as u8);
    } else {
        wire::raw_varint(buf, value);
    }
}

macro_rules! from {
    ($($variant:ident: $($type:ty),*;)*) => {
        $($(
            impl<'a> From<$type> for Value<'a> {
                #[inline]
                fn from(value: $type) -> Self {
                    Self::$variant(value.into())
                }
            }
        )*)*
    };
}

from! {
    Str: &'a str;
    Int: i8, i16, i32, i64, u8, u16, u32;
    Uint: u64;
    Double: f32, f64;
    Bool: bool;
    Strs: &'a [&'a str];
    Ints: &'a [i64];
    Doubles: &'a [f64];
    Bools: &'a [bool];
    Bytes: &'a [u8];
}

impl From<usize> for Value<'_> {
    #[inline]
    fn from(value: usize) -> Self {
        Self::Uint(value as u64)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    #[inline]
    fn from(text: &'a String) -> Self {
        Self::Str(text)
    }
}
