//! From the model to Jaeger's: the OpenTelemetry Collector's translation (`pkg/translator/jaeger`), then what Jaeger's
//! query service adjusts for people who read the trace.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use laneway_proto::{Lane, SpanId, TraceId};
use laneway_storage::model::{self, KeyValue, SpanKind, StatusCode, Value};

use super::model::{Log, Process, RefType, Reference, Span, Tag, TagType, TagValue, Trace};

/// How a trace is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// As the sender had it.
    Raw,
    /// Adjusted: attributes sorted by key, addresses readable, links to nowhere removed.
    Adjusted,
}

/// The trace in Jaeger's JSON.
pub(super) fn trace(trace: &model::Trace, view: View) -> Trace {
    let mut processes = Processes::default();
    let spans = trace.spans.iter().map(|one| span(one, processes.id_of(&one.resource, view), view)).collect();
    Trace { trace_id: trace_id(trace.trace_id), spans, processes: processes.by_id, warnings: None }
}

/// 32 hexadecimal digits; 16 for an id that fits into 64 bits, as Jaeger writes it.
pub(super) fn trace_id(id: TraceId) -> String {
    let digits = id.to_string();
    digits.strip_prefix("0000000000000000").map(str::to_owned).unwrap_or(digits)
}

/// The processes of a trace: equal ones are there once, named `p1`, `p2`, ... in order of appearance.
#[derive(Default)]
struct Processes {
    by_id: BTreeMap<String, Process>,
    ids_by_content: HashMap<String, String>,
    ids_by_address: HashMap<usize, String>,
}

impl Processes {
    fn id_of(&mut self, resource: &Arc<model::Resource>, view: View) -> String {
        let address = Arc::as_ptr(resource).addr();
        if let Some(id) = self.ids_by_address.get(&address) {
            return id.clone();
        }
        let process = process(resource, view);
        // Strings, numbers and booleans only: this cannot fail to be written.
        let content = serde_json::to_string(&process).unwrap_or_default();
        let next = format!("p{}", self.by_id.len() + 1);
        let id = self.ids_by_content.entry(content).or_insert(next).clone();
        self.by_id.entry(id.clone()).or_insert(process);
        self.ids_by_address.insert(address, id.clone());
        id
    }
}

fn process(resource: &model::Resource, view: View) -> Process {
    let others = resource.attributes.iter().filter(|attribute| attribute.key != "service.name");
    Process { service_name: resource.service_name().to_owned(), tags: tags(others, view) }
}

fn span(span: &model::Span, process_id: String, view: View) -> Span {
    let (references, warnings) = references(span, view);
    Span {
        trace_id: trace_id(span.trace_id),
        span_id: span.span_id.to_string(),
        flags: span.flags & SAMPLED,
        operation_name: span.name.clone(),
        references,
        start_time: micros(span.start_unix_ns),
        duration: micros(span.duration_ns()),
        tags: span_tags(span, view),
        logs: span.events.iter().map(|event| log(event, view)).collect(),
        process_id,
        warnings,
    }
}

/// The bit of W3C trace flags that Jaeger has too.
const SAMPLED: u32 = 1;

const fn micros(ns: u64) -> u64 {
    ns / 1000
}

/// The parent as CHILD_OF, then links as FOLLOWS_FROM; a link's attribute `opentracing.ref_type` may say otherwise. A
/// link to the parent does not repeat it, but its type counts.
fn references(span: &model::Span, view: View) -> (Vec<Reference>, Option<Vec<String>>) {
    let mut references = Vec::new();
    let mut warnings = Vec::new();
    if let Some(parent) = span.parent_span_id {
        references.push(reference(RefType::ChildOf, Some(span.trace_id), Some(parent)));
    }
    for link in &span.links {
        let ref_type = match model::attribute(&link.attributes, "opentracing.ref_type") {
            Some(value) if value.as_str() == Some("child_of") => RefType::ChildOf,
            _ => RefType::FollowsFrom,
        };
        let to_parent = link.trace_id == Some(span.trace_id)
            && link.span_id.is_some()
            && link.span_id == span.parent_span_id;
        if to_parent {
            references[0].ref_type = ref_type;
        } else if link.trace_id.is_none() && view == View::Adjusted {
            warnings.push("Invalid span link removed".to_owned());
        } else {
            references.push(reference(ref_type, link.trace_id, link.span_id));
        }
    }
    (references, Some(warnings).filter(|warnings| !warnings.is_empty()))
}

