//! What OpenTelemetry's semantic conventions for HTTP want to know.

use http::uri::Authority;
use http::{Method, StatusCode};
use tracing::Span;
use tracing::field::Empty;

/// The method, or `_OTHER` for one that HTTP does not define: a span name must not be of the caller's making.
pub(crate) fn method(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH"
        | "QUERY") => known,
        _ => "_OTHER",
    }
}

/// The method as a span name begins with it.
pub(crate) fn method_in_name(name: &str) -> &str {
    if name == "_OTHER" { "HTTP" } else { name }
}

/// The method as it was sent, when that is not a known one.
pub(crate) fn original_method(method: &Method, known: &str) -> Option<String> {
    (method.as_str() != known).then(|| method.as_str().to_owned())
}

/// The host that was asked, as the caller named it.
#[cfg(feature = "http")]
pub(crate) fn authority(uri: &http::Uri, headers: &http::HeaderMap) -> Option<Authority> {
    let from_header = || headers.get(http::header::HOST)?.to_str().ok()?.parse().ok();
    uri.authority().cloned().or_else(from_header)
}

/// The port, also where the scheme implies it.
pub(crate) fn port(authority: &Authority, scheme: &str) -> Option<u16> {
    authority.port_u16().or(match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    })
}

/// An IPv6 address stands in brackets in a URL, and without them in an attribute.
pub(crate) fn host(authority: &Authority) -> &str {
    authority.host().trim_start_matches('[').trim_end_matches(']')
}

/// The URL without what can hold a secret: user information, query, fragment.
pub(crate) fn redacted_url(scheme: &str, authority: &Authority, path: &str) -> String {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host_and_port}{path}")
}

/// The span of a request that goes out.
pub(crate) fn client_span(
    http_method: &Method,
    scheme: &str,
    authority: Option<&Authority>,
    path: &str,
) -> Span {
    let method = method(http_method);
    tracing::info_span!(
        target: "laneway::http",
        "client request",
        otel.name = method_in_name(method),
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        "error.type" = Empty,
        http.request.method = method,
        http.request.method_original = original_method(http_method, method),
        http.response.status_code = Empty,
        server.address = authority.map(host),
        server.port = authority.and_then(|authority| port(authority, scheme)),
        url.full = authority.map(|authority| redacted_url(scheme, authority, path)),
    )
}

/// Records a response's status code.
pub(crate) fn record_status(span: &Span, status: StatusCode, is_error: bool) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    if is_error {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
}
