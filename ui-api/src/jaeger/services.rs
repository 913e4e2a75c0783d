//! `GET /api/services`.

use std::sync::Arc;

use axum::extract::State;

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
    Ok(Answer::counted(&given, api.store.service_names().await?))
}
