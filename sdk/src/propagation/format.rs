//! Which headers are read and written.

use std::sync::OnceLock;

use laneway_proto::Lane;

/// A format of context in headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// W3C Trace Context: `traceparent`, `tracestate`.
    TraceContext,
    /// W3C Baggage, with the lane.
    Baggage,
    /// B3 in one header, `b3`. Read in either form.
    B3,
    /// B3 in a header for each part, `X-B3-*`. Read in either form.
    B3Multi,
    /// Jaeger's `uber-trace-id`.
    Jaeger,
    /// SkyWalking's `sw8`, and the lane in `sw8-correlation`.
    SkyWalking,
}

impl Format {
    /// By the name that `OTEL_PROPAGATORS` has for it; `sw8` is ours.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "tracecontext" => Self::TraceContext,
            "baggage" => Self::Baggage,
            "b3" => Self::B3,
            "b3multi" => Self::B3Multi,
            "jaeger" => Self::Jaeger,
            "sw8" => Self::SkyWalking,
            _ => return None,
        })
    }

    /// Those that are read and written unless something else is asked for.
    pub const DEFAULT: [Self; 2] = [Self::TraceContext, Self::Baggage];
}

/// What this process calls itself.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) service: String,
    pub(crate) instance: String,
    /// The lane that it serves.
    pub(crate) lane: Lane,
}

/// What stands where we know nothing: a field of SkyWalking's must not be empty.
pub(super) const UNKNOWN: &str = "-";

impl Default for Identity {
    fn default() -> Self {
        Self { service: UNKNOWN.to_owned(), instance: UNKNOWN.to_owned(), lane: Lane::base() }
    }
}

/// What the process reads and writes, and calls itself where a format wants to know.
#[derive(Debug, Clone)]
pub(crate) struct Propagation {
    pub(crate) formats: Vec<Format>,
    pub(crate) identity: Identity,
}

impl Default for Propagation {
    fn default() -> Self {
        Self { formats: Format::DEFAULT.to_vec(), identity: Identity::default() }
    }
}

static PROPAGATION: OnceLock<Propagation> = OnceLock::new();

impl Propagation {
    /// Makes this what the process reads and writes. The first SDK that is set up decides: two parts of a process must not
    /// write different headers.
    pub(crate) fn make_default(self) {
        // Kept as it is when there is one.
        let _ = PROPAGATION.set(self);
    }

    pub(super) fn with<T>(f: impl FnOnce(&Self) -> T) -> T {
        match PROPAGATION.get() {
            Some(propagation) => f(propagation),
            None => f(&Self::default()),
        }
    }
}
