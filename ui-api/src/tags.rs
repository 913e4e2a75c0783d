//! Conditions on tags as users type them, in any dialect.

use laneway_proto::Lane;
use laneway_storage::model::{SpanKind, StatusCode};
use laneway_storage::query::{AttributeScope, SpanFilter};

#[cfg(test)]
mod tests;

/// The condition that a user means by this tag.
///
/// It is met by an attribute of that key, anywhere on the span, whose value is meant by this text. Also:
///
/// - by what OpenTelemetry has a field for but Jaeger shows as a tag: `error`, `span.kind`, `otel.status_code`,
///   `otel.status_description`, `otel.scope.name`, `otel.scope.version`;
/// - by the same attribute in the other generation of semantic conventions: `http.status_code` and
///   `http.response.status_code`, ...;
/// - `lane` by the request lane, which a span may have from an ancestor;
/// - `resource.<key>` by an attribute of the resource.
pub(crate) fn tag_filter(key: &str, text: &str) -> SpanFilter {
    let mut meanings = vec![attribute(AttributeScope::Any, key, text)];
    meanings.extend(derived(key, text));
    meanings.extend(other_generation(key).map(|other| attribute(AttributeScope::Any, other, text)));
    if let Some(key) = key.strip_prefix("resource.") {
        meanings.push(attribute(AttributeScope::Resource, key, text));
    }
    match meanings.len() {
        1 => meanings.swap_remove(0),
        _ => SpanFilter::Any(meanings),
    }
}

fn attribute(scope: AttributeScope, key: &str, text: &str) -> SpanFilter {
    SpanFilter::Attribute { scope, key: key.to_owned(), text: text.to_owned() }
}

/// What is no attribute in OpenTelemetry, but a tag to users.
fn derived(key: &str, text: &str) -> Option<SpanFilter> {
    let lower = text.to_ascii_lowercase();
    match key {
        "error" => match lower.as_str() {
            "true" | "t" | "1" => Some(SpanFilter::Status(StatusCode::Error)),
            // Who looks for what went well does not want a span that says it failed, in either way.
            "false" | "f" | "0" => Some(SpanFilter::Not(Box::new(SpanFilter::Any(vec![
                SpanFilter::Status(StatusCode::Error),
                attribute(AttributeScope::Any, "error", "true"),
            ])))),
            _ => None,
        },
        "span.kind" => SpanKind::from_name(&lower).map(SpanFilter::Kind),
        "otel.status_code" | "span.status" => StatusCode::from_name(&lower).map(SpanFilter::Status),
        "otel.status_description" => Some(SpanFilter::StatusMessage(text.to_owned())),
        "otel.scope.name" => Some(SpanFilter::ScopeName(text.to_owned())),
        "otel.scope.version" => Some(SpanFilter::ScopeVersion(text.to_owned())),
        Lane::KEY => Lane::new(text).ok().map(SpanFilter::Lane),
        _ => None,
    }
}

/// Attributes that were renamed: the old name and the stable one.
const RENAMED: [(&str, &str); 14] = [
    ("http.status_code", "http.response.status_code"),
    ("http.method", "http.request.method"),
    ("http.url", "url.full"),
    ("http.scheme", "url.scheme"),
    ("http.user_agent", "user_agent.original"),
    ("db.system", "db.system.name"),
    ("db.name", "db.namespace"),
    ("db.statement", "db.query.text"),
    ("db.operation", "db.operation.name"),
    ("rpc.system", "rpc.system.name"),
    ("peer.service", "service.peer.name"),
    ("net.peer.name", "server.address"),
    ("net.peer.port", "server.port"),
    ("deployment.environment", "deployment.environment.name"),
];

fn other_generation(key: &str) -> Option<&'static str> {
    RENAMED.iter().find_map(|(old, new)| match key {
        _ if key == *old => Some(*new),
        _ if key == *new => Some(*old),
        _ => None,
    })
}
