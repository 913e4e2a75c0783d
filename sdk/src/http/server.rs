//! Requests that come in.

use http::{HeaderMap, Request, header};
use tower::Layer;
use tracing::Span;
use tracing::field::Empty;

use super::call::Protocol;
use super::service::{Open, TracedService};
use crate::context::Context;
use crate::conventions;
use crate::propagation;

/// Opens a SERVER span for each request, in the trace and lane of the caller.
///
/// The span is named after the method and, with axum (feature `axum`) and under `Router::layer`, the matched route:
/// `GET /cart/{id}`. A response of 5xx, an error of the service, and a panic mark it as failed.
#[derive(Debug, Clone, Default)]
pub struct ServerLayer {
    caller: Caller,
}

/// Service of [`ServerLayer`].
pub type ServerService<S> = TracedService<S, ServerLayer>;

/// How far the caller's headers are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Caller {
    #[default]
    Trusted,
    Untrusted,
}

impl Caller {
    /// The context that a request came with. What must not be believed is taken out of the headers too, so that
    /// nothing behind passes it on.
    pub(crate) fn context(self, headers: &mut HeaderMap) -> Context {
        match self {
            Self::Trusted => propagation::extract(headers),
            Self::Untrusted => propagation::extract_untrusted(headers),
        }
    }
}

impl ServerLayer {
    /// A layer for callers within the fleet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For callers from outside: their lane, their baggage, and whom they claim to be are stripped from the request, so that
    /// nobody enters a lane by sending a header. The trace is continued.
    #[must_use]
    pub fn untrusted(mut self) -> Self {
        self.caller = Caller::Untrusted;
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> ServerService<S> {
        TracedService::new(inner, self.clone())
    }
}

impl Open for ServerLayer {
    const PROTOCOL: Protocol = Protocol::HttpServer;

    fn open<B>(&self, request: &mut Request<B>) -> (Context, Span) {
        let context = self.caller.context(request.headers_mut());
        let span = context.in_scope(|| span(request));
        (context, span)
    }
}

fn span<B>(request: &Request<B>) -> Span {
    let (uri, headers) = (request.uri(), request.headers());
    let method = conventions::method(request.method());
    let route = route(request);
    let name_method = conventions::method_in_name(method);
    let name = match route {
        Some(route) => format!("{name_method} {route}"),
        None => name_method.to_owned(),
    };
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = conventions::authority(uri, headers);
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    tracing::info_span!(
        target: "laneway::http",
        "server request",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = Empty,
        otel.status_description = Empty,
        "error.type" = Empty,
        http.request.method = method,
        http.request.method_original = conventions::original_method(request.method(), method),
        http.response.status_code = Empty,
        http.route = route,
        network.protocol.version = version(request.version()),
        server.address = authority.as_ref().map(conventions::host),
        server.port = authority.as_ref().and_then(|authority| conventions::port(authority, scheme)),
        url.path = uri.path(),
        url.scheme = scheme,
        user_agent.original = user_agent,
    )
}

#[cfg(feature = "axum")]
fn route<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
fn route<B>(_: &Request<B>) -> Option<&str> {
    None
}

fn version(version: http::Version) -> Option<&'static str> {
    match version {
        http::Version::HTTP_10 => Some("1.0"),
        http::Version::HTTP_11 => Some("1.1"),
        http::Version::HTTP_2 => Some("2"),
        http::Version::HTTP_3 => Some("3"),
        _ => None,
    }
}
