//! Jaeger's JSON API, as its page and Grafana's Jaeger data source call it.
//!
//! Routes, parameters, defaults, answers and error texts are those of Jaeger 2.19 (`/api/...`, its "v1" HTTP API).
//! As there, unknown parameters are ignored. What differs, on purpose:
//!
//! - errors are sent as `application/json`, not `text/plain`;
//! - lists that Jaeger sends as `null` when they are empty are `[]`, and their order is fixed;
//! - a span of an inherited lane has a `lane` tag;
//! - numbers and booleans are accepted in the `tags` JSON, beside strings;
//! - `limit` lies between 1 and 1500, the most that Jaeger's page asks for;
//! - dependencies show queues between their producers and consumers;
//! - metrics need no Prometheus, so `minstep` is what they are kept for, 10 s, and points at which nothing happened in the window are left
//!   out where they would be no number.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;

mod answer;
mod convert;
mod dependencies;
mod metrics;
mod metrics_params;
mod model;
mod operations;
mod params;
mod services;
#[cfg(test)]
mod tests;
mod traces;

pub(crate) use answer::JaegerError;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(services::services))
        .routes(routes!(operations::operations_of_service))
        .routes(routes!(operations::operations))
        .routes(routes!(traces::search))
        .routes(routes!(traces::trace))
        .routes(routes!(dependencies::dependencies))
        .routes(routes!(metrics::latencies))
        .routes(routes!(metrics::calls))
        .routes(routes!(metrics::errors))
        .routes(routes!(metrics::min_step))
}
