//! `GET /api/v1/lanes/{lane}/compare`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_proto::Lane;
use laneway_storage::compare::{Criteria, compare};
use laneway_storage::topology::{EdgeLevel, FiguresQuery};
use utoipa::IntoParams;

use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, ErrorBody, QueryErrors};
use crate::params::{self, FromQuery, Given, Query, Range, Segment, lane_named};

mod body;
#[cfg(test)]
mod tests;

use body::ComparisonBody;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `CompareQuery` reads")]
struct CompareParams {
    /// The lane to compare with.
    #[param(default = "base")]
    to: Option<String>,
    /// The chance to fail a lane that does not differ, over all tests together: more than 0, at most 0.5.
    #[param(default = 0.05)]
    alpha: Option<f64>,
    /// Fewer requests than this, on either side, are too few: at least 2.
    #[param(default = 100)]
    min_requests: Option<u64>,
    /// A smaller difference of error rates does not matter: 0 to 1.
    #[param(default = 0.01)]
    min_error_difference: Option<f64>,
    /// A smaller chance that a request of the lane takes longer than one of the other does not matter: 0.5 to 1.
    #[param(default = 0.56)]
    min_effect: Option<f64>,
    /// A smaller ratio of latencies does not matter: 1 to 1000.
    #[param(default = 1.1)]
    min_latency_ratio: Option<f64>,
    /// The share of the lane's requests that must be of operations that could be compared: 0 to 1.
    #[param(default = 0.8)]
    min_coverage: Option<f64>,
}

#[derive(Debug)]
pub(crate) struct CompareQuery {
    to: Lane,
    criteria: Criteria,
}

impl FromQuery for CompareQuery {
    fn names() -> Vec<&'static str> {
        vec![
            "to",
            "alpha",
            "minRequests",
            "minErrorDifference",
            "minEffect",
            "minLatencyRatio",
            "minCoverage",
        ]
    }

    fn from_query(given: &Given) -> Result<Self, ApiError> {
        let usual = Criteria::default();
        let number = |name, usual: f64, low: f64, high: f64| -> Result<f64, ApiError> {
            let Some(text) = given.one(name)? else { return Ok(usual) };
            text.parse().ok().filter(|value| (low..=high).contains(value)).ok_or_else(|| {
                let problem = format!("not a number from {low} to {high}");
                ApiError::bad(name, problem, format!("leave it out for {usual}"))
            })
        };
        let min_requests = match given.one("minRequests")? {
            None => usual.min_requests,
            Some(text) => text.parse().ok().filter(|requests| *requests >= 2).ok_or_else(|| {
                ApiError::bad("minRequests", "not an integer of at least 2", "leave it out for 100")
            })?,
        };
        Ok(Self {
            to: params::lane(given, "to")?.unwrap_or_default(),
            criteria: Criteria {
                alpha: number("alpha", usual.alpha, 1e-9, 0.5)?,
                min_requests,
                min_error_difference: number("minErrorDifference", usual.min_error_difference, 0.0, 1.0)?,
                min_effect: number("minEffect", usual.min_effect, 0.5, 1.0)?,
                min_latency_ratio: number("minLatencyRatio", usual.min_latency_ratio, 1.0, 1000.0)?,
                min_coverage: number("minCoverage", usual.min_coverage, 0.0, 1.0)?,
            },
        })
    }
}

/// Whether the requests of a lane fare worse than those of another, and where that begins.
///
/// Requests are compared with requests of the same operations: error rates by the exact conditional test, latencies by that of Brunner and
/// Munzel and by how many are among the slowest; all p values are corrected for their number by Holm's method.
#[utoipa::path(get, path = "/api/v1/lanes/{lane}/compare", tag = "traces",
    params(("lane" = String, Path, description = "Name of the lane."), Range, CompareParams),
    responses(
        (status = 200, description = "The comparison.", body = ComparisonBody),
        (status = 404, description = "No request of this lane was seen within the range.", body = ErrorBody),
        QueryErrors,
    ))]
pub(crate) async fn compare_lanes(
    State(api): State<Arc<Api>>,
    Segment(name): Segment,
    Query((range, query)): Query<(Range, CompareQuery)>,
) -> Result<Json<ComparisonBody>, ApiError> {
    let lane = lane_named("lane", &name)?;
    if lane == query.to {
        return Err(ApiError::bad("to", "is the lane itself", "name another lane"));
    }
    let asked = FiguresQuery {
        range: range.as_time_range(),
        step_s: None,
        service: None,
        red: true,
        edges: Some(EdgeLevel::Operation),
    };
    let figures = api.store.figures(asked).await?;
    compute(move || {
        let comparison = compare(&figures, &lane, &query.to, &query.criteria);
        if comparison.rows.is_empty() {
            return Err(ApiError::LaneNotFound(lane));
        }
        Ok(Json(ComparisonBody::of(&lane, &query.to, &comparison)))
    })
    .await?
}
