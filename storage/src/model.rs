//! Spans as they are stored and shown: OpenTelemetry's data model, plus the lane.

use std::sync::Arc;

use laneway_proto::{Lane, SpanId, TraceId};

pub mod from_otlp;
#[cfg(test)]
mod tests;
pub mod to_otlp;
mod value;

pub use value::{KeyValue, Value, attribute};

/// What produced a span: a service instance with its attributes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resource {
    /// Resource attributes, as received.
    pub attributes: Vec<KeyValue>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Schema URL of the resource, or empty.
    pub schema_url: String,
}

/// The instrumentation scope: the library that recorded a span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// Name of the library, or empty.
    pub name: String,
    /// Version of the library, or empty.
    pub version: String,
    /// Scope attributes, as received.
    pub attributes: Vec<KeyValue>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Schema URL of the scope's spans, or empty.
    pub schema_url: String,
}

/// The role of a span in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SpanKind {
    /// Not stated.
    #[default]
    Unspecified,
    /// Within one process.
    Internal,
    /// Serves a remote call.
    Server,
    /// Makes a remote call.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

impl SpanKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    /// The kind of OTLP's number; a number that OTLP does not know is [`SpanKind::Unspecified`].
    pub const fn from_otlp(number: i32) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// OTLP's number.
    pub const fn to_otlp(self) -> i32 {
        self as i32
    }

    /// Lower-case name: `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    /// The kind of this lower-case name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// The outcome that a span reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum StatusCode {
    /// Nothing was stated.
    #[default]
    Unset,
    /// The application said that all went well.
    Ok,
    /// The operation failed.
    Error,
}

impl StatusCode {
    /// The code of OTLP's number; a number that OTLP does not know is [`StatusCode::Unset`].
    pub const fn from_otlp(number: i32) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// OTLP's number.
    pub const fn to_otlp(self) -> i32 {
        self as i32
    }

    /// Lower-case name: `unset`, `ok` or `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }

    /// The code of this lower-case name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Unset, Self::Ok, Self::Error].into_iter().find(|code| code.as_str() == name)
    }
}

/// Something that happened at an instant within a span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Event {
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_ns: u64,
    /// What.
    pub name: String,
    /// Attributes, as received.
    pub attributes: Vec<KeyValue>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
}

/// A reference from a span to another, not its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The other span's trace; `None` when the sender left it out or sent zeros.
    pub trace_id: Option<TraceId>,
    /// The other span; `None` when the sender left it out or sent zeros.
    pub span_id: Option<SpanId>,
    /// W3C tracestate of the link, or empty.
    pub trace_state: String,
    /// Attributes, as received.
    pub attributes: Vec<KeyValue>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// W3C trace flags and OTLP's remote bits.
    pub flags: u32,
}

/// One span with everything that was received for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Its parent; `None` for a root span.
    pub parent_span_id: Option<SpanId>,
    /// W3C tracestate, or empty.
    pub trace_state: String,
    /// W3C trace flags (bits 0-7) and OTLP's remote bits (8, 9).
    pub flags: u32,
    /// The operation.
    pub name: String,
    /// Its role in a call.
    pub kind: SpanKind,
    /// Start in nanoseconds since the Unix epoch.
    pub start_unix_ns: u64,
    /// End in nanoseconds since the Unix epoch; before the start when the sender's clock jumped.
    pub end_unix_ns: u64,
    /// Attributes, as received, in the order received.
    pub attributes: Vec<KeyValue>,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Events, in the order received.
    pub events: Vec<Event>,
    /// Events that the sender dropped.
    pub dropped_events_count: u32,
    /// Links, in the order received.
    pub links: Vec<Link>,
    /// Links that the sender dropped.
    pub dropped_links_count: u32,
    /// The outcome.
    pub status: StatusCode,
    /// What the sender says of the outcome, or empty.
    pub status_message: String,
    /// What produced the span.
    pub resource: Arc<Resource>,
    /// The library that recorded it.
    pub scope: Arc<Scope>,
    /// The request lane.
    pub lane: Lane,
}

/// The spans of one trace that are known so far.
///
/// Ordered by start, then span id. A span that was received more than once (same span id and start) is there once.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The id that all of `spans` share.
    pub trace_id: TraceId,
    /// At least one span.
    pub spans: Vec<Span>,
}

