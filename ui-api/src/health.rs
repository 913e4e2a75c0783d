//! For whoever operates Laneway: alive, ready, metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::error::{ApiError, ErrorBody};

#[cfg(test)]
mod tests;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    #[schema(example = "ok")]
    status: &'static str,
}

const OK: Status = Status { status: "ok" };

/// Whether the process answers at all.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "It does.", body = Status)))]
pub(crate) async fn healthz() -> Json<Status> {
    Json(OK)
}

/// Whether spans can be accepted: every worker is alive and the store is ready.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "They can.", body = Status),
    (status = 503, description = "Not now; the message says why.", body = ErrorBody),
))]
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> Result<Json<Status>, ApiError> {
    api.readiness().map(|()| Json(OK)).map_err(ApiError::NotReady)
}

/// Figures of the process in Prometheus's text format.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "The figures.", content_type = "text/plain; version=0.0.4", body = String),
))]
pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], api.metrics())
}
