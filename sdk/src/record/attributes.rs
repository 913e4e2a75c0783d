//! Attributes of a message under construction: encoded where they will be sent from, each key once.

use laneway_proto::otlp::field::{self, any_value, key_value};
use laneway_proto::otlp::wire::{self, WireType, varint_len};

use super::room::Room;
use super::span::ATTRIBUTE;
use super::value::{Value, key, len_delimited, len_field, varint};

/// Name of an attribute, as `KeyValue` has it on the wire: encoded when the program was compiled, or now.
pub(crate) trait Key: Copy {
    /// The name.
    fn name(&self) -> &str;

    /// Length of the encoded field, for a name shorter than 128 bytes.
    fn encoded_len(&self) -> usize;

    /// Begins an attribute with this key and length, and writes the name, which is shorter than 128 bytes.
    fn put(&self, room: &mut Room<'_>, tag: u8, len: u8);
}

impl Key for &str {
    #[inline]
    fn name(&self) -> &str {
        self
    }

    #[inline]
    fn encoded_len(&self) -> usize {
        2 + self.len()
    }

    #[inline]
    fn put(&self, room: &mut Room<'_>, tag: u8, len: u8) {
        room.put(&[tag, len, NAME, self.len() as u8]);
        room.put(self.as_bytes());
    }
}

/// The name of an attribute, encoded at compile time; made by the macros of this crate.
///
/// `N` is two more than the length of the name.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct StaticKey<const N: usize> {
    name: &'static str,
    encoded: [u8; N],
    is_lane: bool,
}

impl<const N: usize> StaticKey<N> {
    /// # Panics
    /// At compile time, for a name of more than 127 bytes.
    pub const fn new(name: &'static str) -> Self {
        assert!(name.len() + 2 == N && name.len() < 0x80, "the name of an attribute has at most 127 bytes");
        let mut encoded = [0; N];
        encoded[0] = key(key_value::KEY, WireType::Len);
        encoded[1] = name.len() as u8;
        let mut i = 0;
        while i < name.len() {
            encoded[i + 2] = name.as_bytes()[i];
            i += 1;
        }
        Self { name, encoded, is_lane: matches!(name.as_bytes(), b"lane") }
    }
}

impl<const N: usize> Key for &StaticKey<N> {
    #[inline]
    fn name(&self) -> &str {
        self.name
    }

    #[inline]
    fn encoded_len(&self) -> usize {
        N
    }

    #[inline]
    fn put(&self, room: &mut Room<'_>, tag: u8, len: u8) {
        room.put(&[tag, len]);
        room.put(&self.encoded);
    }
}

/// What a name, a key or a text has at most, so that its length has one byte.
pub(super) const MAX_SHORT: usize = 0x7f;
/// Attributes that are written together, each with a key of its own: room is made once for all of them.
#[doc(hidden)]
pub trait Attributes {
    /// How many there are.
    const COUNT: usize;

    /// Whether each of them is written with lengths of one byte, and none is to be dropped.
    fn are_short(&self) -> bool;

    /// Their encoded length, when they are short.
    fn short_len(&self) -> usize;

    /// Writes them, when they are short.
    ///
    /// # Safety
    /// They are short, and there is room for [`short_len`](Self::short_len) bytes.
    #[allow(unsafe_code)]
    unsafe fn put(&self, room: &mut Room<'_>);

    /// Hands out one after the other, whatever they are.
    fn for_each(self, set: &mut dyn FnMut(&'static str, Value<'_>));
}

#[allow(unsafe_code)]
impl Attributes for () {
    const COUNT: usize = 0;

    #[inline(always)]
    fn are_short(&self) -> bool {
        true
    }

    #[inline(always)]
    fn short_len(&self) -> usize {
        0
    }

