//! The `traceparent` header, <https://www.w3.org/TR/trace-context-2/#traceparent-header>.

use laneway_proto::{SpanId, TraceId};

use super::{Extract, TRACEPARENT, trim_ows};
use crate::context::{SpanContext, TraceFlags};

/// Length of a version 00 header. A later version begins with the same fields and may go on after a dash.
const LEN: usize = 55;

/// The span that the carrier names; `None` when there is none, more than one, or one that cannot be read.
pub(super) fn extract<C: Extract + ?Sized>(carrier: &C) -> Option<SpanContext> {
    let mut found = None;
    let mut headers = 0;
    carrier.for_each(TRACEPARENT, &mut |value| {
        headers += 1;
        found = std::str::from_utf8(value).ok().and_then(parse);
    });
    // Which of two would be right is unknowable.
    found.filter(|_| headers == 1)
}

fn parse(header: &str) -> Option<SpanContext> {
    let header = trim_ows(header);
    let fields = header.as_bytes().get(..LEN)?;
    let is_legal = |(at, c): (usize, &u8)| match at {
        2 | 35 | 52 => *c == b'-',
        _ => matches!(c, b'0'..=b'9' | b'a'..=b'f'),
    };
    if !fields.iter().enumerate().all(is_legal) {
        return None;
    }
    let fields = std::str::from_utf8(fields).ok()?;
    match (&fields[..2], &header.as_bytes()[LEN..]) {
        ("ff", _) => return None,
        ("00", rest) if !rest.is_empty() => return None,
        (_, [first, ..]) if *first != b'-' => return None,
        _ => {}
    }
    Some(SpanContext::remote(
        TraceId::from_hex(&fields[3..35]).ok()?,
        SpanId::from_hex(&fields[36..52]).ok()?,
        TraceFlags::from_bits(u8::from_str_radix(&fields[53..55], 16).ok()?),
    ))
}

pub(super) fn format(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id, span.span_id, span.flags.bits())
}
