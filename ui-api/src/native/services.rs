//! `GET /api/v1/services`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_storage::query::ServiceSummary;
use serde::Serialize;
use utoipa::ToSchema;

use super::RedBody;
use crate::api::Api;
use crate::error::{ApiError, QueryErrors};
use crate::params::{Query, Range};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Services {
    /// By name.
    services: Vec<Service>,
}

/// A service over a range of time. Its requests are its SERVER and CONSUMER spans and those without a parent.
#[derive(Debug, Serialize, ToSchema)]
struct Service {
    name: String,
    /// The request lanes of its spans.
    lanes: Vec<String>,
    /// How many instances recorded spans.
    instances: usize,
    #[serde(flatten)]
    red: RedBody,
}

impl From<&ServiceSummary> for Service {
    fn from(summary: &ServiceSummary) -> Self {
        Self {
            name: summary.name.clone(),
            lanes: summary.lanes.iter().map(ToString::to_string).collect(),
            instances: summary.instances,
            red: (&summary.red).into(),
        }
    }
}

/// The services that recorded spans within the range.
#[utoipa::path(get, path = "/api/v1/services", tag = "traces", params(Range),
    responses((status = 200, description = "The services.", body = Services), QueryErrors))]
pub(crate) async fn services(
    State(api): State<Arc<Api>>,
    Query((range, ())): Query<(Range, ())>,
) -> Result<Json<Services>, ApiError> {
    let summaries = api.store.services(range.as_time_range()).await?;
    Ok(Json(Services { services: summaries.iter().map(Service::from).collect() }))
}