    #[inline(always)]
    unsafe fn put(&self, _: &mut Room<'_>) {}

    fn for_each(self, _: &mut dyn FnMut(&'static str, Value<'_>)) {}
}

#[allow(unsafe_code)]
impl<const N: usize, Rest: Attributes> Attributes for ((&'static StaticKey<N>, Value<'_>), Rest) {
    const COUNT: usize = 1 + Rest::COUNT;

    #[inline(always)]
    fn are_short(&self) -> bool {
        let ((key, value), rest) = self;
        // The lane of a span is that of its context.
        N < 0x80 - 12
            && !key.is_lane
            && match *value {
                Value::Str(text) => text.len() < 0x80 - 4 - N,
                Value::Int(0..0x80) | Value::Uint(0..0x80) | Value::Bool(_) | Value::Double(_) => true,
                _ => false,
            }
            && rest.are_short()
    }

    #[inline(always)]
    fn short_len(&self) -> usize {
        let ((_, value), rest) = self;
        let value_len = match value {
            Value::Str(text) => 2 + text.len(),
            Value::Double(_) => 9,
            _ => 2,
        };
        2 + N + 2 + value_len + rest.short_len()
    }

    #[inline(always)]
    unsafe fn put(&self, room: &mut Room<'_>) {
        let ((key, value), rest) = self;
        let head = |value_len: u8| [ATTRIBUTE, N as u8 + 2 + value_len];
        // SAFETY: the pieces of each value add up to what `short_len` counted for it, of which there is room.
        unsafe {
            match *value {
                Value::Str(text) => {
                    let len = text.len() as u8;
                    room.put_unchecked(&head(2 + len));
                    room.put_unchecked(&key.encoded);
                    room.put_unchecked(&text_head(len));
                    room.put_unchecked(text.as_bytes());
                }
                Value::Double(value) => {
                    room.put_unchecked(&head(9));
                    room.put_unchecked(&key.encoded);
                    room.put_unchecked(&[VALUE, 9, DOUBLE]);
                    room.put_unchecked(&value.to_bits().to_le_bytes());
                }
                _ => {
                    let (tag, byte) = match *value {
                        Value::Bool(value) => (BOOL, u8::from(value)),
                        Value::Int(value) => (INT, value as u8),
                        Value::Uint(value) => (INT, value as u8),
                        // Not short.
                        _ => return,
                    };
                    room.put_unchecked(&head(2));
                    room.put_unchecked(&key.encoded);
                    room.put_unchecked(&[VALUE, 2, tag, byte]);
                }
            }
            rest.put(room);
        }
    }

    #[inline(always)]
    fn for_each(self, set: &mut dyn FnMut(&'static str, Value<'_>)) {
        let ((key, value), rest) = self;
        set(key.name, value);
        rest.for_each(set);
    }
}

/// What a short text begins with as a value: `[VALUE, 2 + len, STRING, len]`, by one multiplication.
#[inline(always)]
const fn text_head(len: u8) -> [u8; 4] {
    (u32::from_le_bytes([VALUE, 2, STRING, 0]) + len as u32 * 0x0100_0100).to_le_bytes()
}

/// The name of an attribute, encoded at run time once for many spans. It is copied whole, whatever its length, which is in its
/// last byte.
#[derive(Default)]
pub(crate) struct PaddedKey([u8; PaddedKey::LEN]);

impl PaddedKey {
    const LEN: usize = 32;

    /// Length of the encoded field.
    #[inline(always)]
    fn len(&self) -> u8 {
        self.0[Self::LEN - 1]
    }

    /// `None` for a name of more than 29 bytes.
    pub(crate) fn new(name: &str) -> Option<Self> {
        Self::of_field(NAME, name)
    }

    /// The same of the name of a span.
    pub(crate) fn of_span(name: &str) -> Option<Self> {
        Self::of_field(key(field::span::NAME, WireType::Len), name)
    }