/// The name of a service whose resource has none, as the OpenTelemetry specification names it.
pub const UNKNOWN_SERVICE: &str = "unknown_service";

impl Resource {
    fn text(&self, key: &str) -> Option<&str> {
        attribute(&self.attributes, key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// `service.name`, or [`UNKNOWN_SERVICE`].
    pub fn service_name(&self) -> &str {
        self.text("service.name").unwrap_or(UNKNOWN_SERVICE)
    }

    /// `service.instance.id`, else `host.name` (as senders without an instance id still tell instances
    /// apart), else empty.
    pub fn instance_id(&self) -> &str {
        self.text("service.instance.id").or_else(|| self.text("host.name")).unwrap_or_default()
    }

    /// The lane that this instance serves: `service.lane` where it is a lane name, else the baseline.
    pub fn instance_lane(&self) -> Lane {
        self.text(Lane::RESOURCE_KEY).and_then(|name| Lane::new(name).ok()).unwrap_or_default()
    }

    /// `cloud.region`, or empty.
    pub fn region(&self) -> &str {
        self.text("cloud.region").unwrap_or_default()
    }
}

impl Span {
    /// End minus start in nanoseconds; 0 when the end is before the start.
    pub fn duration_ns(&self) -> u64 {
        self.end_unix_ns.saturating_sub(self.start_unix_ns)
    }

    /// The service that recorded it.
    pub fn service_name(&self) -> &str {
        self.resource.service_name()
    }

    /// Whether a request enters its service with this span: SERVER, CONSUMER, or a root span.
    ///
    /// These are the spans that count as a service's requests.
    pub fn is_entry(&self) -> bool {
        is_entry(self.kind, self.parent_span_id.is_some())
    }

    /// Bytes of memory that it takes, without resource and scope, which many spans share.
    pub(crate) fn memory_bytes(&self) -> usize {
        let texts = self.name.len() + self.trace_state.len() + self.status_message.len();
        let events = self
            .events
            .iter()
            .map(|event| size_of::<Event>() + event.name.len() + value::memory_bytes(&event.attributes));
        let links = self
            .links
            .iter()
            .map(|link| size_of::<Link>() + link.trace_state.len() + value::memory_bytes(&link.attributes));
        size_of::<Self>() + texts + value::memory_bytes(&self.attributes) + events.chain(links).sum::<usize>()
    }

    /// Whether the span reports an error.
    pub fn is_error(&self) -> bool {
        self.status == StatusCode::Error
    }
}

/// Whether a span of this kind counts as a request of its service: see [`Span::is_entry`].
pub(crate) fn is_entry(kind: SpanKind, has_parent: bool) -> bool {
    matches!(kind, SpanKind::Server | SpanKind::Consumer) || !has_parent
}

impl Trace {
    /// The trace of these spans, ordered, each once; `None` when there is no span.
    ///
    /// All spans must be of the same trace.
    pub fn new(mut spans: Vec<Span>) -> Option<Self> {
        spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
        spans.dedup_by_key(|span| (span.start_unix_ns, span.span_id));
        let trace_id = spans.first()?.trace_id;
        debug_assert!(spans.iter().all(|span| span.trace_id == trace_id));
        Some(Self { trace_id, spans })
    }

    /// The root span: the first without a parent, else the first whose parent is not in the trace, else the first.
    pub fn root(&self) -> &Span {
        let known: std::collections::HashSet<SpanId> = self.spans.iter().map(|span| span.span_id).collect();
        self.spans
            .iter()
            .find(|span| span.parent_span_id.is_none())
            .or_else(|| {
                self.spans
                    .iter()
                    .find(|span| span.parent_span_id.is_some_and(|parent| !known.contains(&parent)))
            })
            .unwrap_or(&self.spans[0])
    }

    /// First start and last end, in nanoseconds since the Unix epoch.
    pub fn bounds_unix_ns(&self) -> (u64, u64) {
        let start = self.spans.iter().map(|span| span.start_unix_ns).min().unwrap_or_default();
        let end = self.spans.iter().map(|span| span.end_unix_ns.max(span.start_unix_ns)).max();
        (start, end.unwrap_or_default())
    }
}
