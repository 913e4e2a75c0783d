//! Whether one whole span meets a filter: the definition that every backend must agree with.

use super::{AttributeScope, SpanFilter};
use crate::model::{KeyValue, Span};

impl SpanFilter {
    /// Whether the span meets the condition.
    pub fn matches(&self, span: &Span) -> bool {
        match self {
            Self::Service(name) => span.service_name() == name,
            Self::Operation(name) => span.name == *name,
            Self::Kind(kind) => span.kind == *kind,
            Self::Status(status) => span.status == *status,
            Self::StatusMessage(message) => span.status_message == *message,
            Self::ScopeName(name) => span.scope.name == *name,
            Self::ScopeVersion(version) => span.scope.version == *version,
            Self::Lane(lane) => span.lane == *lane,
            Self::MinDuration(ns) => span.duration_ns() >= *ns,
            Self::MaxDuration(ns) => span.duration_ns() <= *ns,
            Self::Attribute { scope, key, text } => attribute_matches(span, *scope, key, text),
            Self::All(filters) => filters.iter().all(|filter| filter.matches(span)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(span)),
            Self::Not(filter) => !filter.matches(span),
        }
    }
}

fn attribute_matches(span: &Span, scope: AttributeScope, key: &str, text: &str) -> bool {
    let has = |attributes: &[KeyValue]| {
        attributes.iter().any(|attribute| attribute.key == key && attribute.value.matches_text(text))
    };
    let within = |one: AttributeScope| scope == AttributeScope::Any || scope == one;
    within(AttributeScope::Span) && has(&span.attributes)
        || within(AttributeScope::Resource) && has(&span.resource.attributes)
        || within(AttributeScope::Scope) && has(&span.scope.attributes)
        || within(AttributeScope::Event) && span.events.iter().any(|event| has(&event.attributes))
        || within(AttributeScope::Link) && span.links.iter().any(|link| has(&link.attributes))
}
