//! `GET /api/services`.

use std::sync::Arc;

use axum::extract::State;
use laneway_storage::query::TimeRange;

use super::answer::{Answer, Envelope, JaegerError, JaegerErrors};
use crate::api::Api;
use crate::params::Given;

/// The names of all services that are known.
#[utoipa::path(get, path = "/api/services", tag = "jaeger", operation_id = "jaeger_services",
    responses((status = 200, description = "The names.", body = Envelope<Vec<String>>), JaegerErrors))]
pub(crate) async fn services(
    State(api): State<Arc<Api>>,
    given: Given,
) -> Result<Answer<Vec<String>>, JaegerError> {
    let services = api.store.services(TimeRange::ALL).await?;
    Ok(Answer::counted(&given, services.into_iter().map(|service| service.name).collect()))
}
