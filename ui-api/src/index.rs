//! Where to go from here.

use axum::Json;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::page;

/// The entry points of this server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Index {
    #[schema(example = "laneway")]
    name: &'static str,
    version: &'static str,
    /// Paths, and what is found there.
    #[serde(rename = "entryPoints")]
    entry_points: &'static [EntryPoint],
}

#[derive(Debug, Serialize, ToSchema)]
struct EntryPoint {
    path: &'static str,
    what: &'static str,
}

const ENTRY_POINTS: &[EntryPoint] = &[
    EntryPoint { path: "/api/v1/openapi.json", what: "the description of all routes" },
    EntryPoint { path: "/api/v1/services", what: "services of the last hour" },
    EntryPoint { path: "/api/v1/traces", what: "traces of the last hour" },
    EntryPoint { path: "/api/v1/topology", what: "who called whom in the last hour" },
    EntryPoint { path: "/api/v1/lanes", what: "lanes of the last hour" },
    EntryPoint { path: "/api/v1/status", what: "how long spans are kept, and how queries fare" },
    EntryPoint { path: "/api/services", what: "Jaeger's JSON API" },
    EntryPoint { path: "/healthz", what: "alive" },
    EntryPoint { path: "/readyz", what: "able to accept spans" },
    EntryPoint { path: "/metrics", what: "figures of the process, for Prometheus" },
];

/// The entry points of this server, or the page for whoever takes HTML.
#[utoipa::path(get, path = "/", tag = "operation", responses((status = 200, description = "Paths.", content(
    (Index = "application/json"),
    (String = "text/html"),
))))]
pub(crate) async fn index(headers: HeaderMap) -> Response {
    let mut response = if page::is_wanted(&headers) {
        page::document(&headers)
    } else {
        Json(Index { name: "laneway", version: env!("CARGO_PKG_VERSION"), entry_points: ENTRY_POINTS })
            .into_response()
    };
    response.headers_mut().insert(header::VARY, page::VARY);
    response
}
