//! Attribute values.

use std::fmt;

/// A typed attribute value: OTLP's `AnyValue`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value was set (legal in OTLP, and different from an empty string).
    Empty,
    /// Text.
    String(String),
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer.
    Int(i64),
    /// A 64-bit float; the bits are kept, NaN payloads included.
    Double(f64),
    /// Opaque bytes.
    Bytes(Vec<u8>),
    /// An ordered list of values of any kind.
    Array(Vec<Value>),
    /// An ordered list of keys with values.
    KvList(Vec<KeyValue>),
}

/// An attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyValue {
    /// The name, such as `http.request.method`.
    pub key: String,
    /// The value.
    pub value: Value,
}

impl Value {
    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether a user who typed `text` means this value.
    ///
    /// A string must be equal; a number must have the same numeric value; `true` and `false` mean booleans;
    /// lists and bytes must be equal to their [`Display`](fmt::Display) text.
    pub fn matches_text(&self, text: &str) -> bool {
        match self {
            Self::Empty => text.is_empty(),
            Self::String(value) => value == text,
            Self::Bool(value) => text == if *value { "true" } else { "false" },
            Self::Int(value) => text.parse() == Ok(*value),
            Self::Double(value) => text.parse() == Ok(*value),
            Self::Bytes(_) | Self::Array(_) | Self::KvList(_) => self.to_string() == text,
        }
    }
}

/// Strings and numbers as they are; lists as JSON; bytes as lower-case hexadecimal.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::String(text) => f.write_str(text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value}"),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Array(_) | Self::KvList(_) => write!(f, "{}", self.to_json()),
        }
    }
}

impl Value {
    /// The value as plain JSON: lists as arrays and objects, bytes as hexadecimal text, a number that JSON
    /// does not have (NaN, infinity) as text.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Empty => serde_json::Value::Null,
            Self::String(text) => text.as_str().into(),
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Double(value) if value.is_finite() => (*value).into(),
            Self::Double(_) | Self::Bytes(_) => self.to_string().into(),
            Self::Array(values) => values.iter().map(Self::to_json).collect(),
            Self::KvList(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }
}

/// The first attribute of this key.
pub fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
}

/// Bytes of memory that attributes take.
pub(super) fn memory_bytes(attributes: &[KeyValue]) -> usize {
    attributes
        .iter()
        .map(|attribute| size_of::<KeyValue>() + attribute.key.len() + attribute.value.heap_bytes())
        .sum()
}

impl Value {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Empty | Self::Bool(_) | Self::Int(_) | Self::Double(_) => 0,
            Self::String(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Array(values) => values.iter().map(|value| size_of::<Self>() + value.heap_bytes()).sum(),
            Self::KvList(entries) => memory_bytes(entries),
        }
    }
}
