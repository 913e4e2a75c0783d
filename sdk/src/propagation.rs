//! Context in headers: W3C Trace Context (level 2) and W3C Baggage; B3, Jaeger's and SkyWalking's for neighbours that speak
//! nothing else.
//!
//! | header | what stands in it |
//! | --- | --- |
//! | `traceparent` | trace id, span id, flags |
//! | `tracestate` | passed on as it came, order kept; in front, [who calls](#who-calls) |
//! | `baggage` | `lane=<name>`, unless the request is in the baseline; other members are passed on as they came |
//!
//! The W3C's own test suite passes, at both levels of the specification and of strictness (`examples/trace_context.rs`).
//!
//! Others are read and written when [`Builder::propagators`](crate::Builder::propagators) or `OTEL_PROPAGATORS` asks for them. Of
//! several formats that name a span, the first that can be read counts; all are written.
//!
//! # Who calls
//!
//! A recorded span puts a member of its own in front of `tracestate` (in place of the one that came in): its service, instance and
//! operation, the instance's lane and the request's. The format is that of `laneway_proto::caller`. Whoever is called records it, and so
//! a collector knows both ends of the call from one span. With it the header has 32 members and 512 bytes at most: what is beyond goes
//! from the right. It is for the fleet only: [`inject_external`] leaves it out, and [`extract_untrusted`] does not believe it.
//!
//! The layers and middleware of this crate do this by themselves. For a protocol of your own, or a message
//! queue, any pair of [`Extract`] and [`Inject`] is a carrier:
//!
//! ```
//! use laneway::{Context, propagation};
//!
//! let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
//! propagation::inject(&Context::current(), &mut headers);
//! let context = propagation::extract(&headers);
//! assert!(context.lane().is_base());
//! ```

mod b3;
mod baggage;
mod carrier;
mod format;
mod jaeger;
mod skywalking;
mod traceparent;
mod tracestate;

#[cfg(test)]
mod tests;

pub use carrier::{Extract, Inject};
pub use format::Format;
pub(crate) use format::{Identity, Propagation};
pub(crate) use tracestate::joined;

use crate::context::{Carried, Context};

/// Name of the header with trace id, span id and flags.
pub const TRACEPARENT: &str = "traceparent";
/// Name of the header with what tracing systems add to the trace context.
pub const TRACESTATE: &str = "tracestate";
/// Name of the header with the request's own key-value pairs, the lane among them.
pub const BAGGAGE: &str = "baggage";

/// The context that these headers carry. The empty one when they carry none.
///
/// A missing, repeated or malformed `traceparent` means a new trace: `tracestate` is ignored with it. A malformed
/// `tracestate` alone is dropped. Of `baggage`, over all its header lines, at most 64 members and
/// 8,192 bytes are kept; what does not fit or does not follow the grammar is left out. A `lane` that is not a
/// lane name counts as none.
pub fn extract<C: Extract + ?Sized>(carrier: &C) -> Context {
    Propagation::with(|propagation| extract_formats(&propagation.formats, carrier))
}

/// [`extract`], by these formats.
pub fn extract_formats<C: Extract + ?Sized>(formats: &[Format], carrier: &C) -> Context {
    let mut span = None;
    let mut carried = Carried::default();
    let mut lane = None;
    for format in formats {
        let found = match format {
            Format::Baggage => {
                let baggage = baggage::extract(carrier);
                carried.baggage = baggage.others;
                lane = baggage.lane.or(lane);
                continue;
            }
            Format::SkyWalking => {
                lane = lane.or_else(|| skywalking::extract_lane(carrier));
                skywalking::extract(carrier).map(|extracted| {
                    carried.skywalking_trace_id = extracted.trace_id_text;
                    extracted.span
                })
            }
            Format::TraceContext => traceparent::extract(carrier),
            Format::B3 | Format::B3Multi => b3::extract(carrier),
            Format::Jaeger => jaeger::extract(carrier),
        };
        if span.is_none() && found.is_some() {
            span = found;
            if *format == Format::TraceContext {
                let members = tracestate::extract(carrier).unwrap_or_default();
                (carried.caller, carried.tracestate) = (members.caller, members.others);
            }
        }
    }
    Context::new(span, lane.unwrap_or_default(), carried)
}

