//! Single values, from JSON into a protobuf field.

use std::fmt;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, Unexpected, Visitor};

use super::schema::Scalar;
use crate::ids::decode_hex;
use crate::otlp::wire;

/// Reads a value of this type and writes it as a field of this number.
pub(super) struct ScalarVisitor<'s> {
    pub(super) scalar: Scalar,
    pub(super) number: u32,
    /// Whether a zero or an empty value is written, too.
    pub(super) keep_default: bool,
    pub(super) out: &'s mut Vec<u8>,
}

const BASE64: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD, BASE64);
const BASE64_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, BASE64);

impl<'de> DeserializeSeed<'de> for ScalarVisitor<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for ScalarVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scalar {
            Scalar::TraceId => "32 hexadecimal digits",
            Scalar::SpanId => "16 hexadecimal digits",
            Scalar::Text => "a string",
            Scalar::Bytes => "a string of base64",
            Scalar::Bool => "true or false",
            Scalar::Enum => "an integer of 32 bits (names are not allowed)",
            Scalar::Uint32 | Scalar::Fixed32 => "an integer from 0 to 4294967295",
            Scalar::Fixed64 => "an integer from 0 to 18446744073709551615, or a string of one",
            Scalar::Int64 => "an integer of 64 bits, or a string of one",
            Scalar::Double => "a number, \"NaN\", \"Infinity\" or \"-Infinity\"",
        })
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        match self.scalar {
            Scalar::Bool => self.put(value, wire::boolean),
            _ => return Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.integer(i128::from(value), Unexpected::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(i128::from(value), Unexpected::Signed(value))
    }

    fn visit_f64<E: Error>(mut self, value: f64) -> Result<(), E> {
        if self.scalar == Scalar::Double {
            self.put(value, wire::double);
            Ok(())
        } else if value.fract() == 0.0 {
            // `1e3` and `5.0` are integers, too. Outside of i128 the cast saturates, which no type here holds.
            self.integer(value as i128, Unexpected::Float(value))
        } else {
            Err(E::invalid_type(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        match self.scalar {
            Scalar::Text => self.put(text, wire::string),
            Scalar::TraceId => self.id::<16, E>(text)?,
            Scalar::SpanId => self.id::<8, E>(text)?,
            Scalar::Bytes => {
                let bytes = base64(text).map_err(|error| E::custom(format_args!("not base64: {error}")))?;
                self.put(bytes.as_slice(), wire::bytes);
            }
            Scalar::Double => match double(text) {
                Some(value) => self.put(value, wire::double),
                None => return Err(E::invalid_value(Unexpected::Str(text), &self)),
            },
            Scalar::Uint32 | Scalar::Fixed32 | Scalar::Fixed64 | Scalar::Int64 => match integer(text) {
                Some(value) => self.integer(value, Unexpected::Str(text))?,
                None => return Err(E::invalid_value(Unexpected::Str(text), &self)),
            },
            Scalar::Bool | Scalar::Enum => return Err(E::invalid_type(Unexpected::Str(text), &self)),
        }
        Ok(())
    }
}

impl ScalarVisitor<'_> {
    fn put<T: Default + PartialEq>(&mut self, value: T, write: impl FnOnce(&mut Vec<u8>, u32, T)) {
        if self.keep_default || value != T::default() {
            write(self.out, self.number, value);
        }
    }

    fn integer<E: Error>(mut self, value: i128, found: Unexpected<'_>) -> Result<(), E> {
        if self.put_integer(value).is_none() {
            return Err(E::invalid_value(found, &self));
        }
        Ok(())
    }

    /// `None` when the field cannot hold the value.
    fn put_integer(&mut self, value: i128) -> Option<()> {
        match self.scalar {
            Scalar::Enum => self.put(i64::from(i32::try_from(value).ok()?), wire::int64),
            Scalar::Int64 => self.put(value.try_into().ok()?, wire::int64),
            Scalar::Uint32 => self.put(u64::from(u32::try_from(value).ok()?), wire::uint64),
            Scalar::Fixed32 => self.put(value.try_into().ok()?, wire::fixed32),
            Scalar::Fixed64 => self.put(value.try_into().ok()?, wire::fixed64),
            Scalar::Double => self.put(value as f64, wire::double),
            Scalar::TraceId | Scalar::SpanId | Scalar::Text | Scalar::Bytes | Scalar::Bool => return None,
        }
        Some(())
    }

    fn id<const N: usize, E: Error>(&mut self, text: &str) -> Result<(), E> {
        // An empty id is an absent one: some senders write a root span's parent so.
        if !text.is_empty() {
            wire::bytes(self.out, self.number, &decode_hex::<N>(text).map_err(E::custom)?);
        }
        Ok(())
    }
}

/// Decimal digits with an optional minus, as JSON writes an integer.
fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_integer = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    // Too many digits for i128 are too many for every type here.
    if is_integer { text.parse().ok() } else { None }
}

/// A number as JSON writes it, or one of the names of those that it cannot write.
fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Rust's own parser would also take `inf` and `+1`, and no longer tell an overflow from infinity.
        _ => serde_json::from_str(text).ok(),
    }
}

/// The bytes of base64 in either alphabet, padded or not, as proto3's JSON mapping demands.
fn base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    let engine = if text.contains(['-', '_']) { &BASE64_URL_SAFE } else { &BASE64_STANDARD };
    engine.decode(text)
}
