//! Requests to try that no encoder writes: loosely encoded ones, and damaged ones.

use proptest::prelude::*;

use crate::otlp::wire;

/// A kind of message: the fields that it knows, by number.
#[derive(Debug, Clone, Copy)]
struct Schema(&'static [(u32, Type)]);

#[derive(Debug, Clone, Copy)]
enum Type {
    Number,
    Fixed32,
    Fixed64,
    Text,
    Id(usize),
    Message(&'static Schema),
}

use Type::{Fixed32, Fixed64, Id, Message, Number, Text};

static REQUEST: Schema = Schema(&[(1, Message(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Schema = Schema(&[(1, Message(&RESOURCE)), (2, Message(&SCOPE_SPANS)), (3, Text)]);
static RESOURCE: Schema = Schema(&[(1, Message(&KEY_VALUE)), (2, Number), (3, Message(&ENTITY_REF))]);
static ENTITY_REF: Schema = Schema(&[(1, Text), (2, Text), (3, Text), (4, Text)]);
static SCOPE_SPANS: Schema = Schema(&[(1, Message(&SCOPE)), (2, Message(&SPAN)), (3, Text)]);
static SCOPE: Schema = Schema(&[(1, Text), (2, Text), (3, Message(&KEY_VALUE)), (4, Number)]);
static SPAN: Schema = Schema(&[
    (1, Id(16)),
    (2, Id(8)),
    (3, Text),
    (4, Id(8)),
    (5, Text),
    (6, Number),
    (7, Fixed64),
    (8, Fixed64),
    (9, Message(&KEY_VALUE)),
    (10, Number),
    (11, Message(&EVENT)),
    (12, Number),
    (13, Message(&LINK)),
    (14, Number),
    (15, Message(&STATUS)),
    (16, Fixed32),
]);
static EVENT: Schema = Schema(&[(1, Fixed64), (2, Text), (3, Message(&KEY_VALUE)), (4, Number)]);
static LINK: Schema =
    Schema(&[(1, Id(16)), (2, Id(8)), (3, Text), (4, Message(&KEY_VALUE)), (5, Number), (6, Fixed32)]);
static STATUS: Schema = Schema(&[(2, Text), (3, Number)]);
static KEY_VALUE: Schema = Schema(&[(1, Text), (2, Message(&ANY_VALUE)), (3, Number)]);
static ANY_VALUE: Schema = Schema(&[
    (1, Text),
    (2, Number),
    (3, Number),
    (4, Fixed64),
    (5, Message(&ARRAY)),
    (6, Message(&KVLIST)),
    (7, Text),
    (8, Number),
]);
static ARRAY: Schema = Schema(&[(1, Message(&ANY_VALUE))]);
static KVLIST: Schema = Schema(&[(1, Message(&KEY_VALUE))]);

/// The bytes of a request as no encoder writes them but every decoder must take them.
pub(crate) fn request() -> impl Strategy<Value = Vec<u8>> {
    any::<u64>().prop_map(|seed| {
        let mut bytes = Vec::new();
        Random::new(seed).message(&REQUEST, 0, &mut bytes);
        bytes
    })
}

/// A small deterministic generator: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number of any size, as often small as large.
    fn number(&mut self) -> u64 {
        let bits = self.below(65);
        if bits == 0 { 0 } else { self.next() >> (64 - bits) }
    }

    /// A varint, now and then longer than it need be.
    fn varint(&mut self, value: u64, buf: &mut Vec<u8>) {
        wire::raw_varint(buf, value);
        let spare = wire::MAX_VARINT_LEN - wire::varint_len(value);
        if spare > 0 && self.one_in(8) {
            for _ in 0..=self.below(spare) {
                let last = buf.len() - 1;
                buf[last] |= 0x80;
                buf.push(0);
            }
        }
    }

    fn key(&mut self, number: u32, wire_type: u32, buf: &mut Vec<u8>) {
        self.varint(u64::from(number << 3 | wire_type), buf);
    }

    fn len_delimited(&mut self, bytes: &[u8], buf: &mut Vec<u8>) {
        self.varint(bytes.len() as u64, buf);
        buf.extend_from_slice(bytes);
    }

    fn message(&mut self, schema: &Schema, depth: usize, buf: &mut Vec<u8>) {
        let fields = if depth > 12 { 0 } else { 1 + self.below(5) };
        for _ in 0..fields {
            if self.one_in(10) {
                self.unknown_field(0, buf);
            } else {
                let (number, kind) = schema.0[self.below(schema.0.len())];
                self.field(number, kind, depth, buf);
            }
        }
    }

    fn field(&mut self, number: u32, kind: Type, depth: usize, buf: &mut Vec<u8>) {
        match kind {
            Number => {
                self.key(number, 0, buf);
                let value = self.number();
                self.varint(value, buf);
            }
            Fixed32 => {
                self.key(number, 5, buf);
                buf.extend_from_slice(&(self.next() as u32).to_le_bytes());
            }
            Fixed64 => {
                self.key(number, 1, buf);
                buf.extend_from_slice(&self.next().to_le_bytes());
            }
            Text => {
                self.key(number, 2, buf);
                let text =
                    ["", "é", "a text", "http.request.method"][self.below(4)].repeat(1 + self.below(9));
                let bytes = if self.one_in(300) { b"\xffnot text" } else { text.as_bytes() };
                self.len_delimited(bytes, buf);
            }
            Id(len) => {
                self.key(number, 2, buf);
                let len = if self.one_in(4) { 0 } else { len };
                let bytes: Vec<u8> = (0..len).map(|_| self.next() as u8).collect();
                self.len_delimited(&bytes, buf);
            }
            Message(schema) => {
                self.key(number, 2, buf);
                let mut inner = Vec::new();
                self.message(schema, depth + 1, &mut inner);
                self.len_delimited(&inner, buf);
            }
        }
    }

    /// A field of a number that no message has, of any wire type, groups in groups too.
    fn unknown_field(&mut self, depth: usize, buf: &mut Vec<u8>) {
        let number = [17, 1000, 19_999, (1 << 29) - 1][self.below(4)];
        match self.below(if depth > 3 { 4 } else { 5 }) {
            0 => self.field(number, Number, 0, buf),
            1 => self.field(number, Fixed32, 0, buf),
            2 => self.field(number, Fixed64, 0, buf),
            3 => self.field(number, Text, 0, buf),
            _ => {
                self.key(number, 3, buf);
                for _ in 0..self.below(3) {
                    self.unknown_field(depth + 1, buf);
                }
                self.key(number, 4, buf);
            }
        }
    }

    /// The request with one to three places damaged, or with a piece of the other in it.
    pub(crate) fn damage(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut damaged = bytes.to_vec();
        for _ in 0..1 + self.below(3) {
            let at = self.below(damaged.len().max(1));
            match self.below(8) {
                0 => damaged.truncate(at),
                1..=3 if !damaged.is_empty() => damaged[at] ^= 1 << self.below(8),
                4 if !damaged.is_empty() => damaged[at] = self.next() as u8,
                5 if !damaged.is_empty() => drop(damaged.remove(at)),
                6 => damaged.insert(at, self.next() as u8),
                _ => {
                    let from = self.below(other.len());
                    let to = (from + 1 + self.below(60)).min(other.len());
                    damaged.splice(at..at, other[from..to].iter().copied());
                }
            }
        }
        damaged
    }
}
