//! The native API: `/api/v1`.

use std::sync::Arc;

use laneway_storage::query::Red;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;

mod admin;
mod operations;
mod search;
mod services;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(services::services))
        .routes(routes!(operations::operations))
        .routes(routes!(search::search))
        .routes(routes!(trace::trace, admin::delete_trace))
        .routes(routes!(admin::delete_service))
        .routes(routes!(admin::snapshots, admin::take_snapshot))
        .routes(routes!(admin::delete_snapshot))
}

/// Rate, errors and duration over a range of time. Quantiles are at most 6.25 % above the true value.
#[derive(Debug, Serialize, ToSchema)]
struct RedBody {
    /// How many.
    requests: u64,
    /// How many of them report an error.
    errors: u64,
    /// Half of them took at most this long, in milliseconds; null when there was none.
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl From<&Red> for RedBody {
    fn from(red: &Red) -> Self {
        let quantile_ms = |quantile| red.duration_ns.quantile(quantile).map(|ns| ns as f64 / 1e6);
        Self {
            requests: red.requests,
            errors: red.errors,
            p50_ms: quantile_ms(0.5),
            p90_ms: quantile_ms(0.9),
            p95_ms: quantile_ms(0.95),
            p99_ms: quantile_ms(0.99),
        }
    }
}