fn reference(ref_type: RefType, trace: Option<TraceId>, span: Option<SpanId>) -> Reference {
    const NONE: &str = "0000000000000000";
    Reference {
        ref_type,
        trace_id: trace.map_or_else(|| NONE.to_owned(), trace_id),
        span_id: span.map_or_else(|| NONE.to_owned(), |id| id.to_string()),
    }
}

/// The scope, then the attributes, then what OpenTelemetry has fields for.
fn span_tags(span: &model::Span, view: View) -> Vec<Tag> {
    let mut all = Vec::new();
    let derive = |all: &mut Vec<Tag>, key, text: &str| {
        if !text.is_empty() {
            all.push(text_tag(key, text));
        }
    };
    derive(&mut all, "otel.scope.name", &span.scope.name);
    derive(&mut all, "otel.scope.version", &span.scope.version);
    all.extend(tags(&span.attributes, view));
    if span.kind != SpanKind::Unspecified {
        derive(&mut all, "span.kind", span.kind.as_str());
    }
    if span.status != StatusCode::Unset {
        derive(&mut all, "otel.status_code", &span.status.as_str().to_ascii_uppercase());
    }
    if span.is_error() {
        all.push(Tag { key: "error".to_owned(), kind: TagType::Bool, value: TagValue::Bool(true) });
    }
    derive(&mut all, "otel.status_description", &span.status_message);
    derive(&mut all, "w3c.tracestate", &span.trace_state);
    if !span.lane.is_base() && model::attribute(&span.attributes, Lane::KEY).is_none() {
        derive(&mut all, Lane::KEY, span.lane.as_str());
    }
    all
}

/// The event's name as a field, unless an attribute has taken its place.
fn log(event: &model::Event, view: View) -> Log {
    let named = !event.name.is_empty() && model::attribute(&event.attributes, "event").is_none();
    let name = named.then(|| text_tag("event", &event.name));
    Log {
        timestamp: micros(event.time_unix_ns),
        fields: name.into_iter().chain(tags(&event.attributes, view)).collect(),
    }
}

fn tags<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>, view: View) -> Vec<Tag> {
    let mut tags: Vec<Tag> = attributes.into_iter().map(|attribute| tag(attribute, view)).collect();
    if view == View::Adjusted {
        tags.sort_by(|a, b| a.key.cmp(&b.key));
    }
    tags
}

fn text_tag(key: &str, text: &str) -> Tag {
    Tag { key: key.to_owned(), kind: TagType::String, value: TagValue::Text(text.to_owned()) }
}

fn tag(attribute: &KeyValue, view: View) -> Tag {
    if let Some(address) = packed_address(attribute).filter(|_| view == View::Adjusted) {
        return text_tag(&attribute.key, &address.to_string());
    }
    let (kind, value) = match &attribute.value {
        Value::Bool(value) => (TagType::Bool, TagValue::Bool(*value)),
        Value::Int(value) if value.unsigned_abs() <= MAX_SAFE_INTEGER => {
            (TagType::Int64, TagValue::Int(*value))
        }
        Value::Int(value) => (TagType::Int64, TagValue::Text(value.to_string())),
        Value::Double(value) if value.is_finite() => (TagType::Float64, TagValue::Float(*value)),
        Value::Double(value) => (TagType::Float64, TagValue::Text(value.to_string())),
        Value::Bytes(bytes) => (TagType::Binary, TagValue::Text(BASE64.encode(bytes))),
        Value::Empty | Value::String(_) | Value::Array(_) | Value::KvList(_) => {
            (TagType::String, TagValue::Text(attribute.value.to_string()))
        }
    };
    Tag { key: attribute.key.clone(), kind, value }
}

/// The largest integer whose neighbours JavaScript can tell apart: 2^53 - 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Old clients pack the four bytes of an IPv4 address into a number.
fn packed_address(attribute: &KeyValue) -> Option<Ipv4Addr> {
    if !matches!(attribute.key.as_str(), "ip" | "peer.ipv4") {
        return None;
    }
    match attribute.value {
        Value::Int(value) => Some(Ipv4Addr::from(value as u32)),
        Value::Double(value) => Some(Ipv4Addr::from(value as u32)),
        _ => None,
    }
}
