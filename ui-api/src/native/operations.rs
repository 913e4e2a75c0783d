//! `GET /api/v1/services/{service}/operations`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_storage::query::OperationSummary;
use serde::Serialize;
use utoipa::ToSchema;

use super::RedBody;
use crate::api::Api;
use crate::error::{ApiError, QueryErrors};
use crate::params::{Query, Range, Segment};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Operations {
    /// By name and kind; none when the service recorded no span within the range.
    operations: Vec<Operation>,
}

/// The spans of one service that share a name and a kind.
#[derive(Debug, Serialize, ToSchema)]
struct Operation {
    name: String,
    /// `unspecified`, `internal`, `server`, `client`, `producer` or `consumer`.
    #[schema(example = "server")]
    kind: &'static str,
    #[serde(flatten)]
    red: RedBody,
}

impl From<&OperationSummary> for Operation {
    fn from(summary: &OperationSummary) -> Self {
        Self { name: summary.name.clone(), kind: summary.kind.as_str(), red: (&summary.red).into() }
    }
}

/// The operations of a service within the range.
#[utoipa::path(get, path = "/api/v1/services/{service}/operations", tag = "traces",
    params(("service" = String, Path, description = "Name of the service, percent-encoded."), Range),
    responses((status = 200, description = "The operations.", body = Operations), QueryErrors))]
pub(crate) async fn operations(
    State(api): State<Arc<Api>>,
    Segment(service): Segment,
    Query((range, ())): Query<(Range, ())>,
) -> Result<Json<Operations>, ApiError> {
    let summaries = api.store.operations(&service, range.as_time_range()).await?;
    Ok(Json(Operations { operations: summaries.iter().map(Operation::from).collect() }))
}
