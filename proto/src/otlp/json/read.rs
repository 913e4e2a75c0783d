//! JSON to protobuf: one visitor for all messages, which looks their fields up in the schema.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::JsonError;
use super::error::Step;
use super::scalar::ScalarVisitor;
use super::schema::{Field, Kind, Message, REQUEST, Scalar};
use crate::otlp::reader::MAX_DEPTH;
use crate::otlp::wire;

pub(super) fn request(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    // Protobuf is about half as long as the JSON.
    let mut out = Vec::with_capacity(json.len() / 2);
    let mut steps = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    // Nesting is limited where it is possible: in values, by MAX_DEPTH, which is less than 300 levels of JSON.
    // All other known fields nest as deep as the schema, and unknown ones are skipped without recursion.
    deserializer.disable_recursion_limit();
    MessageSeed { message: &REQUEST, depth: 0, out: &mut out, steps: &mut steps }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| JsonError::new(&error, &steps))?;
    Ok(out)
}

/// Reads an object as the fields of this message.
struct MessageSeed<'s> {
    message: &'static Message,
    /// How many values this message is in.
    depth: u8,
    out: &'s mut Vec<u8>,
    /// On an error: the steps that lead to it, the last one first.
    steps: &'s mut Vec<Step>,
}

/// Reads what is behind a key; `false` when that is `null`.
struct FieldSeed<'s> {
    field: &'static Field,
    keep_default: bool,
    depth: u8,
    out: &'s mut Vec<u8>,
    steps: &'s mut Vec<Step>,
}

/// Reads an array as a repeated field: of messages, or of strings.
struct ListVisitor<'s> {
    number: u32,
    message: Option<&'static Message>,
    depth: u8,
    out: &'s mut Vec<u8>,
    steps: &'s mut Vec<Step>,
}

/// Reads a key of this message: where in its list of fields that field is.
struct KeySeed(&'static Message);

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let depth = self.depth + u8::from(self.message.is_value);
        if depth > MAX_DEPTH {
            return Err(D::Error::custom(format_args!("nesting deeper than {MAX_DEPTH} levels")));
        }
        deserializer.deserialize_map(Self { depth, ..self })
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0_u32;
        let mut is_set = false;
        while let Some(index) = map.next_key_seed(KeySeed(self.message))? {
            let Some((index, field)) = index.and_then(|index| Some((index, self.message.fields.get(index)?)))
            else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let seed = FieldSeed {
                field,
                keep_default: self.message.is_value,
                depth: self.depth,
                out: self.out,
                steps: self.steps,
            };
            let written = if seen & 1 << index != 0 {
                Err(A::Error::custom("given twice"))
            } else if is_set {
                only_null(&mut map)
            } else {
                map.next_value_seed(seed)
            };
            seen |= 1 << index;
            let is_present = written.inspect_err(|_| self.steps.push(Step::Key(field.name)))?;
            is_set |= is_present && self.message.is_value;
        }
        Ok(())
    }
}

/// Skips a further field of a oneof that is set, which must be absent.
fn only_null<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
    match map.next_value::<Option<IgnoredAny>>()? {
        None => Ok(false),
        Some(_) => Err(A::Error::custom("a second kind of value where one is allowed")),
    }
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let Self { field, keep_default, depth, out, steps } = self;
        let number = field.number;
        match field.kind {
            Kind::Scalar(scalar) => {
                deserializer.deserialize_any(ScalarVisitor { scalar, number, keep_default, out })?;
            }
            Kind::Message(message) => wire::message(out, number, |out| {
                MessageSeed { message, depth, out, steps }.deserialize(deserializer)
            })?,
            Kind::Messages(message) => {
                let message = Some(message);
                deserializer.deserialize_seq(ListVisitor { number, message, depth, out, steps })?;
            }
            Kind::Texts => {
                deserializer.deserialize_seq(ListVisitor { number, message: None, depth, out, steps })?;
            }
        }
        Ok(true)
    }
}

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        for index in 0.. {
            match self.next(&mut seq) {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(error) => {
                    self.steps.push(Step::Index(index));
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl ListVisitor<'_> {
    fn next<'de, A: SeqAccess<'de>>(&mut self, seq: &mut A) -> Result<Option<()>, A::Error> {
        let Self { number, message, depth, .. } = *self;
        let Some(message) = message else {
            let out = &mut *self.out;
            return seq.next_element_seed(ScalarVisitor {
                scalar: Scalar::Text,
                number,
                keep_default: true,
                out,
            });
        };
        // Whether there is another element is known only after its message would have begun.
        let start = self.out.len();
        let next = wire::message(self.out, number, |out| {
            seq.next_element_seed(MessageSeed { message, depth, out, steps: self.steps })
        })?;
        if next.is_none() {
            self.out.truncate(start);
        }
        Ok(next)
    }
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().position(|field| field.name == key))
    }
}
