//! `GET /api/v1/traces/{traceId}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use laneway_proto::otlp::json;
use laneway_storage::model::to_otlp;
use utoipa::ToSchema;

use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, ErrorBody, QueryErrors};
use crate::params::{Query, Segment, trace_id};

mod hops;
#[cfg(test)]
mod tests;

use hops::{Explanation, presence_during};

/// OTLP's `TracesData`, and what Laneway derived of it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes; is never built")]
pub(crate) struct TraceJson {
    /// As OTLP defines it.
    resource_spans: Vec<serde_json::Value>,
    laneway: Explanation,
}

/// Bytes of protobuf.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes; is never built")]
pub(crate) struct Protobuf(Vec<u8>);

/// A whole trace, as OTLP.
///
/// `TracesData` with each attribute, event and link as it was received, grouped by resource and scope; in protobuf
/// when `Accept` asks for that, else in OTLP's JSON. JSON has one more member, `laneway`: the lanes of the spans, and the verdicts of the
/// hops.
#[utoipa::path(get, path = "/api/v1/traces/{traceId}", tag = "traces",
    params(("traceId" = String, Path, description = "32 hexadecimal digits, or the last 16 when the first are zeros.")),
    responses(
        (status = 200, description = "The trace.", content(
            (TraceJson = "application/json"),
            (Protobuf = "application/x-protobuf"),
        )),
        (status = 404, description = "No span of this trace is stored.", body = ErrorBody),
        QueryErrors,
    ))]
pub(crate) async fn trace(
    State(api): State<Arc<Api>>,
    Segment(id): Segment,
    headers: HeaderMap,
    Query(()): Query<()>,
) -> Result<Response, ApiError> {
    let id = trace_id(&id)?;
    let trace = api.store.trace(id, None).await?.ok_or(ApiError::TraceNotFound(id))?;
    let media_type = accepted_media_type(&headers);
    let presence = match media_type {
        JSON => Some(api.store.figures(presence_during(&trace)).await?.presence),
        _ => None,
    };
    let body = compute(move || {
        let bytes = to_otlp::traces_data(&trace.spans);
        let Some(presence) = presence else { return Ok::<_, ApiError>(bytes) };
        let unwritable = |problem: &dyn std::fmt::Display| {
            tracing::error!(error = %problem, "a stored trace could not be written as JSON");
            ApiError::Internal
        };
        let mut object = json::from_protobuf(&bytes).map_err(|problem| unwritable(&problem))?;
        let explanation = Explanation::of(&trace, &presence);
        explanation.append_to(&mut object).map_err(|problem| unwritable(&problem))?;
        Ok(object)
    });
    Ok(([(header::CONTENT_TYPE, media_type), (header::VARY, "accept")], body.await??).into_response())
}

const JSON: &str = "application/json";

/// The media type that the client likes best: the one of the highest weight, the first of several. JSON is also the
/// answer to everything that is not known.
fn accepted_media_type(headers: &HeaderMap) -> &'static str {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (JSON, 0.0);
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/protobuf" => "application/protobuf",
            "application/x-protobuf" => "application/x-protobuf",
            JSON | "application/*" | "*/*" => JSON,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse);
        if let Ok(weight) = weight
            && weight > best.1
        {
            best = (media_type, weight);
        }
    }
    best.0
}
