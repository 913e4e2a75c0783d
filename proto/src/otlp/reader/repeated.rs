//! Repeated messages.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;

use super::cursor::{Cursor, short_item};
use super::error::{Place, ReadError};

/// What a message is told of its surroundings.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// Where it is.
    pub(super) place: Place,
    /// The nesting level of the values that it contains directly.
    pub(super) depth: u8,
}

impl Context {
    pub(super) const fn new(place: Place) -> Self {
        Self { place, depth: 1 }
    }
}

/// A message that can be read from its bytes.
///
/// It is public for the bounds of [`Repeated`] alone, and cannot be named outside of the reader.
pub trait Message<'a>: Sized {
    /// The message that these bytes are, from the first to the last.
    fn read(bytes: &'a [u8], context: Context) -> Result<Self, ReadError>;
}

/// The messages of a repeated field: an iterator over the bytes of the message that they are in.
///
/// How many there are is known from reading that message. After an error there are no more items.
/// A clone begins where the original stands.
pub struct Repeated<'a, T> {
    /// Begins with the first of these fields; others, already checked, may follow in between and behind.
    rest: &'a [u8],
    remaining: u32,
    /// The key of the field, which is always below 16 in OTLP, so that its key is one byte.
    key: u8,
    context: Context,
    item: PhantomData<fn() -> T>,
}

impl<'a, T> Repeated<'a, T> {
    pub(super) const fn empty(key: u32, context: Context) -> Self {
        debug_assert!(key < 0x80);
        Self { rest: &[], remaining: 0, key: key as u8, context, item: PhantomData }
    }

    /// Counts the field at the cursor, and those that follow it directly, as these, and steps over them.
    #[inline(always)]
    pub(super) fn push(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ReadError> {
        if self.remaining == 0 {
            self.rest = cursor.field();
        }
        cursor.len_delimited()?;
        let count = 1 + cursor.skip_short_items(self.key);
        // An item has two bytes or more, so that only a message of 8 GiB could have more than this counts.
        // Those behind would not be read.
        self.remaining = self.remaining.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        Ok(())
    }

    /// How many items are left.
    #[inline]
    pub const fn len(&self) -> usize {
        self.remaining as usize
    }

    /// Whether no item is left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    /// The next item, if it stands at the front and is short, and what follows it.
    #[inline(always)]
    pub(super) fn peek_short(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.remaining == 0 { None } else { short_item(self.rest, self.key) }
    }

    /// Takes the item that [`peek_short`](Self::peek_short) gave together with `rest`.
    #[inline(always)]
    pub(super) fn advance_to(&mut self, rest: &'a [u8]) {
        self.remaining -= 1;
        self.rest = rest;
    }

    #[inline(always)]
    fn next_bytes(&mut self) -> Result<&'a [u8], ReadError> {
        // The items usually stand one behind the other, and most are short.
        if let Some((bytes, rest)) = short_item(self.rest, self.key) {
            self.rest = rest;
            return Ok(bytes);
        }
        // Spans are longer, but seldom by much.
        if let [key, low @ 0x80..=0xff, high @ 0..=0x7f, ref rest @ ..] = *self.rest
            && key == self.key
            && let Some((bytes, rest)) =
                rest.split_at_checked(usize::from(low & 0x7f) | usize::from(high) << 7)
        {
            self.rest = rest;
            return Ok(bytes);
        }
        self.next_bytes_general()
    }

    #[inline(never)]
    fn next_bytes_general(&mut self) -> Result<&'a [u8], ReadError> {
        let mut cursor = Cursor::new(self.rest);
        loop {
            let key = cursor.key()?;
            if key == u32::from(self.key) {
                let bytes = cursor.len_delimited()?;
                self.rest = cursor.rest();
                return Ok(bytes);
            }
            cursor.skip(key)?;
        }
    }
}

impl<'a, T: Message<'a>> Iterator for Repeated<'a, T> {
    type Item = Result<T, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.remaining = self.remaining.checked_sub(1)?;
        let item = self.next_bytes().and_then(|bytes| T::read(bytes, self.context));
        if item.is_err() {
            self.remaining = 0;
        }
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error ends the iteration early.
        (usize::from(!self.is_empty()), Some(self.len()))
    }
}

impl<'a, T: Message<'a>> FusedIterator for Repeated<'a, T> {}

// Not derived: an iterator can be cloned whatever its items are.
impl<T> Clone for Repeated<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        Self { item: PhantomData, ..*self }
    }
}

impl<T> fmt::Debug for Repeated<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repeated").field("len", &self.remaining).finish_non_exhaustive()
    }
}
