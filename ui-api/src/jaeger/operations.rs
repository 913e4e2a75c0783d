//! `GET /api/services/{service}/operations` and `GET /api/operations`.

use std::sync::Arc;

use axum::extract::State;
use laneway_storage::model::SpanKind;
use laneway_storage::query::TimeRange;
use utoipa::IntoParams;

use super::answer::{Answer, Envelope, JaegerError, JaegerErrors};
use super::model::Operation;
use super::params::service_required;
use crate::api::Api;
use crate::error::ApiError;
use crate::figures::{self, red_figures};
use crate::params::{Given, Segment};

/// The names of a service's operations, of any kind.
#[utoipa::path(get, path = "/api/services/{service}/operations", tag = "jaeger",
    operation_id = "jaeger_operations_of_service",
    params(("service" = String, Path, description = "Name of the service, percent-encoded.")),
    responses((status = 200, description = "The names.", body = Envelope<Vec<String>>), JaegerErrors))]
pub(crate) async fn operations_of_service(
    State(api): State<Arc<Api>>,
    service: Result<Segment, ApiError>,
    given: Given,
) -> Result<Answer<Vec<String>>, JaegerError> {
    Ok(Answer::counted(&given, api.store.operation_names(&service?.0).await?))
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads")]
pub(crate) struct OperationsParams {
    /// Name of the service.
    service: String,
    /// Only operations of this kind: `internal`, `server`, `client`, `producer` or `consumer`.
    span_kind: Option<String>,
}

/// A service's operations with their kinds.
#[utoipa::path(get, path = "/api/operations", tag = "jaeger", operation_id = "jaeger_operations",
    params(OperationsParams),
    responses((status = 200, description = "The operations.", body = Envelope<Vec<Operation>>), JaegerErrors))]
pub(crate) async fn operations(
    State(api): State<Arc<Api>>,
    given: Given,
) -> Result<Answer<Vec<Operation>>, JaegerError> {
    let service = given.first("service").ok_or_else(service_required)?;
    let kind = given.first("spanKind");
    let figures = api.store.figures(red_figures(TimeRange::ALL, Some(service.to_owned()))).await?;
    let operations = figures::operations(&figures).into_keys().map(|(name, kind)| Operation {
        name: name.to_owned(),
        span_kind: match kind {
            SpanKind::Unspecified => "",
            kind => kind.as_str(),
        },
    });
    let wanted = operations.filter(|one| kind.is_none_or(|kind| one.span_kind == kind));
    Ok(Answer::counted(&given, wanted.collect()))
}
