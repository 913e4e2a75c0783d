//! A middleware for reqwest, by way of `reqwest-middleware`.
//!
//! ```no_run
//! let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
//!     .with(laneway::reqwest::Middleware::new())
//!     .build();
//! # drop(client);
//! ```
//!
//! The span ends when the head of the response is there: reqwest has no place from which to watch a body.

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware as ReqwestMiddleware, Next, Result};
use tracing::Span;

use crate::context::Context;
use crate::conventions;
use crate::future::InContext;
use crate::propagation::Callee;

/// Opens a CLIENT span for each request and sends the context with it.
///
/// A response of 4xx or 5xx, and an error, mark the span as failed. Redirects and retries that reqwest makes by itself are
/// part of one span; a retry middleware that stands before this one gets a span for each attempt.
#[derive(Debug, Clone, Default)]
pub struct Middleware {
    callee: Callee,
}

impl Middleware {
    /// A middleware for calls within the fleet.
    pub fn new() -> Self {
        Self::default()
    }

    /// For calls that leave the fleet: the trace goes along; lane, baggage, and who calls do not.
    #[must_use]
    pub fn external(mut self) -> Self {
        self.callee = Callee::External;
        self
    }
}

#[async_trait::async_trait]
impl ReqwestMiddleware for Middleware {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let context = Context::current();
        let span = span(&request);
        self.callee.inject(&span, &context, request.headers_mut());
        let ended = EndOnDrop(span.clone());
        let result = InContext::new(
            Context::of(&span).unwrap_or(context),
            span.clone(),
            next.run(request, extensions),
        )
        .await;
        match &result {
            Ok(response) => {
                let status = response.status();
                conventions::record_status(&span, status, status.as_u16() >= 400);
            }
            Err(error) => {
                span.record("error.type", error_type(error));
                span.record("otel.status_code", "ERROR");
                span.record("otel.status_description", tracing::field::display(Described(error)));
            }
        }
        drop(ended);
        result
    }
}

/// Also when the caller gives up on the request.
struct EndOnDrop(Span);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        crate::layer::end(&self.0);
    }
}

fn span(request: &Request) -> Span {
    let url = request.url();
    let authority = url.host_str().map(|host| match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    });
    let authority = authority.and_then(|authority| authority.parse().ok());
    conventions::client_span(request.method(), url.scheme(), authority.as_ref(), url.path())
}

fn error_type(error: &Error) -> &'static str {
    match error {
        Error::Middleware(_) => "middleware",
        Error::Reqwest(error) if error.is_timeout() => "timeout",
        Error::Reqwest(error) if error.is_connect() => "connect",
        Error::Reqwest(error) if error.is_redirect() => "redirect",
        Error::Reqwest(error) if error.is_body() => "body",
        Error::Reqwest(error) if error.is_decode() => "decode",
        Error::Reqwest(_) => "_OTHER",
    }
}

/// The root cause of an error: what wraps it repeats the URL, with the query in it.
struct Described<'a>(&'a Error);

impl std::fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut cause: &dyn std::error::Error = self.0;
        while let Some(source) = cause.source() {
            cause = source;
        }
        write!(f, "{cause}")
    }
}