    fn of_field(tag: u8, name: &str) -> Option<Self> {
        let mut encoded = [0; Self::LEN];
        let len = u8::try_from(name.len()).ok()?;
        encoded[..2].copy_from_slice(&[tag, len]);
        encoded[..Self::LEN - 1].get_mut(2..2 + name.len())?.copy_from_slice(name.as_bytes());
        encoded[Self::LEN - 1] = 2 + len;
        Some(Self(encoded))
    }
}

/// Appends the name of a span.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) fn push_name(buf: &mut Vec<u8>, name: &PaddedKey) {
    let mut room = Room::reserve(buf, PaddedKey::LEN);
    // SAFETY: room was made for what is copied, and a name is no longer.
    unsafe { room.put_padded(&name.0, usize::from(name.len())) }
}

/// Appends an attribute with a short text; false, and nothing is written, when it is not short or the buffer must grow. So the
/// function calls nothing, and keeps no registers for that.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) fn push_short_text(buf: &mut Vec<u8>, key: &PaddedKey, text: &str) -> bool {
    if text.len() > MAX_SHORT - 4 - PaddedKey::LEN {
        return false;
    }
    let len = text.len() as u8;
    let Some(mut room) = Room::at_hand(buf, 2 + PaddedKey::LEN + 4 + text.len()) else { return false };
    // SAFETY: the pieces are no longer than what room was made for; a key is no longer than what is copied of it.
    unsafe {
        room.put_unchecked(&[ATTRIBUTE, key.len() + 4 + len]);
        room.put_padded(&key.0, usize::from(key.len()));
        room.put_unchecked(&text_head(len));
        room.put_unchecked(text.as_bytes());
    }
    true
}

/// Appends an attribute with a value of one byte: an integer below 128, or a truth value. False when the buffer must grow.
#[inline(always)]
#[allow(unsafe_code)]
pub(super) fn push_byte(buf: &mut Vec<u8>, key: &PaddedKey, tag: u8, value: u8) -> bool {
    let Some(mut room) = Room::at_hand(buf, 2 + PaddedKey::LEN + 4) else { return false };
    // SAFETY: as above.
    unsafe {
        room.put_unchecked(&[ATTRIBUTE, key.len() + 4]);
        room.put_padded(&key.0, usize::from(key.len()));
        room.put_unchecked(&[VALUE, 2, tag, value]);
    }
    true
}

/// Appends an attribute; `tag` is the key of the field that the surrounding message keeps its attributes in.
#[inline(always)]
pub(super) fn push(buf: &mut Vec<u8>, tag: u8, name: impl Key, value: Value<'_>, max_bytes: usize) {
    // Nearly every attribute is shorter than 128 bytes: then every length has one byte, and nothing needs a second look.
    let name_len = name.encoded_len();
    match value {
        // In an order in which the compiler sees that sums of lengths do not overflow, and leaves out checks.
        Value::Str(text)
            if name_len < 0x80 - 4 && text.len() < 0x80 - 4 - name_len && text.len() <= max_bytes =>
        {
            let text_len = text.len() as u8;
            let mut room = Room::reserve(buf, 2 + name_len + 4 + text.len());
            name.put(&mut room, tag, name_len as u8 + 4 + text_len);
            room.put(&[VALUE, 2 + text_len, STRING, text_len]);
            room.put(text.as_bytes());
        }
        // Apart by type: in registers, so that the short ones need no place in memory either.
        Value::Str(text) => push_text(buf, tag, name.name(), text, max_bytes),
        Value::Int(value @ 0..0x80) if name_len < 0x80 - 4 => {
            let mut room = Room::reserve(buf, 2 + name_len + 4);
            name.put(&mut room, tag, name_len as u8 + 4);
            room.put(&[VALUE, 2, INT, value as u8]);
        }
        Value::Int(value) => push_int(buf, tag, name.name(), value),
        _ => push_any(buf, tag, name.name(), value, max_bytes),
    }
}

