//! `GET /api/v1/services`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use laneway_proto::Lane;
use laneway_storage::query::Red;
use laneway_storage::topology::Figures;
use serde::Serialize;
use utoipa::ToSchema;

use super::graph::names;
use crate::api::Api;
use crate::compute::compute;
use crate::error::{ApiError, QueryErrors};
use crate::figures::{RedBody, red_figures};
use crate::params::{Query, Range};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Services {
    /// By name.
    services: Vec<Service>,
}

/// A service over a range of time. Its requests are its SERVER and CONSUMER spans and those without a parent.
#[derive(Debug, Serialize, ToSchema)]
struct Service {
    name: String,
    /// The request lanes of its spans.
    lanes: Vec<String>,
    /// How many instances recorded spans.
    instances: usize,
    #[serde(flatten)]
    red: RedBody,
}

#[derive(Debug, Default)]
struct Sums {
    lanes: BTreeSet<Lane>,
    instances: BTreeSet<Arc<str>>,
    red: Red,
}

impl Services {
    fn of(figures: &Figures) -> Self {
        let mut services = BTreeMap::<&str, Sums>::new();
        for ((key, _), red) in &figures.red {
            let service = services.entry(&key.service).or_default();
            service.lanes.insert(key.lane.clone());
            service.instances.insert(Arc::clone(&key.instance));
            if key.is_entry {
                service.red.add(key.status, red);
            }
        }
        let service = |(name, sums): (&str, Sums)| Service {
            name: name.to_owned(),
            lanes: names(&sums.lanes),
            instances: sums.instances.len(),
            red: (&sums.red).into(),
        };
        Self { services: services.into_iter().map(service).collect() }
    }
}

/// The services that recorded spans within the range.
#[utoipa::path(get, path = "/api/v1/services", tag = "traces", params(Range),
    responses((status = 200, description = "The services.", body = Services), QueryErrors))]
pub(crate) async fn services(
    State(api): State<Arc<Api>>,
    Query((range, ())): Query<(Range, ())>,
) -> Result<Json<Services>, ApiError> {
    let figures = api.store.figures(red_figures(range.as_time_range(), None)).await?;
    compute(move || Json(Services::of(&figures))).await
}
