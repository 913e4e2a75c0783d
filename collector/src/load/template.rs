//! An encoded export with holes: the bytes are written once, and each send fills in what is new.

use laneway_proto::otlp::wire;

use super::ids::{GroupIds, Number};

#[cfg(test)]
mod tests;

/// An encoded message and the places in it that differ from send to send. Every hole has a fixed width.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    bytes: Vec<u8>,
    holes: Vec<(u32, Hole)>,
}

#[derive(Debug, Clone, Copy)]
enum Hole {
    /// Sixteen bytes: the id of this trace of the group.
    TraceId(u32),
    /// Eight bytes: the id of this span of the group.
    SpanId(u32),
    /// Eight bytes: a fixed64 with the time this long after the start of the group.
    TimeNs(u64),
    /// Decimal digits.
    Number(Number),
}

/// A piece of a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    Literal(&'a str),
    Number(Number),
}

impl Template {
    /// A message field.
    pub(super) fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        let first_hole = self.holes.len();
        let mut bytes = std::mem::take(&mut self.bytes);
        let end = wire::message(&mut bytes, field, |bytes| {
            std::mem::swap(&mut self.bytes, bytes);
            write(self);
            std::mem::swap(&mut self.bytes, bytes);
            bytes.len()
        });
        // A length of more than one digit pushes what stands behind it further on.
        let moved = (bytes.len() - end) as u32;
        self.bytes = bytes;
        self.holes[first_hole..].iter_mut().for_each(|(offset, _)| *offset += moved);
    }

    /// Fields that are the same in every send.
    pub(super) fn fixed(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
    }

    /// A `bytes` field with a trace id.
    pub(super) fn trace_id(&mut self, field: u32, trace: u32) {
        wire::tag(&mut self.bytes, field, wire::WireType::Len);
        wire::raw_varint(&mut self.bytes, 16);
        self.hole(Hole::TraceId(trace), 16);
    }

    /// A `bytes` field with a span id.
    pub(super) fn span_id(&mut self, field: u32, span: u32) {
        wire::tag(&mut self.bytes, field, wire::WireType::Len);
        wire::raw_varint(&mut self.bytes, 8);
        self.hole(Hole::SpanId(span), 8);
    }

    /// A `fixed64` field with the time this long after the start of the group.
    pub(super) fn time(&mut self, field: u32, after_ns: u64) {
        wire::tag(&mut self.bytes, field, wire::WireType::Fixed64);
        self.hole(Hole::TimeNs(after_ns), 8);
    }

    /// A `string` field.
    pub(super) fn text(&mut self, field: u32, pieces: &[Text<'_>]) {
        let len = |piece: &Text<'_>| match piece {
            Text::Literal(text) => text.len(),
            Text::Number(number) => number.digits(),
        };
        wire::tag(&mut self.bytes, field, wire::WireType::Len);
        wire::raw_varint(&mut self.bytes, pieces.iter().map(len).sum::<usize>() as u64);
        for piece in pieces {
            match *piece {
                Text::Literal(text) => self.bytes.extend_from_slice(text.as_bytes()),
                Text::Number(number) => self.hole(Hole::Number(number), number.digits()),
            }
        }
    }

    fn hole(&mut self, hole: Hole, len: usize) {
        self.holes.push((self.bytes.len() as u32, hole));
        self.bytes.resize(self.bytes.len() + len, 0);
    }

    /// Appends the bytes of a send.
    pub(super) fn fill(&self, ids: &GroupIds, start_unix_ns: u64, out: &mut Vec<u8>) {
        let first = out.len();
        out.extend_from_slice(&self.bytes);
        let out = &mut out[first..];
        for &(offset, hole) in &self.holes {
            let at = &mut out[offset as usize..];
            match hole {
                Hole::TraceId(trace) => at[..16].copy_from_slice(ids.trace_id(trace).as_bytes()),
                Hole::SpanId(span) => at[..8].copy_from_slice(ids.span_id(span).as_bytes()),
                Hole::TimeNs(after_ns) => at[..8].copy_from_slice(&(start_unix_ns + after_ns).to_le_bytes()),
                Hole::Number(number) => write_digits(&mut at[..number.digits()], ids.number(number)),
            }
        }
    }
}

/// The last digits of a number, as many as there is room for.
fn write_digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
