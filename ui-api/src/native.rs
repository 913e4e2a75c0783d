//! The native API: `/api/v1`.

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;

mod admin;
mod compare;
mod graph;
mod lanes;
mod leaks;
mod operations;
mod red;
mod search;
mod services;
mod statements;
mod status;
#[cfg(test)]
mod tests;
mod topology;
mod trace;

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(services::services))
        .routes(routes!(operations::operations))
        .routes(routes!(statements::statements))
        .routes(routes!(search::search))
        .routes(routes!(trace::trace, admin::delete_trace))
        .routes(routes!(topology::topology))
        .routes(routes!(red::red))
        .routes(routes!(lanes::lanes))
        .routes(routes!(lanes::lane))
        .routes(routes!(compare::compare_lanes))
        .routes(routes!(status::status))
        .routes(routes!(admin::delete_service))
        .routes(routes!(admin::snapshots, admin::take_snapshot))
        .routes(routes!(admin::delete_snapshot))
}
