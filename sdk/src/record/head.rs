//! The fields that every span has, each at a place of its own.

use laneway_proto::SpanId;
use laneway_proto::otlp::field;
use laneway_proto::otlp::wire::WireType;

use super::kind::SpanKind;
use super::value::key;
use crate::context::SpanContext;

/// Bits 8 and 9 of OTLP's span flags: whether the parent's remoteness is known, and the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The beginning of an encoded span. What is the same in all spans stays where it is when the memory is used again.
///
/// ```text
/// 0  key of ScopeSpans.spans, length (two bytes)
/// 3  trace id, span id
/// 31 start, end
/// 49 flags, kind
/// 57 parent's span id, unless this is a root
/// ```
#[derive(Debug)]
pub(super) struct Head {
    bytes: [u8; Head::LEN],
    is_root: bool,
}

const TRACE_ID_AT: usize = 5;
const SPAN_ID_AT: usize = 23;
const START_AT: usize = 32;
const END_AT: usize = 41;
const FLAGS_AT: usize = 51;
const KIND_AT: usize = 56;
const PARENT_AT: usize = 59;

impl Head {
    pub(super) const LEN: usize = 67;
    const ROOT_LEN: usize = 57;

    pub(super) fn new() -> Self {
        let mut bytes = [0; Self::LEN];
        let mut put = |at: usize, constant: &[u8]| bytes[at - constant.len()..at].copy_from_slice(constant);
        put(1, &[key(field::scope_spans::SPANS, WireType::Len)]);
        put(TRACE_ID_AT, &[key(field::span::TRACE_ID, WireType::Len), 16]);
        put(SPAN_ID_AT, &[key(field::span::SPAN_ID, WireType::Len), 8]);
        put(START_AT, &[key(field::span::START_TIME_UNIX_NANO, WireType::Fixed64)]);
        put(END_AT, &[key(field::span::END_TIME_UNIX_NANO, WireType::Fixed64)]);
        // The number of this field takes a second byte.
        put(FLAGS_AT, &[key(field::span::FLAGS & 15, WireType::Fixed32) | 0x80, 1]);
        put(KIND_AT, &[key(field::span::KIND, WireType::Varint)]);
        put(PARENT_AT, &[key(field::span::PARENT_SPAN_ID, WireType::Len), 8]);
        let mut head = Self { bytes, is_root: false };
        head.set_kind(SpanKind::Internal);
        head
    }

    pub(super) fn begin(&mut self, span: &SpanContext, start_unix_ns: u64, parent: Option<&SpanContext>) {
        self.put(TRACE_ID_AT, *span.trace_id.as_bytes());
        self.put(SPAN_ID_AT, *span.span_id.as_bytes());
        self.put(START_AT, start_unix_ns.to_le_bytes());
        self.put(FLAGS_AT, flags(span, parent.map(|parent| parent.remote)).to_le_bytes());
        if let Some(parent) = parent {
            self.put(PARENT_AT, *parent.span_id.as_bytes());
        }
        self.is_root = parent.is_none();
    }

    /// Begins that of a child of a span of this process, when the last one was not that of a root.
    #[inline(always)]
    pub(super) fn begin_child(&mut self, parent: &SpanContext, span_id: SpanId, start_unix_ns: u64) {
        self.put(TRACE_ID_AT, *parent.trace_id.as_bytes());
        self.put(SPAN_ID_AT, *span_id.as_bytes());
        self.put(START_AT, start_unix_ns.to_le_bytes());
        self.put(FLAGS_AT, (HAS_IS_REMOTE | u32::from(parent.flags.bits())).to_le_bytes());
        self.put(PARENT_AT, *parent.span_id.as_bytes());
    }

    pub(super) fn reset(&mut self) {
        self.is_root = false;
    }

    pub(super) fn set_kind(&mut self, kind: SpanKind) {
        self.bytes[KIND_AT] = kind as u8;
    }

    /// Writes down when the span ended, and that so many bytes follow the head, which is given. `None` when there are too many.
    ///
    /// The length has two bytes, which is enough for nearly every span; a shorter one is written with two bytes all the same, as
    /// protobuf allows.
    pub(super) fn end(&mut self, end_unix_ns: u64, following: usize) -> Option<&[u8]> {
        let len = if self.is_root { Self::ROOT_LEN } else { Self::LEN };
        self.end_of_len(len, end_unix_ns, following).then_some(&self.bytes[..len])
    }

    /// [`end`](Self::end) of the head of a child, whose length the compiler knows.
    #[inline(always)]
    pub(super) fn end_child(&mut self, end_unix_ns: u64, following: usize) -> Option<&[u8; Self::LEN]> {
        self.end_of_len(Self::LEN, end_unix_ns, following).then_some(&self.bytes)
    }

    #[inline(always)]
    fn end_of_len(&mut self, head_len: usize, end_unix_ns: u64, following: usize) -> bool {
        self.put(END_AT, end_unix_ns.to_le_bytes());
        let len = head_len - LEN_END + following;
        self.put(1, [len as u8 | 0x80, (len >> 7) as u8]);
        len < 1 << 14
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.bytes[at..at + N].copy_from_slice(&bytes);
    }

    /// What of it is in the span's message.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[LEN_END..if self.is_root { Self::ROOT_LEN } else { Self::LEN }]
    }
}

/// Where the length ends.
const LEN_END: usize = 3;

#[inline]
pub(super) fn flags(span: &SpanContext, remote: Option<bool>) -> u32 {
    let remoteness = match remote {
        Some(true) => HAS_IS_REMOTE | IS_REMOTE,
        _ => HAS_IS_REMOTE,
    };
    u32::from(span.flags.bits()) | remoteness
}
