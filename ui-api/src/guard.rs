//! What holds for every request: limits, no panic, errors in the dialect's envelope, security headers.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::Api;
use crate::error::ApiError;
use crate::queries::QueryOutcome;
use crate::{jaeger, page};

#[cfg(test)]
mod tests;

/// Whose envelope an error goes into.
#[derive(Debug, Clone, Copy)]
enum Dialect {
    Native,
    Jaeger,
}

impl Dialect {
    fn of(uri: &Uri) -> Self {
        match uri.path().strip_prefix("/api/") {
            Some(rest) if rest != "v1" && !rest.starts_with("v1/") => Self::Jaeger,
            _ => Self::Native,
        }
    }

    fn response(self, error: ApiError) -> Response {
        match self {
            Self::Native => error.into_response(),
            Self::Jaeger => jaeger::JaegerError::from(error).into_response(),
        }
    }
}

pub(crate) async fn no_such_route(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    page::answer(&method, uri.path(), &headers)
        .unwrap_or_else(|| Dialect::of(&uri).response(ApiError::NoSuchRoute))
}

pub(crate) async fn method_not_allowed(uri: Uri) -> Response {
    Dialect::of(&uri).response(ApiError::MethodNotAllowed)
}

/// The layer around all routes.
pub(crate) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let is_query = is_query(uri.path());
    let query = (is_query && request.method().is_safe()).then(|| api.queries.arrived());
    let mut response = match answer(&api, request, next, is_query).await {
        Ok(response) => response,
        Err(error) => Dialect::of(&uri).response(error),
    };
    if let Some(query) = query {
        query.ended(QueryOutcome::of(&response), api.now_unix_ns());
    }
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// On every answer that does not say otherwise. Names and values in an answer come from whoever can send spans: no
/// browser may take them for a page, and no cache may keep them.
const SECURITY_HEADERS: [(HeaderName, &str); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// Whether it is asked of the store, and so has to wait for a place. How things are is to be seen also when all places are taken.
fn is_query(path: &str) -> bool {
    path.starts_with("/api/") && path != "/api/v1/status"
}

async fn answer(api: &Api, request: Request, next: Next, is_query: bool) -> Result<Response, ApiError> {
    let uri = request.uri();
    let limit = api.limits.uri_bytes;
    if uri.path_and_query().is_some_and(|text| text.as_str().len() > limit) {
        return Err(ApiError::UriTooLong { limit });
    }
    let limit = api.limits.body_bytes;
    if announced_body_bytes(&request).is_some_and(|length| length > limit as u64) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    // Any page may have a browser send a request to this address, and browsers say so in this header.
    let changes = !request.method().is_safe();
    if changes && request.headers().contains_key(header::ORIGIN) {
        return Err(ApiError::FromBrowser);
    }
    let path = uri.path().to_owned();
    let answer = async {
        let _slot = if is_query { api.queries.slot().await } else { None };
        catch_panic(next.run(request)).await
    };
    let timeout = if changes { api.limits.admin_timeout } else { api.limits.timeout };
    match tokio::time::timeout(timeout, answer).await {
        Ok(Some(response)) => Ok(response),
        Ok(None) => {
            tracing::error!(path, "a request panicked");
            Err(ApiError::Internal)
        }
        Err(_) => Err(ApiError::Timeout(timeout.as_millis())),
    }
}

/// No route reads a body, so a short one is harmless; a long one is refused before it is sent.
fn announced_body_bytes(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The future's output, or `None` when it panicked: the connection, and the requests beside it, live on.
async fn catch_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    // Unwind safe: after a panic the future is only dropped, and no handler shares state that it could leave half
    // changed but the store, which guards its own.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}
