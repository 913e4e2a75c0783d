//! `GET /api/v1/services/{service}/operations`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_storage::model::SpanKind;
use laneway_storage::query::Red;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, QueryErrors};
use crate::figures::{self, RedBody, red_figures};
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

/// The operations of a service within the range.
#[utoipa::path(get, path = "/api/v1/services/{service}/operations", tag = "traces",
    params(("service" = String, Path, description = "Name of the service, percent-encoded."), Range),
    responses((status = 200, description = "The operations.", body = Operations), QueryErrors))]
pub(crate) async fn operations(
    State(api): State<Arc<Api>>,
    Segment(service): Segment,
    Query((range, ())): Query<(Range, ())>,
) -> Result<Json<Operations>, ApiError> {
    let figures = api.store.figures(red_figures(range.as_time_range(), Some(service))).await?;
    let operation = |((name, kind), red): ((&str, SpanKind), Red)| Operation {
        name: name.to_owned(),
        kind: kind.as_str(),
        red: (&red).into(),
    };
    compute(move || {
        let operations = figures::operations(&figures).into_iter().map(operation).collect();
        Json(Operations { operations })
    })
    .await
}
