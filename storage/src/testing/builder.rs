//! Spans for tests, in one line each.

use std::sync::Arc;

use laneway_proto::{Lane, SpanId, TraceId};

use crate::model::{Event, KeyValue, Link, Resource, Scope, Span, SpanKind, StatusCode, Value};

/// When spans of tests start unless they say otherwise: 2026-01-01T00:00:00Z, in nanoseconds since the Unix epoch.
pub const EPOCH_UNIX_NS: u64 = 1_767_225_600_000_000_000;

/// Begins a span of this operation.
///
/// Unless the test says otherwise it belongs to trace 1 and to service `shop`, has no parent, is of kind INTERNAL
/// with status UNSET, starts at [`EPOCH_UNIX_NS`], takes 1 ms, runs in the baseline, and has an id that is
/// derived from its name: equal names need [`SpanBuilder::id`] to be different spans.
pub fn span(name: &str) -> SpanBuilder {
    let id = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3) // FNV-1a
    });
    SpanBuilder {
        span: Span {
            trace_id: trace_id(1),
            span_id: span_id(id),
            parent_span_id: None,
            trace_state: String::new(),
            flags: 0,
            name: name.to_owned(),
            kind: SpanKind::Internal,
            start_unix_ns: EPOCH_UNIX_NS,
            end_unix_ns: EPOCH_UNIX_NS + 1_000_000,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: Vec::new(),
            dropped_events_count: 0,
            links: Vec::new(),
            dropped_links_count: 0,
            status: StatusCode::Unset,
            status_message: String::new(),
            resource: Arc::default(),
            scope: Arc::default(),
            lane: Lane::base(),
        },
        resource: Resource { attributes: vec![attribute("service.name", "shop")], ..Resource::default() },
        scope: Scope::default(),
    }
}

/// A span under construction: see [`span`].
#[derive(Debug, Clone)]
pub struct SpanBuilder {
    span: Span,
    resource: Resource,
    scope: Scope,
}

impl SpanBuilder {
    /// Its trace, by the number that the id's bytes make.
    pub fn trace(mut self, id: u128) -> Self {
        self.span.trace_id = trace_id(id);
        self
    }

    /// Its own id, by the number that the bytes make.
    pub fn id(mut self, id: u64) -> Self {
        self.span.span_id = span_id(id);
        self
    }

    /// Its parent's id, by the number that the bytes make.
    pub fn parent(mut self, id: u64) -> Self {
        self.span.parent_span_id = Some(span_id(id));
        self
    }

    /// The span of this builder is its parent: takes over the trace too.
    pub fn child_of(mut self, parent: &SpanBuilder) -> Self {
        self.span.trace_id = parent.span.trace_id;
        self.span.parent_span_id = Some(parent.span.span_id);
        self
    }

    /// Its service.
    pub fn service(self, name: &str) -> Self {
        self.resource_attribute("service.name", name)
    }

    /// Its service instance.
    pub fn instance(self, id: &str) -> Self {
        self.resource_attribute("service.instance.id", id)
    }

    /// Its request lane, which it also carries as the attribute `lane`, as received spans do.
    ///
    /// # Panics
    /// When this is not a lane name.
    pub fn lane(mut self, name: &str) -> Self {
        self.span.lane = Lane::new(name).unwrap_or_else(|problem| panic!("{name:?}: {problem}"));
        self.attribute(Lane::KEY, name)
    }

