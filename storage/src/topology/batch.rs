//! Figures of all spans at once: the meaning of those that a store keeps as spans arrive.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use laneway_proto::TraceId;

use super::figures::{Figures, Resolution};
use super::ledger::Ledger;
use super::peer::Peer;
use super::role::{KnownSpan, Place, Role, RoleId, TraceState, calling_span, was_called_by};
use super::roles::Roles;
use crate::model::{Span, Value, from_otlp};

/// The figures of these spans at a resolution, each span counted once.
pub fn figures_of<'a>(spans: impl IntoIterator<Item = &'a Span>, resolution: Resolution) -> Figures {
    let mut roles = Roles::default();
    let mut ledger = Ledger::default();
    for (trace_id, spans) in known_spans(spans, &mut roles) {
        ledger.add_trace(&roles, trace_id, &[], &spans);
    }
    ledger.take_totals().at(resolution).figures()
}

/// Spans by trace, ordered by start and span id, each once.
pub fn known_spans<'a>(
    spans: impl IntoIterator<Item = &'a Span>,
    roles: &mut Roles,
) -> BTreeMap<TraceId, Vec<KnownSpan>> {
    let mut traces = BTreeMap::<_, Vec<KnownSpan>>::new();
    for span in spans {
        let role = role(span, roles);
        traces.entry(span.trace_id).or_default().push(KnownSpan {
            span_id: u64::from_be_bytes(span.span_id.to_bytes()),
            parent_span_id: span.parent_span_id.map_or(0, |id| u64::from_be_bytes(id.to_bytes())),
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns(),
            role,
        });
    }
    for spans in traces.values_mut() {
        spans.sort_by_key(|span| (span.start_unix_ns, span.span_id));
        spans.dedup_by_key(|span| (span.start_unix_ns, span.span_id));
    }
    traces
}

fn role(span: &Span, roles: &mut Roles) -> RoleId {
    let texts: HashMap<&str, Cow<'_, str>> = span
        .attributes
        .iter()
        .rev()
        .filter_map(|attribute| {
            let text = match &attribute.value {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                Value::Int(number) => Cow::Owned(number.to_string()),
                _ => return None,
            };
            Some((attribute.key.as_str(), text))
        })
        .collect();
    let state = TraceState::of(&span.trace_state);
    let parent = span.parent_span_id.map_or(0, |id| u64::from_be_bytes(id.to_bytes()));
    roles.intern(Role {
        place: Arc::new(Place::of(&span.resource)),
        operation: span.name.as_str().into(),
        kind: span.kind,
        status: span.status,
        lane: from_otlp::named_lane(&span.attributes),
        peer: Peer::of(span.kind, |key| texts.get(key).cloned()).map(Arc::new),
        caller: state.caller.filter(|_| was_called_by(calling_span(&span.trace_state).0, span.kind, parent)),
        threshold: state.threshold,
    })
}
