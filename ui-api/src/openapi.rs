//! The description of the API, derived from the handlers themselves.

use std::sync::{Arc, LazyLock};

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::{health, index, jaeger, native};

#[cfg(test)]
mod tests;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Laneway query API",
        description = "Traces, services and operations of every lane.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(),
    ),
    tags(
        (name = "traces", description = "The native API."),
        (name = "jaeger", description = "Jaeger's JSON API, as its page and Grafana call it. Unknown parameters are ignored."),
        (name = "operation", description = "For whoever operates the server."),
    ),
)]
struct Description;

/// Every route, registered and described by one and the same line.
pub(crate) fn described_routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(index::index))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi))
        .merge(native::routes())
        .merge(jaeger::routes())
}

/// The OpenAPI document of this version, as JSON.
pub fn openapi_json() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let (_, document) = described_routes().split_for_parts();
        // A document of strings, maps and lists only cannot fail to be written.
        document.to_pretty_json().unwrap_or_default()
    });
    &DOCUMENT
}

/// The description of all routes.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operation", responses(
    (status = 200, description = "An OpenAPI 3.1 document.", content_type = "application/json", body = serde_json::Value),
))]
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}
