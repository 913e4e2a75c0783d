//! Ids and numbers that are computed, not stored: everything random about a group follows from the seed and its
//! number.

use laneway_proto::{SpanId, TraceId};

/// What a number in an attribute names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// The user behind a trace.
    User(u32),
    /// The order (or whatever a URL names) of a subject.
    Order(u32),
    /// The message of a subject.
    Message(u32),
}

/// The ids of one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupIds {
    traces: u64,
    spans: u64,
    numbers: u64,
}

/// 2^64 divided by the golden ratio: consecutive multiples are spread evenly.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl GroupIds {
    pub(super) fn new(seed: u64, group: u64) -> Self {
        let stream = |number: u64| {
            mix(mix(seed ^ number.wrapping_mul(GOLDEN)).wrapping_add(group.wrapping_mul(GOLDEN)))
        };
        Self { traces: stream(1), spans: stream(2), numbers: stream(3) }
    }

    pub(super) fn trace_id(&self, trace: u32) -> TraceId {
        let half = |n: u64| mix(self.traces.wrapping_add((2 * u64::from(trace) + n).wrapping_mul(GOLDEN)));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&half(0).to_be_bytes());
        bytes[8..].copy_from_slice(&half(1).to_be_bytes());
        TraceId::from_bytes(bytes).unwrap_or(FIRST_TRACE_ID)
    }

    /// Distinct spans of a group have distinct ids, because [`mix`] is a bijection.
    pub(super) fn span_id(&self, span: u32) -> SpanId {
        let id = mix(self.spans.wrapping_add(u64::from(span).wrapping_mul(GOLDEN)));
        SpanId::from_bytes(id.to_be_bytes()).unwrap_or(FIRST_SPAN_ID)
    }

    pub(super) fn number(&self, number: Number) -> u64 {
        let (kind, n) = match number {
            Number::User(n) => (0, n),
            Number::Order(n) => (1, n),
            Number::Message(n) => (2, n),
        };
        mix(self.numbers.wrapping_add((kind << 32 | u64::from(n)).wrapping_mul(GOLDEN)))
    }
}

impl Number {
    /// How many decimal digits the number is written with; there are a million users.
    pub(super) fn digits(self) -> usize {
        match self {
            Self::User(_) => 6,
            Self::Order(_) | Self::Message(_) => 10,
        }
    }
}

// Stand-ins for the one value in 2^64 (or 2^128) that the specifications do not allow.
const FIRST_TRACE_ID: TraceId = match TraceId::from_bytes([1; 16]) {
    Some(id) => id,
    None => unreachable!(),
};
const FIRST_SPAN_ID: SpanId = match SpanId::from_bytes([1; 8]) {
    Some(id) => id,
    None => unreachable!(),
};

/// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
pub(super) const fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