    /// Its kind.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.span.kind = kind;
        self
    }

    /// Its W3C tracestate.
    pub fn trace_state(mut self, tracestate: &str) -> Self {
        self.span.trace_state = tracestate.to_owned();
        self
    }

    /// When it starts, in nanoseconds since the Unix epoch. Its duration stays.
    pub fn start(mut self, unix_ns: u64) -> Self {
        let duration_ns = self.span.duration_ns();
        self.span.start_unix_ns = unix_ns;
        self.span.end_unix_ns = unix_ns.saturating_add(duration_ns);
        self
    }

    /// When it starts, in nanoseconds after [`EPOCH_UNIX_NS`]. Its duration stays.
    pub fn after(self, ns: u64) -> Self {
        self.start(EPOCH_UNIX_NS + ns)
    }

    /// How long it takes, in nanoseconds.
    pub fn duration(mut self, ns: u64) -> Self {
        self.span.end_unix_ns = self.span.start_unix_ns.saturating_add(ns);
        self
    }

    /// It reports an error, with this message.
    pub fn error(mut self, message: &str) -> Self {
        self.span.status_message = message.to_owned();
        self.status(StatusCode::Error)
    }

    /// Its outcome.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.span.status = status;
        self
    }

    /// Adds or replaces an attribute of the span.
    pub fn attribute(mut self, key: &str, value: impl AttributeValue) -> Self {
        set(&mut self.span.attributes, key, value);
        self
    }

    /// Adds or replaces an attribute of the resource.
    pub fn resource_attribute(mut self, key: &str, value: impl AttributeValue) -> Self {
        set(&mut self.resource.attributes, key, value);
        self
    }

    /// The instrumentation scope.
    pub fn scope(mut self, name: &str, version: &str) -> Self {
        self.scope.name = name.to_owned();
        self.scope.version = version.to_owned();
        self
    }

    /// Adds or replaces an attribute of the instrumentation scope.
    pub fn scope_attribute(mut self, key: &str, value: impl AttributeValue) -> Self {
        set(&mut self.scope.attributes, key, value);
        self
    }

    /// Adds an event at the start of the span, with these attributes.
    pub fn event(mut self, name: &str, attributes: Vec<KeyValue>) -> Self {
        self.span.events.push(Event {
            time_unix_ns: self.span.start_unix_ns,
            name: name.to_owned(),
            attributes,
            dropped_attributes_count: 0,
        });
        self
    }

    /// Adds a link to a span, by the numbers that the ids' bytes make, with these attributes.
    pub fn link(mut self, trace: u128, span: u64, attributes: Vec<KeyValue>) -> Self {
        self.span.links.push(Link {
            trace_id: TraceId::from_bytes(trace.to_be_bytes()),
            span_id: SpanId::from_bytes(span.to_be_bytes()),
            trace_state: String::new(),
            attributes,
            dropped_attributes_count: 0,
            flags: 0,
        });
        self
    }

    /// Changes anything else of the span.
    pub fn with(mut self, change: impl FnOnce(&mut Span)) -> Self {
        change(&mut self.span);
        self
    }

    /// The span.
    pub fn build(self) -> Span {
        Span { resource: Arc::new(self.resource), scope: Arc::new(self.scope), ..self.span }
    }
}

impl From<SpanBuilder> for Span {
    fn from(builder: SpanBuilder) -> Self {
        builder.build()
    }
}

/// An attribute of this key and value.
pub fn attribute(key: &str, value: impl AttributeValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: value.into_value() }
}

fn set(attributes: &mut Vec<KeyValue>, key: &str, value: impl AttributeValue) {
    attributes.retain(|existing| existing.key != key);
    attributes.push(attribute(key, value));
}

fn trace_id(number: u128) -> TraceId {
    TraceId::from_bytes(number.to_be_bytes()).expect("a trace id is not zero")
}

fn span_id(number: u64) -> SpanId {
    SpanId::from_bytes(number.to_be_bytes()).expect("a span id is not zero")
}

/// What a test may write where a typed attribute value is meant.
pub trait AttributeValue {
    /// The typed value.
    fn into_value(self) -> Value;
}

impl AttributeValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl AttributeValue for &str {
    fn into_value(self) -> Value {
        Value::String(self.to_owned())
    }
}

impl AttributeValue for bool {
    fn into_value(self) -> Value {
        Value::Bool(self)
    }
}

impl AttributeValue for i64 {
    fn into_value(self) -> Value {
        Value::Int(self)
    }
}

impl AttributeValue for f64 {
    fn into_value(self) -> Value {
        Value::Double(self)
    }
}

impl AttributeValue for &[u8] {
    fn into_value(self) -> Value {
        Value::Bytes(self.to_vec())
    }
}
