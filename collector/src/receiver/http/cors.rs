//! Which pages in browsers may send spans.

use std::time::Duration;

use http::{HeaderValue, Method, Uri};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::Cors;

/// How long a browser may remember the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_secs(7200);

pub(super) fn layer(cors: &Cors) -> CorsLayer {
    let origins = cors.allowed_origins.clone();
    let allowed =
        move |origin: &HeaderValue, _: &http::request::Parts| origins.iter().any(|rule| allows(rule, origin));
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::POST])
        // Exporters send whatever headers they are configured with.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([http::header::RETRY_AFTER])
        .max_age(MAX_AGE)
}

/// Whether an entry of the configuration covers an origin.
fn allows(rule: &str, origin: &HeaderValue) -> bool {
    match rule {
        "*" => true,
        "loopback" => is_loopback(origin),
        _ => origin.as_bytes().eq_ignore_ascii_case(rule.trim_end_matches('/').as_bytes()),
    }
}

fn is_loopback(origin: &HeaderValue) -> bool {
    let uri = Uri::try_from(origin.as_bytes());
    let host = uri.as_ref().ok().and_then(Uri::host);
    host.is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(rule: &str, origin: &'static str) -> bool {
        allows(rule, &HeaderValue::from_static(origin))
    }

    #[test]
    fn loopback_covers_every_port_and_no_lookalike() {
        for origin in
            ["http://localhost:3000", "https://localhost", "http://127.0.0.1:8080", "http://[::1]:5173"]
        {
            assert!(is_allowed("loopback", origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.example",
            "https://evil.example",
            "null",
            "http://127.0.0.1.evil.example:80",
        ] {
            assert!(!is_allowed("loopback", origin), "{origin}");
        }
    }

    #[test]
    fn a_named_origin_covers_itself_alone() {
        assert!(is_allowed("https://shop.example.com", "https://shop.example.com"));
        assert!(!is_allowed("https://shop.example.com", "http://shop.example.com"));
        assert!(!is_allowed("https://shop.example.com", "https://shop.example.com.evil.example"));
        assert!(is_allowed("*", "https://anything.example"));
    }
}
