//! `GET /api/v1/red`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_proto::Lane;
use laneway_storage::model::SpanKind;
use laneway_storage::query::TimeRange;
use laneway_storage::topology::{FiguresQuery, RedKey, Resolution};
use utoipa::IntoParams;

use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, QueryErrors};
use crate::params::{self, FromQuery, Given, Query, Range, duration};

mod series;

use series::RedSeries;

/// The most points of a series.
const MAX_POINTS: u64 = 1500;
const DEFAULT_SERIES: usize = 50;
const MAX_SERIES: usize = 500;
/// How many points a series has at most unless the step says otherwise.
const DEFAULT_POINTS: u64 = 120;
/// Steps to choose from, in seconds.
const STEPS_S: [u32; 13] = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400, 604_800];

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `RedQuery` reads")]
struct RedParams {
    /// Only spans of this service.
    service: Option<String>,
    /// Only spans of this name.
    operation: Option<String>,
    /// Only spans of this request lane.
    lane: Option<String>,
    /// Only spans of this kind: `internal`, `server`, `client`, `producer` or `consumer`.
    kind: Option<String>,
    /// By what series are kept apart: some of `service`, `operation`, `lane` and `kind`, with commas between. Without `kind`, here or as a
    /// condition, only spans with which a request enters its service are counted: SERVER, CONSUMER, and those without a parent.
    #[param(default = "service,operation,lane,kind")]
    by: Option<String>,
    /// The time between two points: a multiple of 10 s, from 1 min on of 1 min, from 1 h on of 1 h. By default at most 120 points.
    #[param(example = "1m")]
    step: Option<String>,
    /// How many series to return at most, 1 to 500: those of most requests. All others together are `other`.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct RedQuery {
    service: Option<String>,
    operation: Option<String>,
    lane: Option<Lane>,
    kind: Option<SpanKind>,
    by: By,
    step_s: Option<u32>,
    limit: usize,
}

/// By what series are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct By {
    service: bool,
    operation: bool,
    lane: bool,
    kind: bool,
}

impl By {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let mut by = Self { service: false, operation: false, lane: false, kind: false };
        for name in text.split(',') {
            match name {
                "service" => by.service = true,
                "operation" => by.operation = true,
                "lane" => by.lane = true,
                "kind" => by.kind = true,
                _ => {
                    let hint = "some of service, operation, lane and kind, with commas between";
                    return Err(ApiError::bad("by", format!("{name:?} is unknown"), hint));
                }
            }
        }
        Ok(by)
    }
}

impl FromQuery for RedQuery {
    fn names() -> Vec<&'static str> {
        vec!["service", "operation", "lane", "kind", "by", "step", "limit"]
    }

    fn from_query(given: &Given) -> Result<Self, ApiError> {
        let text = |name| given.one(name).map(|value| value.map(str::to_owned));
        let kind = given.one("kind")?.map(|name| {
            SpanKind::from_name(name)
                .ok_or_else(|| ApiError::bad("kind", "not a span kind", "internal, server, client, ..."))
        });
        Ok(Self {
            service: text("service")?,
            operation: text("operation")?,
            lane: params::lane(given, "lane")?,
            kind: kind.transpose()?,
            by: given.one("by")?.map_or_else(|| By::parse("service,operation,lane,kind"), By::parse)?,
            step_s: given.one("step")?.map(step_s).transpose()?,
            limit: params::limit(given, DEFAULT_SERIES, MAX_SERIES, "narrow the conditions")?,
        })
    }
}

impl RedQuery {
    fn wants(&self, key: &RedKey) -> bool {
        self.operation.as_deref().is_none_or(|name| name == &*key.operation)
            && self.lane.as_ref().is_none_or(|lane| *lane == key.lane)
            && match self.kind {
                Some(kind) => kind == key.kind,
                None => self.by.kind || key.is_entry,
            }
    }

    /// The step, in seconds; refused where it makes too many points.
    fn step_s(&self, range: TimeRange) -> Result<u32, ApiError> {
        let length_s = (range.end_unix_ns - range.start_unix_ns).div_ceil(1_000_000_000);
        let points = |step_s: u32| length_s / u64::from(step_s) + 1;
        let Some(step_s) = self.step_s else {
            let fits = STEPS_S.into_iter().find(|step_s| points(*step_s) <= DEFAULT_POINTS);
            // A range of decades: a point each of its 120th parts, in whole hours.
            let hours = (length_s / (DEFAULT_POINTS * 3600) + 1).min(1_000_000) as u32;
            return Ok(fits.unwrap_or(hours * 3600));
        };
        if points(step_s) > MAX_POINTS {
            let problem = format!("makes {} points of this range, the limit is {MAX_POINTS}", points(step_s));
            return Err(ApiError::bad("step", problem, "take a longer step or a shorter range"));
        }
        Ok(step_s)
    }
}

fn step_s(text: &str) -> Result<u32, ApiError> {
    let ns = duration::parse(text)
        .map_err(|problem| ApiError::bad("step", problem.to_string(), duration::HINT))?;
    let seconds =
        ns.filter(|ns| ns % 1_000_000_000 == 0).and_then(|ns| u32::try_from(ns / 1_000_000_000).ok());
    seconds.filter(|step| *step >= 10 && step % Resolution::for_step(*step).seconds() == 0).ok_or_else(|| {
        let hint = "a multiple of 10s, from 1m on of 1m, from 1h on of 1h";
        ApiError::bad("step", "not a step that figures are kept for", hint)
    })
}

/// Rate, errors and durations over time.
#[utoipa::path(get, path = "/api/v1/red", tag = "traces", params(Range, RedParams),
    responses((status = 200, description = "The series.", body = RedSeries), QueryErrors))]
pub(crate) async fn red(
    State(api): State<Arc<Api>>,
    Query((range, query)): Query<(Range, RedQuery)>,
) -> Result<Json<RedSeries>, ApiError> {
    let range = range.as_time_range();
    let step_s = query.step_s(range)?;
    let asked =
        FiguresQuery { range, step_s: Some(step_s), service: query.service.clone(), red: true, edges: None };
    let figures = api.store.figures(asked).await?;
    compute(move || Json(RedSeries::of(&figures, &query, step_s))).await
}

#[cfg(test)]
mod tests;
