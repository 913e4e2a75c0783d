//! Writing one attribute, a `KeyValue` message, for each kind of value that an attribute usually has.
//!
//! `field` is the number under which the surrounding message keeps its attributes, such as
//! [`field::span::ATTRIBUTES`](crate::otlp::field::span::ATTRIBUTES).

use super::field::{any_value, key_value};
use super::wire;

#[cfg(test)]
mod tests;

/// An attribute whose `AnyValue` is what `write` appends; appending nothing is the empty value.
#[inline]
pub fn any(buf: &mut Vec<u8>, field: u32, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
    wire::message(buf, field, |buf| {
        wire::string(buf, key_value::KEY, key);
        wire::message(buf, key_value::VALUE, write);
    });
}

/// An attribute with text.
#[inline]
pub fn string(buf: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    // The lengths are known, so that nothing is moved.
    let value_len = 1 + wire::varint_len(value.len() as u64) + value.len();
    let len =
        2 + wire::varint_len(key.len() as u64) + key.len() + wire::varint_len(value_len as u64) + value_len;
    wire::message_sized(buf, field, len, |buf| {
        wire::string(buf, key_value::KEY, key);
        wire::message_sized(buf, key_value::VALUE, value_len, |buf| {
            wire::string(buf, any_value::STRING_VALUE, value);
        });
    });
}

/// An attribute with an integer.
#[inline]
pub fn int(buf: &mut Vec<u8>, field: u32, key: &str, value: i64) {
    any(buf, field, key, |buf| wire::int64(buf, any_value::INT_VALUE, value));
}

/// An attribute with true or false.
#[inline]
pub fn boolean(buf: &mut Vec<u8>, field: u32, key: &str, value: bool) {
    any(buf, field, key, |buf| wire::boolean(buf, any_value::BOOL_VALUE, value));
}

/// An attribute with a floating-point number.
#[inline]
pub fn double(buf: &mut Vec<u8>, field: u32, key: &str, value: f64) {
    any(buf, field, key, |buf| wire::double(buf, any_value::DOUBLE_VALUE, value));
}