const NAME: u8 = key(key_value::KEY, WireType::Len);
const VALUE: u8 = key(key_value::VALUE, WireType::Len);
const STRING: u8 = key(any_value::STRING_VALUE, WireType::Len);
const DOUBLE: u8 = key(any_value::DOUBLE_VALUE, WireType::Fixed64);
pub(super) const BOOL: u8 = key(any_value::BOOL_VALUE, WireType::Varint);
pub(super) const INT: u8 = key(any_value::INT_VALUE, WireType::Varint);

#[inline(never)]
fn push_text(buf: &mut Vec<u8>, tag: u8, name: &str, text: &str, max_bytes: usize) {
    push_any(buf, tag, name, Value::Str(text), max_bytes);
}

#[inline(never)]
fn push_int(buf: &mut Vec<u8>, tag: u8, name: &str, value: i64) {
    push_any(buf, tag, name, Value::Int(value), usize::MAX);
}

/// [`push`] of any length and type.
#[inline(never)]
fn push_any(buf: &mut Vec<u8>, tag: u8, name: &str, value: Value<'_>, max_bytes: usize) {
    let value = value.within(max_bytes);
    let value_len = value.encoded_len(max_bytes);
    let len = len_field(name.len()) + len_field(value_len);
    buf.reserve(1 + varint_len(len as u64) + len);
    buf.push(tag);
    varint(buf, len as u64);
    len_delimited(buf, key_value::KEY, name.as_bytes());
    buf.push(VALUE);
    varint(buf, value_len as u64);
    value.encode(buf, max_bytes);
}

/// A field that is written before its length is known.
///
/// Its length gets two bytes, which is enough for nearly every one; a shorter one is written with two bytes all the same, as
/// protobuf allows.
pub(super) struct Open {
    body: usize,
}

impl Open {
    /// Begins the field of this key.
    #[inline]
    pub(super) fn begin(buf: &mut Vec<u8>, tag: u8) -> Self {
        buf.extend_from_slice(&[tag, 0, 0]);
        Self { body: buf.len() }
    }

    /// The field whose body begins here.
    pub(super) const fn at(body: usize) -> Self {
        Self { body }
    }

    /// Ends it at the end of the buffer.
    #[inline(always)]
    pub(super) fn end(self, buf: &mut Vec<u8>) {
        let len = buf.len() - self.body;
        if len < 1 << 14 {
            buf[self.body - 2] = len as u8 | 0x80;
            buf[self.body - 1] = (len >> 7) as u8;
        } else {
            self.end_wide(buf, len);
        }
    }

    #[cold]
    fn end_wide(self, buf: &mut Vec<u8>, len: usize) {
        let mut wide = Vec::with_capacity(wire::MAX_VARINT_LEN);
        wire::raw_varint(&mut wide, len as u64);
        buf.splice(self.body - 2..self.body, wide);
    }
}

/// The fields of an encoded run in which every key has one byte and every field a length: where each begins and ends, and its
/// key and body.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

pub(super) struct Field<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let tag = *self.bytes.get(start)?;
        let mut at = start + 1;
        let (mut len, mut shift) = (0_usize, 0);
        loop {
            let byte = *self.bytes.get(at)?;
            at += 1;
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let body = self.bytes.get(at..at + len)?;
        self.at = at + len;
        Some(Field { start, end: self.at, tag, body })
    }
}

impl Field<'_> {
    /// The name, when this is an attribute of this key.
    pub(super) fn attribute_name(&self, tag: u8) -> Option<&[u8]> {
        let named = || Fields::of(self.body).next().map(|name| name.body);
        if self.tag == tag { named() } else { None }
    }
}

/// Removes the attribute of this name from the run that begins at `from`; where it was, if there was one.
pub(super) fn remove(buf: &mut Vec<u8>, from: usize, tag: u8, name: &str) -> Option<std::ops::Range<usize>> {
    let mut fields = Fields::of(&buf[from..]);
    let found = fields.find(|field| field.attribute_name(tag) == Some(name.as_bytes()))?;
    let range = from + found.start..from + found.end;
    buf.drain(range.clone());
    Some(range)
}
