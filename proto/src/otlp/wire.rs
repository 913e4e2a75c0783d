//! Writing protobuf: the [encoding] in functions that append to a `Vec<u8>`.
//!
//! Each function writes exactly the field it is asked for. proto3's rule that a field with its default value
//! is left out is the caller's to apply: what is written is what the caller meant to be there.
//! Nothing allocates but the growing vector.
//!
//! ```
//! use laneway_proto::otlp::{field, wire};
//!
//! let mut request = Vec::new();
//! wire::message(&mut request, field::request::RESOURCE_SPANS, |buf| {
//!     wire::message(buf, field::resource_spans::SCOPE_SPANS, |buf| {
//!         wire::message(buf, field::scope_spans::SPANS, |buf| {
//!             wire::bytes(buf, field::span::SPAN_ID, &[1; 8]);
//!             wire::string(buf, field::span::NAME, "GET /cart");
//!         });
//!     });
//! });
//! assert_eq!(request.len(), 27);
//! ```
//!
//! [encoding]: https://protobuf.dev/programming-guides/encoding/

#[cfg(test)]
mod tests;

/// The longest varint, in bytes.
pub const MAX_VARINT_LEN: usize = 10;

/// How the value behind a key is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum WireType {
    /// A varint: int32, int64, uint32, uint64, bool, enum.
    Varint = 0,
    /// Eight bytes: fixed64, double.
    Fixed64 = 1,
    /// A varint length and that many bytes: string, bytes, message.
    Len = 2,
    /// The begin of a group, which proto3 no longer has.
    StartGroup = 3,
    /// The end of a group.
    EndGroup = 4,
    /// Four bytes: fixed32.
    Fixed32 = 5,
}

/// The key that announces a field: its number and its wire type.
pub const fn key(field: u32, wire_type: WireType) -> u32 {
    field << 3 | wire_type as u32
}

/// How many bytes the varint of this value has: 1 to 10.
pub const fn varint_len(value: u64) -> usize {
    // Seven bits a byte, and zero takes one byte too.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// A bare varint, without a key.
#[inline]
pub fn raw_varint(buf: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buf.push(value as u8 | 0x80);
        value >>= 7;
    }
    buf.push(value as u8);
}

/// A key alone: the caller writes the value.
#[inline]
pub fn tag(buf: &mut Vec<u8>, field: u32, wire_type: WireType) {
    raw_varint(buf, u64::from(key(field, wire_type)));
}

/// A `uint64`, `uint32` or non-negative enum field.
#[inline]
pub fn uint64(buf: &mut Vec<u8>, field: u32, value: u64) {
    tag(buf, field, WireType::Varint);
    raw_varint(buf, value);
}

/// An `int64`, `int32` or enum field: a negative value takes ten bytes, also where the field has 32 bits.
#[inline]
pub fn int64(buf: &mut Vec<u8>, field: u32, value: i64) {
    uint64(buf, field, value as u64);
}

/// A `bool` field.
#[inline]
pub fn boolean(buf: &mut Vec<u8>, field: u32, value: bool) {
    uint64(buf, field, u64::from(value));
}

/// A `fixed32` field.
#[inline]
pub fn fixed32(buf: &mut Vec<u8>, field: u32, value: u32) {
    tag(buf, field, WireType::Fixed32);
    buf.extend_from_slice(&value.to_le_bytes());
}

/// A `fixed64` field.
#[inline]
pub fn fixed64(buf: &mut Vec<u8>, field: u32, value: u64) {
    tag(buf, field, WireType::Fixed64);
    buf.extend_from_slice(&value.to_le_bytes());
}

/// A `double` field; the bits are kept, NaN payloads included.
#[inline]
pub fn double(buf: &mut Vec<u8>, field: u32, value: f64) {
    fixed64(buf, field, value.to_bits());
}

/// A `string` field.
#[inline]
pub fn string(buf: &mut Vec<u8>, field: u32, value: &str) {
    bytes(buf, field, value.as_bytes());
}

/// A `bytes` field, or a message that is already encoded.
#[inline]
pub fn bytes(buf: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(buf, field, WireType::Len);
    raw_varint(buf, value.len() as u64);
    buf.extend_from_slice(value);
}

/// A message field; `write` appends the message's own fields, and what it returns is returned.
///
/// The length in front is filled in afterwards: a message of 128 bytes or more is moved once by a byte or
/// two, so that the length is as short as it can be. Where the length is roughly known, [`message_sized`]
/// spares that.
#[inline]
pub fn message<R>(buf: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    message_sized(buf, field, 0, write)
}

/// As [`message`], for a message of about `expected_len` bytes.
///
/// Any length is written correctly. One with as many digits in base 128 as the expected one costs no move.
#[inline]
pub fn message_sized<R>(
    buf: &mut Vec<u8>,
    field: u32,
    expected_len: usize,
    write: impl FnOnce(&mut Vec<u8>) -> R,
) -> R {
    tag(buf, field, WireType::Len);
    let start = buf.len();
    let reserved = varint_len(expected_len as u64);
    buf.extend_from_slice(&[0; MAX_VARINT_LEN][..reserved]);
    let result = write(buf);
    patch_len(buf, start, reserved);
    result
}

/// Puts the length of what stands behind `reserved` bytes at `start` there, and closes or widens the gap.
fn patch_len(buf: &mut Vec<u8>, start: usize, reserved: usize) {
    let body = start + reserved;
    let len = buf.len() - body;
    let width = varint_len(len as u64);
    if width > reserved {
        let end = buf.len();
        buf.extend_from_slice(&[0; MAX_VARINT_LEN][..width - reserved]);
        buf.copy_within(body..end, start + width);
    } else if width < reserved {
        buf.copy_within(body.., start + width);
        buf.truncate(start + width + len);
    }
    let mut rest = len;
    for byte in &mut buf[start..start + width - 1] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    buf[start + width - 1] = rest as u8;
}
