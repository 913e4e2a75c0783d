//! Jaeger's own header: <https://www.jaegertracing.io/docs/1.76/client-libraries/#propagation-format>.

use laneway_proto::SpanId;

use super::b3::trace_id_of;
use super::{Extract, Inject, single};
use crate::context::{SpanContext, TraceFlags};

const HEADER: &str = "uber-trace-id";
/// The flags of a trace that is sampled, or is to be for debugging.
const SAMPLED: u8 = 1;
const DEBUG: u8 = 2;

/// `trace id:span id:parent's span id:flags`, of hexadecimal digits without leading zeros; colons may be percent-encoded.
pub(super) fn extract<C: Extract + ?Sized>(carrier: &C) -> Option<SpanContext> {
    let header = single(carrier, HEADER)?.replace("%3A", ":").replace("%3a", ":");
    let mut parts = header.split(':');
    let (trace_id, span_id, _parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || span_id.len() > 16 {
        return None;
    }
    // A sign is no digit.
    let flags = u8::from_str_radix(flags, 16).ok().filter(|_| !flags.starts_with('+'))?;
    Some(SpanContext::remote(
        trace_id_of(trace_id)?,
        SpanId::from_hex(&format!("{span_id:0>16}")).ok()?,
        TraceFlags::default().with_sampled(flags & (SAMPLED | DEBUG) != 0),
    ))
}

pub(super) fn inject<C: Inject + ?Sized>(span: &SpanContext, carrier: &mut C) {
    let flags = u8::from(span.flags.is_sampled());
    carrier.set(HEADER, &format!("{}:{}:0:{flags:x}", span.trace_id, span.span_id));
}
