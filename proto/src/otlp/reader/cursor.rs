//! Protobuf's encoding, read from the front of a slice.

use super::error::{Path, ReadError, ReadErrorKind};
use super::{MAX_DEPTH, Text};
use crate::otlp::wire::{MAX_VARINT_LEN, WireType};

/// `keys!(name = message { FIELD: Type, ... })` makes a module `name` with the keys of those fields of
/// `message`.
macro_rules! keys {
    ($visibility:vis $name:ident = $message:ident { $($field:ident: $type:ident),* $(,)? }) => {
        $visibility mod $name {
            use crate::otlp::field::$message;
            use crate::otlp::wire::{WireType, key};

            $( pub(in crate::otlp::reader) const $field: u32 = key($message::$field, WireType::$type); )*
        }
    };
}
pub(super) use keys;

/// The unread rest of a message.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// The rest as it was before the key of the current field.
    field: &'a [u8],
}

/// Calls `read` with the key of each field; it must take the value off the cursor. Errors are placed in the
/// field.
#[inline(always)]
pub(super) fn for_each_field<'a>(
    message: &'a [u8],
    path: Path,
    mut read: impl FnMut(&mut Cursor<'a>, u32) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut cursor = Cursor::new(message);
    while !cursor.is_empty() {
        let key = cursor.key().map_err(|error| error.within(path, 0))?;
        read(&mut cursor, key).map_err(|error| error.within(path, key >> 3))?;
    }
    Ok(())
}

