//! B3, of Zipkin: <https://github.com/openzipkin/b3-propagation>. One header (`b3`), or one for each part (`X-B3-*`).

use laneway_proto::{SpanId, TraceId};

use super::{Extract, Inject, single};
use crate::context::{SpanContext, TraceFlags};

const SINGLE: &str = "b3";
const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

/// The span that the carrier names, in either form; the single header comes first, as the specification has it.
pub(super) fn extract<C: Extract + ?Sized>(carrier: &C) -> Option<SpanContext> {
    if let Some(header) = single(carrier, SINGLE) {
        return parse(&header);
    }
    let is_debug = single(carrier, FLAGS).is_some_and(|flags| flags == "1");
    let sampled = single(carrier, SAMPLED).is_some_and(|sampled| matches!(sampled.as_str(), "1" | "true"));
    span(&single(carrier, TRACE_ID)?, &single(carrier, SPAN_ID)?, is_debug || sampled)
}

/// `trace id-span id[-sampled[-parent's span id]]`. A decision alone names no span.
fn parse(header: &str) -> Option<SpanContext> {
    let mut parts = header.split('-');
    let (trace_id, span_id) = (parts.next()?, parts.next()?);
    let sampled = match parts.next() {
        Some("1" | "d" | "true") => true,
        None | Some("0" | "false") => false,
        Some(_) => return None,
    };
    match (parts.next(), parts.next()) {
        (None | Some(_), None) => span(trace_id, span_id, sampled),
        _ => None,
    }
}

fn span(trace_id: &str, span_id: &str, sampled: bool) -> Option<SpanContext> {
    Some(SpanContext::remote(
        trace_id_of(trace_id)?,
        SpanId::from_hex(span_id).ok()?,
        TraceFlags::default().with_sampled(sampled),
    ))
}

/// Of 64 bits too: then the upper half is zero.
pub(super) fn trace_id_of(hex: &str) -> Option<TraceId> {
    if hex.len() > 32 || hex.is_empty() {
        return None;
    }
    TraceId::from_hex(&format!("{hex:0>32}")).ok()
}

pub(super) fn inject_single<C: Inject + ?Sized>(span: &SpanContext, carrier: &mut C) {
    let sampled = u8::from(span.flags.is_sampled());
    carrier.set(SINGLE, &format!("{}-{}-{sampled}", span.trace_id, span.span_id));
}

pub(super) fn inject_multi<C: Inject + ?Sized>(span: &SpanContext, carrier: &mut C) {
    carrier.set(TRACE_ID, &span.trace_id.to_string());
    carrier.set(SPAN_ID, &span.span_id.to_string());
    carrier.set(SAMPLED, if span.flags.is_sampled() { "1" } else { "0" });
}
