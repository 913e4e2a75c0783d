//! `GET /api/v1/status`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use laneway_storage::{MaintenanceStats, Retention};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, ErrorBody};
use crate::figures::quantile_ms;
use crate::params::Query;
use crate::queries::{QueryOutcome, QueryStats};

#[cfg(test)]
mod tests;

/// How the server is. What it counts besides is in `/metrics`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerStatus {
    /// Whether spans can be accepted.
    ready: bool,
    /// Why not; null when they can.
    reason: Option<String>,
    retention: RetentionBody,
    queries: QueriesBody,
}

/// How long spans are kept, and what is kept at present. Spans go by whichever rule says so first, oldest first.
#[derive(Debug, Serialize, ToSchema)]
struct RetentionBody {
    /// Spans that started longer ago are removed; null when none are.
    max_age_ms: Option<u64>,
    /// Figures (rates, errors, durations, edges) that are older are removed; null when none are.
    figures_max_age_ms: Option<u64>,
    /// Spans are removed while all take more bytes on disk; null when there is no such bound.
    max_bytes: Option<u64>,
    /// Spans are removed while the disk has fewer bytes free: the greater of what is configured in bytes and in percent of the disk. 0 when
    /// neither is.
    min_free_bytes: u64,
    /// When the oldest stored span started, in milliseconds since the Unix epoch; null where nothing is stored, or it is not known.
    oldest_span_ms: Option<u64>,
    /// Bytes on disk that count for `max_bytes`.
    used_bytes: u64,
    /// Bytes that this server may still write; null where spans are stored on another machine.
    disk_free_bytes: Option<u64>,
    /// The size of the disk, likewise.
    disk_total_bytes: Option<u64>,
    /// Spans that were removed since the start.
    expired_spans: u64,
    /// Those of them that went before `max_age_ms`, for want of space.
    early_expired_spans: u64,
}

impl RetentionBody {
    fn new(retention: &Retention, used_bytes: u64, maintenance: &MaintenanceStats) -> Self {
        let (options, space) = (&retention.options, retention.space);
        Self {
            max_age_ms: options.max_age.map(ms),
            figures_max_age_ms: options.figures_max_age.map(ms),
            max_bytes: options.max_bytes,
            min_free_bytes: options.free_bytes(space.map_or(0, |space| space.total_bytes)),
            oldest_span_ms: retention.oldest_unix_ns.map(|ns| ns / 1_000_000),
            used_bytes,
            disk_free_bytes: space.map(|space| space.free_bytes),
            disk_total_bytes: space.map(|space| space.total_bytes),
            expired_spans: maintenance.expired_spans,
            early_expired_spans: maintenance.early_expired_spans,
        }
    }
}

/// Queries of every dialect. Counts begin with the process; this route is not counted.
#[derive(Debug, Serialize, ToSchema)]
struct QueriesBody {
    /// Being answered, now.
    running: u64,
    /// Waiting until fewer are, now.
    waiting: u64,
    /// How many may be answered at the same time.
    limit: u64,
    /// Answered.
    answered: u64,
    /// Refused: a parameter cannot be used, or what it names does not exist.
    invalid: u64,
    /// Refused: the query or its answer is over a limit.
    too_large: u64,
    /// Refused: where the spans are did not answer, or the server was closing.
    unavailable: u64,
    /// Given up after the longest time that a query may take.
    timed_out: u64,
    /// Failed within the server, whose log says more.
    failed: u64,
    /// Given up by whoever asked.
    cancelled: u64,
    recent: RecentQueries,
}

/// Queries that ended in the last five to ten minutes, however they did, and how long they took, waiting included. Quantiles are at most
/// 6.25 % above the true value, and null when there was none.
#[derive(Debug, Serialize, ToSchema)]
struct RecentQueries {
    count: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl From<&QueryStats> for QueriesBody {
    fn from(stats: &QueryStats) -> Self {
        let recent = &stats.recent_duration_ns;
        Self {
            running: stats.running,
            waiting: stats.waiting,
            limit: stats.limit,
            answered: stats.ended(QueryOutcome::Answered),
            invalid: stats.ended(QueryOutcome::Invalid),
            too_large: stats.ended(QueryOutcome::TooLarge),
            unavailable: stats.ended(QueryOutcome::Unavailable),
            timed_out: stats.ended(QueryOutcome::TimedOut),
            failed: stats.ended(QueryOutcome::Failed),
            cancelled: stats.ended(QueryOutcome::Cancelled),
            recent: RecentQueries {
                count: recent.count(),
                p50_ms: quantile_ms(recent, 0.5),
                p95_ms: quantile_ms(recent, 0.95),
                p99_ms: quantile_ms(recent, 0.99),
            },
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether spans are accepted, how long they are kept, and how queries fare. Answered also when all queries have to wait.
#[utoipa::path(get, path = "/api/v1/status", tag = "operation", responses(
    (status = 200, description = "How the server is.", body = ServerStatus),
    (status = 400, description = "There is no such parameter.", body = ErrorBody),
))]
pub(crate) async fn status(
    State(api): State<Arc<Api>>,
    Query(()): Query<()>,
) -> Result<Json<ServerStatus>, ApiError> {
    // The store may ask the file system.
    compute(move || {
        let (reason, stats) = (api.readiness().err(), api.store.stats());
        Json(ServerStatus {
            ready: reason.is_none(),
            reason,
            retention: RetentionBody::new(&api.store.retention(), stats.part_bytes, &stats.maintenance),
            queries: (&api.query_stats()).into(),
        })
    })
    .await
}