/// The message at the front and what follows it, if it is a field of this key and shorter than 128 bytes.
#[inline(always)]
pub(super) fn short_item(bytes: &[u8], item_key: u8) -> Option<(&[u8], &[u8])> {
    match bytes {
        [key, len @ 0..=0x7f, rest @ ..] if *key == item_key => rest.split_at_checked(usize::from(*len)),
        _ => None,
    }
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, field: message }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    #[inline(always)]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The current field and everything behind it.
    #[inline(always)]
    pub(super) fn field(&self) -> &'a [u8] {
        self.field
    }

    /// The key of the next field: its number, shifted left by three, and its wire type.
    ///
    /// A key that a message defines is a good one. So most need no check here: any other goes through
    /// [`skip_unknown`](Self::skip_unknown) or [`skip`](Self::skip), which find out a wire type that is none.
    #[inline(always)]
    pub(super) fn key(&mut self) -> Result<u32, ReadError> {
        self.field = self.rest;
        match *self.rest {
            [key @ 0x08..=0x7f, ref rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(key))
            }
            // Such as that of a span's flags.
            [low @ 0x80..=0xff, high @ 0x01..=0x7f, ref rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(low & 0x7f) | u32::from(high) << 7)
            }
            _ => self.long_key(),
        }
    }

    /// A key of more than one byte, or one of the number 0, which is none.
    #[inline(never)]
    fn long_key(&mut self) -> Result<u32, ReadError> {
        let key = self.varint()?;
        if key < 8 || key > u64::from(u32::MAX) {
            return Err(ReadError::new(ReadErrorKind::Key, self.field));
        }
        Ok(key as u32)
    }

    #[inline(always)]
    pub(super) fn uint32(&mut self) -> Result<u32, ReadError> {
        // Whatever stands above 32 bits is cut off, as protobuf has it for all 32-bit types.
        self.varint().map(|value| value as u32)
    }

    #[inline(always)]
    pub(super) fn varint(&mut self) -> Result<u64, ReadError> {
        match *self.rest {
            [byte @ 0..=0x7f, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            [low, high @ 0..=0x7f, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    /// As prost reads it: at most ten bytes, of which the last has one bit; superfluous zeros in front are
    /// legal.
    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, ReadError> {
        let mut value = 0;
        for (i, &byte) in self.rest.iter().take(MAX_VARINT_LEN).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                if i == MAX_VARINT_LEN - 1 && byte > 1 {
                    break;
                }
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        let is_short = self.rest.len() < MAX_VARINT_LEN;
        let kind = if is_short { ReadErrorKind::Truncated } else { ReadErrorKind::Varint };
        Err(ReadError::new(kind, self.rest))
    }

    #[inline(always)]
    pub(super) fn fixed32(&mut self) -> Result<u32, ReadError> {
        let (value, rest) = self.rest.split_first_chunk().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*value))
    }

    #[inline(always)]
    pub(super) fn fixed64(&mut self) -> Result<u64, ReadError> {
        let (value, rest) = self.rest.split_first_chunk().ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*value))
    }

    /// The bytes behind a length: of a string, a byte string or a message.
    #[inline(always)]
    pub(super) fn len_delimited(&mut self) -> Result<&'a [u8], ReadError> {
        let len = self.varint()?;
        // Where usize is narrower than the length, there are not that many bytes.
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.truncated())?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Skips short items of this key, and tells how many there were.
    #[inline(always)]
    pub(super) fn skip_short_items(&mut self, key: u8) -> usize {
        let mut count = 0;
        while let Some((_, rest)) = short_item(self.rest, key) {
            self.rest = rest;
            count += 1;
        }
        count
    }

    /// An id: of `LEN` bytes, or of none.
    #[inline(always)]
    pub(super) fn id<const LEN: u8>(&mut self) -> Result<&'a [u8], ReadError> {
        let bytes = self.len_delimited()?;
        if bytes.len() == usize::from(LEN) || bytes.is_empty() {
            Ok(bytes)
        } else {
            let found = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            Err(ReadError::new(ReadErrorKind::IdLength { expected: LEN, found }, bytes))
        }
    }

    /// A string in place of an earlier one, which must have been valid, as for prost.
    #[inline(always)]
    pub(super) fn text(&mut self, text: &mut Text<'a>) -> Result<(), ReadError> {
        let previous = std::mem::replace(text, Text::new(self.len_delimited()?));
        if previous.is_empty() { Ok(()) } else { previous.to_str().map(drop) }
    }

    /// A message that may occur once.
    #[inline(always)]
    pub(super) fn single(&mut self, message: &mut Option<&'a [u8]>) -> Result<(), ReadError> {
        if message.replace(self.len_delimited()?).is_some() {
            return Err(ReadError::new(ReadErrorKind::Twice, self.field));
        }
        Ok(())
    }

    /// Skips a field that the message does not define; one that it does define has a foreign wire type.
    #[cold]
    #[inline(never)]
    pub(super) fn skip_unknown(&mut self, key: u32, path: Path) -> Result<(), ReadError> {
        if key & 7 <= 5 && path.field_name(key >> 3).is_some() {
            return Err(ReadError::new(ReadErrorKind::WireType { found: (key & 7) as u8 }, self.field));
        }
        self.skip(key)
    }

    /// Skips the value of a field.
    pub(super) fn skip(&mut self, key: u32) -> Result<(), ReadError> {
        self.skip_at(key, 1)
    }

    fn skip_at(&mut self, key: u32, depth: u8) -> Result<(), ReadError> {
        const VARINT: u32 = WireType::Varint as u32;
        const FIXED64: u32 = WireType::Fixed64 as u32;
        const LEN: u32 = WireType::Len as u32;
        const START_GROUP: u32 = WireType::StartGroup as u32;
        const END_GROUP: u32 = WireType::EndGroup as u32;
        const FIXED32: u32 = WireType::Fixed32 as u32;
        match key & 7 {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            LEN => self.len_delimited().map(drop),
            FIXED32 => self.fixed32().map(drop),
            START_GROUP => self.skip_group(key >> 3, depth),
            END_GROUP => Err(ReadError::new(ReadErrorKind::Group, self.field)),
            _ => Err(ReadError::new(ReadErrorKind::Key, self.field)),
        }
    }

    /// Skips the fields of a group up to its end, which carries the same number.
    fn skip_group(&mut self, number: u32, depth: u8) -> Result<(), ReadError> {
        const END_GROUP: u32 = WireType::EndGroup as u32;
        if depth > MAX_DEPTH {
            return Err(ReadError::new(ReadErrorKind::Depth, self.field));
        }
        loop {
            let key = self.key()?;
            if key & 7 != END_GROUP {
                self.skip_at(key, depth + 1)?;
            } else if key >> 3 == number {
                return Ok(());
            } else {
                return Err(ReadError::new(ReadErrorKind::Group, self.field));
            }
        }
    }

    fn truncated(&self) -> ReadError {
        ReadError::new(ReadErrorKind::Truncated, self.rest)
    }
}
