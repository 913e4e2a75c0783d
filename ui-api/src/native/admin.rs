//! What an operator may do: delete a trace or a service, and take snapshots. Each is allowed by the configuration or not.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use laneway_proto::TraceId;
use laneway_storage::Deletion;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::api::{Api, Right};
use crate::error::{ApiError, ErrorBody, QueryErrors};
use crate::params::{Query, Segment, trace_id};

#[cfg(test)]
mod tests;

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deleted {
    /// How many spans; 0 when there were none, or they had been deleted before. A span that was sent twice may count twice.
    #[serde(rename = "deletedSpans")]
    deleted_spans: u64,
}

/// The errors of requests that change something.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes; is never built")]
pub(crate) enum AdminErrors {
    /// The configuration does not allow it, or it comes from a web page.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// It cannot be done as things are.
    #[response(status = 409)]
    Conflict(ErrorBody),
}

/// Deletes all spans of a trace that were acknowledged before. They are gone for good when this is answered; it can be repeated.
#[utoipa::path(delete, path = "/api/v1/traces/{traceId}", tag = "operation",
    params(("traceId" = String, Path, description = "32 hexadecimal digits, or the last 16 when the first are zeros.")),
    responses((status = 200, description = "They are deleted.", body = Deleted), AdminErrors, QueryErrors))]
pub(crate) async fn delete_trace(
    State(api): State<Arc<Api>>,
    Segment(id): Segment,
    Query(()): Query<()>,
) -> Result<Json<Deleted>, ApiError> {
    let id: TraceId = trace_id(&id)?;
    delete(&api, Deletion::Trace(id)).await
}

/// Deletes all spans that a service recorded and that were acknowledged before, likewise. Takes as long as writing anew the parts
/// that hold them.
#[utoipa::path(delete, path = "/api/v1/services/{service}", tag = "operation",
    params(("service" = String, Path, description = "Name of the service, percent-encoded.")),
    responses((status = 200, description = "They are deleted.", body = Deleted), AdminErrors, QueryErrors))]
pub(crate) async fn delete_service(
    State(api): State<Arc<Api>>,
    Segment(service): Segment,
    Query(()): Query<()>,
) -> Result<Json<Deleted>, ApiError> {
    delete(&api, Deletion::Service(service)).await
}

async fn delete(api: &Api, what: Deletion) -> Result<Json<Deleted>, ApiError> {
    api.demand(Right::Deletion)?;
    Ok(Json(Deleted { deleted_spans: api.store.delete(what).await? }))
}

/// A snapshot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    #[schema(example = "20260101T120000-000")]
    name: String,
    /// Its directory, on the machine of the server.
    path: String,
}

/// All snapshots.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Snapshots {
    /// Their names, the oldest first.
    snapshots: Vec<String>,
}

/// Takes a snapshot of all that was acknowledged before: a data directory that shares the files of parts, so it takes no space at
/// first. Copy it elsewhere, then delete it; `laneway snapshot` does both.
#[utoipa::path(post, path = "/api/v1/snapshots", tag = "operation",
    responses((status = 200, description = "It is taken.", body = Snapshot), AdminErrors, QueryErrors))]
pub(crate) async fn take_snapshot(
    State(api): State<Arc<Api>>,
    Query(()): Query<()>,
) -> Result<Json<Snapshot>, ApiError> {
    api.demand(Right::Snapshots)?;
    let name = snapshot_name(api.now_unix_ns());
    let path = api.store.take_snapshot(&name).await?;
    Ok(Json(Snapshot { name, path: Path::display(&path).to_string() }))
}

/// Names sort by time.
fn snapshot_name(now_unix_ns: u64) -> String {
    let now = Timestamp::from_nanosecond(now_unix_ns.into()).unwrap_or(Timestamp::MAX);
    now.strftime("%Y%m%dT%H%M%S-%3f").to_string()
}

/// The snapshots that there are.
#[utoipa::path(get, path = "/api/v1/snapshots", tag = "operation",
    responses((status = 200, description = "Their names.", body = Snapshots), AdminErrors, QueryErrors))]
pub(crate) async fn snapshots(
    State(api): State<Arc<Api>>,
    Query(()): Query<()>,
) -> Result<Json<Snapshots>, ApiError> {
    api.demand(Right::Snapshots)?;
    Ok(Json(Snapshots { snapshots: api.store.snapshots().await? }))
}

/// Deletes a snapshot, and frees what only it holds.
#[utoipa::path(delete, path = "/api/v1/snapshots/{name}", tag = "operation",
    params(("name" = String, Path, description = "Name of the snapshot.")),
    responses(
        (status = 200, description = "It is deleted.", body = Snapshots),
        (status = 404, description = "There is none of this name.", body = ErrorBody),
        AdminErrors,
        QueryErrors,
    ))]
pub(crate) async fn delete_snapshot(
    State(api): State<Arc<Api>>,
    Segment(name): Segment,
    Query(()): Query<()>,
) -> Result<Json<Snapshots>, ApiError> {
    api.demand(Right::Snapshots)?;
    if !api.store.delete_snapshot(&name).await? {
        return Err(ApiError::SnapshotNotFound(name));
    }
    Ok(Json(Snapshots { snapshots: api.store.snapshots().await? }))
}
