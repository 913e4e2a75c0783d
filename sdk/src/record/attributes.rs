//! Attributes of a span or an event, kept encoded.

use laneway_proto::otlp::field::any_value;
use laneway_proto::otlp::{attribute, wire};

use super::limits::truncate;

/// A value as `tracing` hands it over, before it is encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Str(&'a str),
    Bytes(&'a [u8]),
    Int(i64),
    Double(f64),
    Bool(bool),
}

/// A growing list of `KeyValue` fields with unique keys.
///
/// They are encoded as they come, one after the other in one buffer: a span costs two allocations however many text
/// values it has, and closing it is a copy.
#[derive(Debug)]
pub(crate) struct Attributes {
    field: u32,
    max_count: usize,
    max_text_bytes: usize,
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    dropped: u32,
}

#[derive(Debug)]
struct Slot {
    key: &'static str,
    start: usize,
    end: usize,
}

impl Attributes {
    /// `field` is the number that the surrounding message gives its attributes.
    pub(crate) const fn new(field: u32, max_count: usize, max_text_bytes: usize) -> Self {
        Self { field, max_count, max_text_bytes, bytes: Vec::new(), slots: Vec::new(), dropped: 0 }
    }

    /// Gives an attribute its value, in place of an earlier one.
    pub(crate) fn set(&mut self, key: &'static str, value: Value<'_>) {
        if !self.make_room(key) {
            return;
        }
        let (buf, start) = (&mut self.bytes, self.slots.last().map_or(0, |slot| slot.end));
        match value {
            Value::Str(text) => attribute::string(buf, self.field, key, truncate(text, self.max_text_bytes)),
            Value::Int(value) => attribute::int(buf, self.field, key, value),
            Value::Double(value) => attribute::double(buf, self.field, key, value),
            Value::Bool(value) => attribute::boolean(buf, self.field, key, value),
            Value::Bytes(value) => {
                let value = &value[..value.len().min(self.max_text_bytes)];
                attribute::any(buf, self.field, key, |buf| wire::bytes(buf, any_value::BYTES_VALUE, value));
            }
        }
        self.slots.push(Slot { key, start, end: self.bytes.len() });
    }

    /// Adds what was collected apart, as if it had been set here.
    pub(crate) fn merge(&mut self, other: &Self) {
        for slot in &other.slots {
            if self.make_room(slot.key) {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(&other.bytes[slot.start..slot.end]);
                self.slots.push(Slot { key: slot.key, start, end: self.bytes.len() });
            }
        }
        self.dropped += other.dropped;
    }

    /// Removes the key's earlier value. False, and counted, when there is none and no room for one more.
    fn make_room(&mut self, key: &str) -> bool {
        if let Some(at) = self.slots.iter().position(|slot| slot.key == key) {
            let Slot { start, end, .. } = self.slots.remove(at);
            self.bytes.drain(start..end);
            for later in &mut self.slots[at..] {
                later.start -= end - start;
                later.end -= end - start;
            }
        } else if self.slots.len() >= self.max_count {
            self.drop_one();
            return false;
        }
        true
    }

    /// Counts an attribute that is not kept.
    pub(crate) fn drop_one(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
    }

    /// The encoded fields.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.bytes
    }

    /// How many attributes were not kept.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }
}
