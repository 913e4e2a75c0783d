//! `GET /api/v1/lanes` and `GET /api/v1/lanes/{lane}`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_proto::Lane;
use laneway_storage::query::{Red, TimeRange};
use laneway_storage::topology::{EdgeLevel, Figures, FiguresQuery};
use serde::Serialize;
use utoipa::ToSchema;

use super::graph::{EdgeBody, Graph, Level};
use super::leaks::{Leak, leaks};
use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, ErrorBody, QueryErrors};
use crate::figures::{Verdicts, hops};
use crate::params::{Query, Range, Segment, lane_named};

/// Into how many steps a range is divided, at least, to tell when something was seen.
const STEPS: u64 = 60;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lanes {
    /// By name; the baseline among them.
    lanes: Vec<LaneBody>,
    /// The names of all services: each covers the lanes that it has an instance in, and falls back to the baseline in the others.
    services: Vec<String>,
}

/// A lane over a range of time.
#[derive(Debug, Default, Serialize, ToSchema)]
struct LaneBody {
    name: String,
    /// The services with an instance in this lane, by name.
    services: Vec<String>,
    /// How many requests of this lane services served, in whatever lane their instances are.
    requests: u64,
    errors: u64,
    /// When the steps of time begin in which the first and the last span of the lane, or of an instance of it, started: in milliseconds
    /// since the Unix epoch. A step is a 60th of the range, at least 10 s. Null when there was none.
    first_seen_ms: Option<u64>,
    last_seen_ms: Option<u64>,
    /// Of the hops of its requests.
    verdicts: Verdicts,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LaneDetail {
    #[serde(flatten)]
    lane: LaneBody,
    /// Where its requests lost their lane, the most frequent first.
    leaks: Vec<Leak>,
    /// The hops of its requests, between services.
    edges: Vec<EdgeBody>,
}

#[derive(Debug, Default)]
struct Sums {
    services: BTreeSet<Arc<str>>,
    red: Red,
    first_s: Option<u64>,
    last_s: Option<u64>,
    verdicts: Verdicts,
}

impl Sums {
    fn see(&mut self, time_s: u64) {
        self.first_s = Some(self.first_s.map_or(time_s, |first| first.min(time_s)));
        self.last_s = self.last_s.max(Some(time_s));
    }
}

/// Every lane of these figures, and every service.
fn lanes_of(figures: &Figures) -> (BTreeMap<Lane, Sums>, BTreeSet<Arc<str>>) {
    let mut lanes = BTreeMap::<Lane, Sums>::new();
    let mut services = BTreeSet::new();
    for ((key, time_s), red) in &figures.red {
        services.insert(Arc::clone(&key.service));
        let serving = lanes.entry(key.instance_lane.clone()).or_default();
        serving.services.insert(Arc::clone(&key.service));
        serving.see(*time_s);
        let asking = lanes.entry(key.lane.clone()).or_default();
        asking.see(*time_s);
        if key.is_entry {
            asking.red.add(key.status, red);
        }
    }
    for ((key, time_s), edge) in &figures.edges {
        let ends = [&key.lane, &key.source_lane].map(Clone::clone);
        for lane in BTreeSet::from(ends).into_iter().filter(|lane| key.is_of(lane)) {
            let asking = lanes.entry(lane).or_default();
            asking.see(*time_s);
            asking.verdicts.add(key.outcome, hops(edge));
        }
    }
    (lanes, services)
}

impl LaneBody {
    fn of(lane: &Lane, sums: Sums) -> Self {
        Self {
            name: lane.to_string(),
            services: sums.services.iter().map(ToString::to_string).collect(),
            requests: sums.red.requests,
            errors: sums.red.errors,
            first_seen_ms: sums.first_s.map(|time_s| time_s * 1000),
            last_seen_ms: sums.last_s.map(|time_s| time_s * 1000),
            verdicts: sums.verdicts,
        }
    }
}

/// Figures in steps that tell when something was seen.
fn stepped(range: TimeRange, edges: EdgeLevel) -> FiguresQuery {
    let length_s = (range.end_unix_ns - range.start_unix_ns) / 1_000_000_000;
    let step_s = u32::try_from(length_s / STEPS).unwrap_or(u32::MAX).max(10);
    let unit_s = laneway_storage::topology::Resolution::for_step(step_s).seconds();
    FiguresQuery {
        range,
        step_s: Some(step_s - step_s % unit_s),
        service: None,
        red: true,
        edges: Some(edges),
    }
}

/// The lanes that requests had, or instances served.
#[utoipa::path(get, path = "/api/v1/lanes", tag = "traces", params(Range),
    responses((status = 200, description = "The lanes.", body = Lanes), QueryErrors))]
pub(crate) async fn lanes(
    State(api): State<Arc<Api>>,
    Query((range, ())): Query<(Range, ())>,
) -> Result<Json<Lanes>, ApiError> {
    let figures = api.store.figures(stepped(range.as_time_range(), EdgeLevel::Instance)).await?;
    compute(move || {
        let (lanes, services) = lanes_of(&figures);
        Json(Lanes {
            lanes: lanes.into_iter().map(|(lane, sums)| LaneBody::of(&lane, sums)).collect(),
            services: services.iter().map(ToString::to_string).collect(),
        })
    })
    .await
}

/// One lane: what it covers, where its requests went, and where they lost it.
#[utoipa::path(get, path = "/api/v1/lanes/{lane}", tag = "traces",
    params(("lane" = String, Path, description = "Name of the lane."), Range),
    responses(
        (status = 200, description = "The lane.", body = LaneDetail),
        (status = 404, description = "Nothing of this lane was seen within the range.", body = ErrorBody),
        QueryErrors,
    ))]
pub(crate) async fn lane(
    State(api): State<Arc<Api>>,
    Segment(name): Segment,
    Query((range, ())): Query<(Range, ())>,
) -> Result<Json<LaneDetail>, ApiError> {
    let lane = lane_named("lane", &name)?;
    // Nodes are the same at either level, and leaks need operations.
    let figures = api.store.figures(stepped(range.as_time_range(), EdgeLevel::Operation)).await?;
    compute(move || {
        let sums = lanes_of(&figures).0.remove(&lane).ok_or_else(|| ApiError::LaneNotFound(lane.clone()))?;
        Ok(Json(LaneDetail {
            lane: LaneBody::of(&lane, sums),
            leaks: leaks(&figures, &lane),
            edges: Graph::of(&figures, Level::Service, Some(&lane)).edges,
        }))
    })
    .await?
}

#[cfg(test)]
mod tests;