/// Writes a context into headers, in place of what they carried before.
///
/// Nothing is written for what is absent: no `traceparent` outside of a trace, no `baggage` for a request of the
/// baseline that carries none. An absent `traceparent` or `baggage` leaves a header that is there alone, so that another
/// propagator's work is not undone.
pub fn inject<C: Inject + ?Sized>(context: &Context, carrier: &mut C) {
    Propagation::with(|propagation| write(&propagation.formats, &propagation.identity, context, carrier));
}

/// [`inject`], by these formats.
pub fn inject_formats<C: Inject + ?Sized>(formats: &[Format], context: &Context, carrier: &mut C) {
    Propagation::with(|propagation| write(formats, &propagation.identity, context, carrier));
}

fn write<C: Inject + ?Sized>(formats: &[Format], identity: &Identity, context: &Context, carrier: &mut C) {
    for format in formats {
        match (format, context.span()) {
            (Format::Baggage, _) => {
                if let Some(baggage) = baggage::format(context.lane(), context.baggage()) {
                    carrier.set(BAGGAGE, &baggage);
                }
            }
            (_, None) => {}
            (Format::TraceContext, Some(span)) => {
                carrier.set(TRACEPARENT, &traceparent::format(span));
                set_or_remove(carrier, TRACESTATE, &tracestate::format(context));
            }
            (Format::B3, Some(span)) => b3::inject_single(span, carrier),
            (Format::B3Multi, Some(span)) => b3::inject_multi(span, carrier),
            (Format::Jaeger, Some(span)) => jaeger::inject(span, carrier),
            (Format::SkyWalking, Some(_)) => skywalking::inject(context, identity, carrier),
        }
    }
}

/// Writes the trace of a context, and removes any baggage: for a call that leaves the fleet. Nor is it told who calls.
pub fn inject_external<C: Inject + ?Sized>(context: &Context, carrier: &mut C) {
    inject(&context.without_fleet(), carrier);
    remove_baggage(carrier);
}

/// [`extract`], from a caller outside of the fleet: the trace alone. Lane, baggage, and whom the caller claims to be are taken out of the
/// headers too, so that nothing behind passes them on.
pub fn extract_untrusted<C: Extract + Inject + ?Sized>(carrier: &mut C) -> Context {
    remove_baggage(carrier);
    let members = tracestate::extract(carrier).unwrap_or_default();
    set_or_remove(carrier, TRACESTATE, &members.others);
    extract(carrier)
}

/// Everything that a lane can stand in.
fn remove_baggage<C: Inject + ?Sized>(carrier: &mut C) {
    carrier.remove(BAGGAGE);
    carrier.remove(skywalking::CORRELATION);
}

fn set_or_remove<C: Inject + ?Sized>(carrier: &mut C, name: &'static str, value: &str) {
    if value.is_empty() {
        carrier.remove(name);
    } else {
        carrier.set(name, value);
    }
}

/// Who is called.
#[cfg(any(feature = "http", feature = "reqwest"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Callee {
    #[default]
    Fleet,
    External,
}

#[cfg(any(feature = "http", feature = "reqwest"))]
impl Callee {
    /// Sends the context of a client span along; that of its surroundings where the span is not recorded.
    pub(crate) fn inject<C: Inject>(self, span: &tracing::Span, surroundings: &Context, carrier: &mut C) {
        let context = Context::of(span);
        let context = context.as_ref().unwrap_or(surroundings);
        match self {
            Self::Fleet => inject(context, carrier),
            Self::External => inject_external(context, carrier),
        }
    }
}

/// Removes the optional white space (space and tab) that HTTP allows around list members.
fn trim_ows(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The value of a header that must be there once: which of two would be right is unknowable.
fn single<C: Extract + ?Sized>(carrier: &C, name: &str) -> Option<String> {
    let (mut found, mut count) = (None, 0);
    carrier.for_each(name, &mut |value| {
        count += 1;
        found = std::str::from_utf8(value).ok().map(|value| trim_ows(value).to_owned());
    });
    found.filter(|_| count == 1)
}
