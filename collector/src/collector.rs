//! The running collector: what it is made of, the order in which that starts, and the order in which it ends.
//!
//! Addresses are bound before the store is opened, so that a busy port costs nothing. It ends the other way round:
//! receivers stop accepting and finish what is in flight, then the query API does, then the store closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use laneway_storage::{Health, Store};
use laneway_ui_api::QueryStats;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::config::{Admin, Config};
use crate::listener::{self, BindError, Listener};
use crate::metrics::{self, Metrics};
use crate::receiver;
use crate::span_metrics::SpanMetrics;
use crate::workers::Workers;

/// The share of the drain deadline that connections may use; the rest is the store's.
const CONNECTIONS_SHARE: (u32, u32) = (3, 4);

/// Why a drain did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the store did not close within the drain deadline of {deadline:?}; what was acknowledged is in its log"
)]
pub struct DrainError {
    /// The whole deadline.
    pub deadline: Duration,
}

/// The three addresses, with real ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The query API.
    pub http: SocketAddr,
    /// OTLP/gRPC.
    pub otlp_grpc: SocketAddr,
    /// OTLP/HTTP.
    pub otlp_http: SocketAddr,
}

/// Bound addresses, on which nothing is accepted yet.
#[derive(Debug)]
pub struct Bound {
    http: Listener,
    otlp_grpc: Listener,
    otlp_http: Listener,
}

impl Bound {
    /// Binds every address of the configuration.
    ///
    /// # Errors
    /// With the first address that cannot be bound, and the option that names it.
    pub async fn new(config: &Config) -> Result<Self, BindError> {
        Ok(Self {
            otlp_grpc: Listener::bind("--otlp-grpc", config.general.otlp_grpc).await?,
            otlp_http: Listener::bind("--otlp-http", config.general.otlp_http).await?,
            http: Listener::bind("--http", config.general.http).await?,
        })
    }
}

/// A running collector. Dropping it without [`drain`](Self::drain) leaves its tasks running.
pub struct Collector {
    addresses: Addresses,
    store: Arc<dyn Store>,
    workers: Workers,
    stop_receivers: CancellationToken,
    stop_queries: CancellationToken,
}

impl Collector {
    /// Starts accepting spans and queries.
    #[must_use]
    pub fn start(config: &Config, bound: Bound, store: Arc<dyn Store>) -> Self {
        let addresses = Addresses {
            http: bound.http.address(),
            otlp_grpc: bound.otlp_grpc.address(),
            otlp_http: bound.otlp_http.address(),
        };
        let admission = Admission::new(config.limits.ingest_memory_bytes);
        let metrics = Arc::new(Metrics::new(admission.clone(), Arc::clone(&store)));
        let workers = Workers::default();
        let (stop_receivers, stop_queries) = (CancellationToken::new(), CancellationToken::new());

        let receiver = receiver::Options {
            store: Arc::clone(&store),
            admission,
            limits: config.limits.clone(),
            metrics: Arc::clone(&metrics),
        };
        let serve = |name, listener: Listener, router: Router, http2_only, stop: &CancellationToken| {
            let options = listener::Options {
                http2_only,
                limits: config.limits.clone(),
                open: metrics.connections(name),
            };
            workers.spawn(name, stop.clone(), listener.serve(router, options, stop.clone()));
        };
        let is_serving = {
            let (store, workers) = (Arc::clone(&store), workers.clone());
            move || workers.alive().is_ok() && store.health() == Health::Ready
        };
        let grpc = receiver::grpc::router(receiver.clone()).merge(receiver::grpc::health::router(is_serving));
        serve("otlp_grpc", bound.otlp_grpc, grpc, true, &stop_receivers);
        let http = receiver::http::router(receiver, &config.cors);
        serve("otlp_http", bound.otlp_http, http, false, &stop_receivers);
        let span_metrics = config.metrics.span_metrics.then(|| {
            let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            SpanMetrics::new(started.as_secs(), config.metrics.max_series as usize)
        });
        if let Some(span_metrics) = span_metrics.clone() {
            let work = span_metrics.run(Arc::clone(&store), stop_queries.clone());
            workers.spawn("span_metrics", stop_queries.clone(), work);
        }
        let encode = {
            let metrics = Arc::clone(&metrics);
            move |queries: &QueryStats| {
                let mut text = metrics.render();
                text += &metrics::queries::render(queries);
                text.extend(span_metrics.iter().map(SpanMetrics::render));
                text
            }
        };
        let queries = query_api(Arc::clone(&store), &config.admin, encode, &workers);
        serve("http", bound.http, queries, false, &stop_queries);

        Self { addresses, store, workers, stop_receivers, stop_queries }
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Stops accepting, finishes what is in flight, and closes the store.
    ///
    /// Requests that are still in flight after three quarters of the deadline are given up, and the store closes in the
    /// rest of it: nobody was told that their spans are stored.
    ///
    /// # Errors
    /// When the store is not closed at the deadline.
    pub async fn drain(self, deadline: Duration) -> Result<(), DrainError> {
        let began = Instant::now();
        let (share, whole) = CONNECTIONS_SHARE;
        self.stop_receivers.cancel();
        let connections = async {
            self.workers.wait_for(&["otlp_grpc", "otlp_http"]).await;
            self.stop_queries.cancel();
            self.workers.wait_for(&["http", "span_metrics"]).await;
        };
        if tokio::time::timeout_at(began + deadline * share / whole, connections).await.is_err() {
            tracing::warn!(
                "requests still in flight at the end of their share of the drain deadline are given up"
            );
        }
        tokio::time::timeout_at(began + deadline, self.store.close())
            .await
            .map_err(|_| DrainError { deadline })
    }
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

fn query_api(
    store: Arc<dyn Store>,
    admin: &Admin,
    metrics: impl Fn(&QueryStats) -> String + Send + Sync + 'static,
    workers: &Workers,
) -> Router {
    let workers = workers.clone();
    let rights = laneway_ui_api::Rights { deletion: admin.deletion, snapshots: admin.snapshots };
    let api = laneway_ui_api::Api::new(store)
        .with_rights(rights)
        .with_metrics(metrics)
        .with_workers(move || workers.alive().map_err(|dead| dead.to_string()));
    laneway_ui_api::router(api)
}

#[cfg(test)]
mod tests;
