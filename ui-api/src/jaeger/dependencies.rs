//! `GET /api/dependencies`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use laneway_storage::query::TimeRange;
use laneway_storage::topology::{EdgeLevel, FiguresQuery, NodeKind};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::answer::{Answer, Envelope, JaegerError, JaegerErrors};
use super::params::{end_ns, millis_ns};
use crate::api::Api;
use crate::figures::hops;
use crate::params::Given;

/// How far it looks back unless asked otherwise: a day, as Jaeger does.
const LOOKBACK_NS: u64 = 24 * 60 * 60 * 1_000_000_000;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads")]
pub(crate) struct DependenciesParams {
    /// The end of the range, in milliseconds since the Unix epoch; by default now.
    end_ts: Option<u64>,
    /// How far it reaches back, in milliseconds; by default a day.
    lookback: Option<u64>,
    /// Only calls from and to this service.
    service: Option<String>,
}

/// Calls from one service to another.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dependency {
    /// The name of the calling service, or of the queue that messages come from.
    parent: String,
    /// The name of the called service, or of the queue that messages go to.
    child: String,
    call_count: u64,
}

/// Which service calls which. Queues are shown between their producers and consumers; databases and other hosts are not.
#[utoipa::path(get, path = "/api/dependencies", tag = "jaeger", operation_id = "jaeger_dependencies",
    params(DependenciesParams),
    responses((status = 200, description = "The calls.", body = Envelope<Vec<Dependency>>), JaegerErrors))]
pub(crate) async fn dependencies(
    State(api): State<Arc<Api>>,
    given: Given,
) -> Result<Answer<Vec<Dependency>>, JaegerError> {
    let end_unix_ns = end_ns(&given)?;
    let lookback_ns = millis_ns(&given, "lookback")?.unwrap_or(LOOKBACK_NS);
    let asked = FiguresQuery {
        range: TimeRange { start_unix_ns: end_unix_ns.saturating_sub(lookback_ns), end_unix_ns },
        step_s: None,
        service: given.first("service").map(str::to_owned),
        red: false,
        edges: Some(EdgeLevel::Instance),
    };
    let figures = api.store.figures(asked).await?;
    let mut calls = BTreeMap::<_, u64>::new();
    for ((key, _), edge) in &figures.edges {
        let (source, target) = (&key.source.node, &key.target.node);
        if [source, target].iter().all(|node| matches!(node.kind, NodeKind::Service | NodeKind::Queue)) {
            *calls.entry((&source.name, &target.name)).or_default() += hops(edge);
        }
    }
    let dependency = |((parent, child), call_count): ((&Arc<str>, &Arc<str>), u64)| Dependency {
        parent: parent.to_string(),
        child: child.to_string(),
        call_count,
    };
    Ok(Answer::new(&given, calls.into_iter().map(dependency).collect()))
}
