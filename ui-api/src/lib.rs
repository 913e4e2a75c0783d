//! The HTTP query API of Laneway and its dialects.
//!
//! [`router`] makes an [`axum::Router`] of an [`Api`]; whoever has a listener serves it. Every dialect is translated
//! here to the one query model of [`laneway_storage::query`], and the answers back to that dialect's JSON:
//!
//! | path | dialect |
//! | --- | --- |
//! | `/api/v1/...` | native; described by `/api/v1/openapi.json` |
//! | `/api/services`, `/api/operations`, `/api/traces`, ... | Jaeger's JSON API, as its page and Grafana call it |
//! | `/healthz`, `/readyz`, `/metrics` | for whoever operates Laneway |
//! | `/`, `/search`, `/trace/...`, and the like | the page, which asks the native API |
//!
//! No request has a body. Those that change something (deletion, snapshots) are off unless [`Rights`] allow them, and never taken
//! from web pages.

mod api;
mod compute;
mod error;
mod figures;
mod guard;
mod health;
mod index;
mod jaeger;
mod native;
mod openapi;
mod page;
mod params;
mod queries;
mod tags;
#[cfg(test)]
mod testing;

pub use api::{Api, Limits, Rights};
pub use openapi::openapi_json;
pub use queries::{QueryOutcome, QueryStats};

use std::sync::Arc;

use axum::{Router, middleware};

/// The routes of the query API, each with its security headers, limits, and errors in its dialect's envelope.
pub fn router(api: Api) -> Router {
    let api = Arc::new(api);
    let (routes, _) = openapi::described_routes().split_for_parts();
    routes
        .fallback(guard::no_such_route)
        .method_not_allowed_fallback(guard::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&api), guard::guard))
        .with_state(api)
}
