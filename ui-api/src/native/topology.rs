//! `GET /api/v1/topology`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_proto::Lane;
use laneway_storage::topology::FiguresQuery;
use utoipa::IntoParams;

use super::graph::{Graph, Level};
use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, QueryErrors};
use crate::params::{self, FromQuery, Given, Query, Range};

/// The most nodes and edges of an answer, together. No page draws as many.
const MAX_GRAPH: usize = 20_000;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `TopologyQuery` reads")]
struct TopologyParams {
    /// What the nodes are: `service`, `instance` or `operation`. An operation is the name of the span with which a request entered the
    /// service.
    #[param(default = "service")]
    level: Option<String>,
    /// Only requests of this lane, and those that left in it and lost it on that hop.
    lane: Option<String>,
    /// Only this service, and the hops that begin or end with it.
    service: Option<String>,
}

#[derive(Debug)]
pub(crate) struct TopologyQuery {
    level: Level,
    lane: Option<Lane>,
    service: Option<String>,
}

impl FromQuery for TopologyQuery {
    fn names() -> Vec<&'static str> {
        vec!["level", "lane", "service"]
    }

    fn from_query(given: &Given) -> Result<Self, ApiError> {
        let level = given.one("level")?.map(|name| {
            Level::from_name(name)
                .ok_or_else(|| ApiError::bad("level", "not a level", "service, instance or operation"))
        });
        Ok(Self {
            level: level.transpose()?.unwrap_or_default(),
            lane: params::lane(given, "lane")?,
            service: given.one("service")?.map(str::to_owned),
        })
    }
}

/// Services, instances or operations, what they call, and whether requests stayed in their lanes.
#[utoipa::path(get, path = "/api/v1/topology", tag = "traces", params(Range, TopologyParams),
    responses((status = 200, description = "The topology.", body = Graph), QueryErrors))]
pub(crate) async fn topology(
    State(api): State<Arc<Api>>,
    Query((range, query)): Query<(Range, TopologyQuery)>,
) -> Result<Json<Graph>, ApiError> {
    let asked = FiguresQuery {
        range: range.as_time_range(),
        step_s: None,
        service: query.service,
        red: true,
        edges: Some(query.level.edges()),
    };
    let figures = api.store.figures(asked).await?;
    let graph = compute(move || Graph::of(&figures, query.level, query.lane.as_ref())).await?;
    match graph.len() {
        count if count > MAX_GRAPH => Err(ApiError::TooMany {
            what: "nodes and edges",
            count,
            limit: MAX_GRAPH,
            hint: "ask for a lane or a service, or level=service",
        }),
        _ => Ok(Json(graph)),
    }
}

#[cfg(test)]
mod tests;
