//! Trace and span ids as W3C Trace Context and OTLP define them.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod tests;

/// Why a text or a byte string is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The length is not the one this id has.
    #[error("expected {expected} hexadecimal digits, found {found}")]
    Length {
        /// Digits that a full id has.
        expected: usize,
        /// Digits that were given.
        found: usize,
    },
    /// A character is not a hexadecimal digit.
    #[error("not a hexadecimal digit at offset {offset}")]
    Digit {
        /// Byte offset of the first such character.
        offset: usize,
    },
    /// All bytes are zero, which both specifications reserve for "no id".
    #[error("an id of zeros only is invalid")]
    Zero,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $number:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $bytes;

            /// The id of these bytes, unless all of them are zero.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                if <$number>::from_ne_bytes(bytes) == 0 { None } else { Some(Self(bytes)) }
            }

            /// The bytes, most significant first.
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// The bytes, most significant first.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The id of exactly this many hexadecimal digits, of either case.
            ///
            /// # Errors
            /// On another length, another character, and on zeros only.
            pub fn from_hex(text: &str) -> Result<Self, InvalidId> {
                let bytes = decode_hex(text)?;
                Self::from_bytes(bytes).ok_or(InvalidId::Zero)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::from_hex(text)
            }
        }

        /// Lower-case hexadecimal, as W3C headers and every query API show it.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(encode_hex(&self.0, &mut [0; 2 * $bytes]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

id! {
    /// Identifies a trace: 16 bytes, not all zero.
    TraceId, 16, u128
}

id! {
    /// Identifies a span within its trace: 8 bytes, not all zero.
    SpanId, 8, u64
}

/// The bytes of exactly twice as many hexadecimal digits, of either case. All of them may be zero.
pub(crate) fn decode_hex<const N: usize>(text: &str) -> Result<[u8; N], InvalidId> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(InvalidId::Length { expected: 2 * N, found: digits.len() });
    }
    let digit = |offset: usize| hex_digit(digits[offset]).ok_or(InvalidId::Digit { offset });
    let mut bytes = [0; N];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = digit(2 * i)? << 4 | digit(2 * i + 1)?;
    }
    Ok(bytes)
}

/// The bytes as lower-case digits, written to the front of `text`, which has room for two digits a byte.
pub(crate) fn encode_hex<'t>(bytes: &[u8], text: &'t mut [u8]) -> &'t str {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let text = &mut text[..2 * bytes.len()];
    for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
        digits.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
    // Digits are always UTF-8.
    std::str::from_utf8(text).unwrap_or_default()
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
