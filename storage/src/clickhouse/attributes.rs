//! Attributes as ClickHouse has them, a map of texts, and back to what they were.
//!
//! The map has what [`Value`]'s `Display` says, as SQL and dashboards want it. Beside it stands one letter for each value: with it the text
//! is enough for strings, integers, booleans and nearly all floats. The others are in the [rest](super::rest), as they were received.

use std::borrow::Cow;

use crate::QueryError;
use crate::model::{KeyValue, Value};

/// A map of texts, in the order received. Keys may be there more than once.
pub(super) type TextMap<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

const STRING: u8 = b's';
const INT: u8 = b'i';
const DOUBLE: u8 = b'd';
const BOOL: u8 = b'b';
const IN_REST: u8 = b'x';

/// The texts of attributes.
pub(super) fn texts(attributes: &[KeyValue]) -> TextMap<'_> {
    attributes
        .iter()
        .map(|attribute| (Cow::Borrowed(attribute.key.as_str()), text(&attribute.value)))
        .collect()
}

fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        value => Cow::Owned(value.to_string()),
    }
}

/// The letters of attributes; empty when all are strings.
pub(super) fn types(attributes: &[KeyValue]) -> String {
    if attributes.iter().all(|attribute| letter(&attribute.value) == STRING) {
        return String::new();
    }
    attributes.iter().map(|attribute| char::from(letter(&attribute.value))).collect()
}

/// Those of which the text does not tell what they were.
pub(super) fn in_rest(attributes: &[KeyValue]) -> impl Iterator<Item = &KeyValue> {
    attributes.iter().filter(|attribute| letter(&attribute.value) == IN_REST)
}

fn letter(value: &Value) -> u8 {
    match value {
        Value::String(_) => STRING,
        Value::Int(_) => INT,
        Value::Bool(_) => BOOL,
        Value::Double(value) if is_same(*value, value.to_string().parse()) => DOUBLE,
        // A NaN has a payload that no text shows.
        Value::Double(_) | Value::Empty | Value::Bytes(_) | Value::Array(_) | Value::KvList(_) => IN_REST,
    }
}

fn is_same(value: f64, parsed: Result<f64, std::num::ParseFloatError>) -> bool {
    parsed.is_ok_and(|parsed| parsed.to_bits() == value.to_bits())
}

/// The attributes of a map, its letters, and of the rest.
///
/// # Errors
/// When they do not fit together.
pub(super) fn attributes(
    texts: TextMap<'_>,
    types: &str,
    rest: Vec<KeyValue>,
) -> Result<Vec<KeyValue>, QueryError> {
    let corrupt =
        |what: &str| QueryError::Corrupt(format!("attributes and their types {types:?} do not fit: {what}"));
    if !types.is_empty() && types.len() != texts.len() {
        return Err(corrupt("their numbers differ"));
    }
    let mut rest = rest.into_iter();
    let letters = types.bytes().chain(std::iter::repeat(STRING));
    texts
        .into_iter()
        .zip(letters)
        .map(|((key, text), letter)| {
            let value = match letter {
                STRING => Value::String(text.into_owned()),
                INT => Value::Int(text.parse().map_err(|_| corrupt("an integer is none"))?),
                DOUBLE => Value::Double(text.parse().map_err(|_| corrupt("a float is none"))?),
                BOOL => Value::Bool(text == "true"),
                IN_REST => rest.next().ok_or_else(|| corrupt("one is missing"))?.value,
                _ => return Err(corrupt("there is no such type")),
            };
            Ok(KeyValue { key: key.into_owned(), value })
        })
        .collect()
}
