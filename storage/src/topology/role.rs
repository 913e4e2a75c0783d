//! What the figures of a span need of it, each different one kept once.

use std::sync::Arc;

use laneway_proto::Lane;

use super::peer::Peer;
use crate::model::{Resource, SpanKind, StatusCode};

/// Where a span was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// `service.name`.
    pub service: Arc<str>,
    /// The service instance; may be empty.
    pub instance: Arc<str>,
    /// The lane that it serves.
    pub lane: Lane,
}

/// Who sent the request that a span serves, as the request said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Where the calling span was recorded.
    pub place: Place,
    /// The operation with which the calling service was entered.
    pub operation: Arc<str>,
    /// The lane of the request where it left.
    pub lane: Lane,
}

/// All that the figures of a span need of it but its ids and times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Role {
    /// Where it was recorded.
    pub place: Arc<Place>,
    /// Its name.
    pub operation: Arc<str>,
    /// Its role in a call.
    pub kind: SpanKind,
    /// Its outcome.
    pub status: StatusCode,
    /// The lane that it names itself, if any.
    pub lane: Option<Lane>,
    /// The other side, where it names it.
    pub peer: Option<Arc<Peer>>,
    /// Its caller, where the request named it.
    pub caller: Option<Arc<Caller>>,
    /// OpenTelemetry's rejection threshold: of 2^56 equally likely random values, the sampler dropped those below. 0 where nothing was
    /// dropped, or it is not known.
    pub threshold: u64,
}

/// The number of a [`Role`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(pub(crate) u32);

/// A span, as far as figures need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSpan {
    /// Its id.
    pub span_id: u64,
    /// Its parent's; 0 for a root span.
    pub parent_span_id: u64,
    /// Start in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// Duration in nanoseconds; 0 where it ended before it started.
    pub duration_ns: u64,
    /// All the rest.
    pub role: RoleId,
}

impl Place {
    /// Of spans with this resource.
    pub fn of(resource: &Resource) -> Self {
        Self {
            service: resource.service_name().into(),
            instance: resource.instance_id().into(),
            lane: resource.instance_lane(),
        }
    }
}

impl Role {
    /// How many spans this sampled one stands for: the inverse of its probability, rounded up or down by a hash of the span id, so that
    /// sums are right on average and a span always counts the same.
    pub(crate) fn weight(&self, span_id: u64) -> i32 {
        if self.threshold == 0 {
            return 1;
        }
        /// Beyond it a single span would drown all others.
        const MAX: f64 = 1e6;
        let all = (1u64 << 56) as f64;
        let exact = (all / (all - self.threshold as f64)).clamp(1.0, MAX);
        // Fibonacci hashing; Knuth, The Art of Computer Programming, vol. 3, 6.4.
        let dice = (span_id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64;
        exact as i32 + i32::from(dice < exact.fract())
    }
}

/// What a tracestate says of the spans that have it, whichever of the caller's spans it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TraceState {
    /// The caller that it names.
    pub caller: Option<Arc<Caller>>,
    /// See [`Role::threshold`].
    pub threshold: u64,
}

impl TraceState {
    /// What this text says.
    pub fn of(tracestate: &str) -> Self {
        let named = laneway_proto::caller::Caller::parse(tracestate);
        let lane = |name| Lane::new(name).unwrap_or_default();
        Self {
            caller: named.map(|caller| {
                let place = Place {
                    service: caller.service.into(),
                    instance: caller.instance.into(),
                    lane: lane(caller.instance_lane),
                };
                let (operation, lane) = (caller.operation.into(), lane(caller.request_lane));
                Arc::new(Caller { place, operation, lane })
            }),
            threshold: threshold(tracestate),
        }
    }
}

/// Whether the caller that a tracestate names called a span of this kind and parent: only children of the calling span were called by it, and
/// what a service that knows nothing of it passes on tells of another hop.
pub(crate) fn was_called_by(calling_span_id: u64, kind: SpanKind, parent_span_id: u64) -> bool {
    let is_served = matches!(kind, SpanKind::Server | SpanKind::Consumer);
    is_served && calling_span_id == parent_span_id && parent_span_id != 0
}

/// The calling span that a tracestate names, 0 if none, and the text around its id.
pub(crate) fn calling_span(tracestate: &str) -> (u64, [&str; 2]) {
    match laneway_proto::caller::around_span_id(tracestate) {
        Some((id, around)) => (u64::from_be_bytes(id.to_bytes()), around),
        None => (0, [tracestate, ""]),
    }
}

/// The rejection threshold that a tracestate carries (`ot=th:<up to 14 hexadecimal digits>`); 0 without one.
fn threshold(tracestate: &str) -> u64 {
    let member = tracestate.split(',').find_map(|member| member.trim().strip_prefix("ot="));
    let digits = member.and_then(|value| value.split(';').find_map(|field| field.strip_prefix("th:")));
    let Some(digits) = digits.filter(|digits| (1..=14).contains(&digits.len())) else { return 0 };
    // Trailing zeros are left out on the wire.
    u64::from_str_radix(digits, 16).map_or(0, |value| value << (4 * (14 - digits.len())))
}
