//! OTLP over gRPC and HTTP.
//!
//! Both protocols do the same: take a lease on the memory budget, read the body under a size limit and a deadline,
//! decompress it under the same limit, and hand the bytes to the store. `Receiver` is that common part; [`grpc`] and
//! [`http`] know how each protocol frames a request and words an answer, and `outcome` maps every refusal to both.

pub mod grpc;
pub mod http;
mod inflate;
mod outcome;

use std::sync::Arc;
use std::time::Duration;

use laneway_proto::otlp;
use laneway_storage::{Accepted, Body, IngestRequest, Store};

use crate::admission::{Admission, Lease};
use crate::config::Limits;
use crate::listener::ConnectionId;
use crate::metrics::{Metrics, Outcome, Protocol, Signal};
use inflate::Coding;
use outcome::Refusal;

/// Bodies above this size, as received, are decompressed on a thread that may block: it takes about half a
/// millisecond, which is what a task may keep its thread for.
const OFFLOAD_BYTES: usize = 64 * 1024;

/// What a receiver needs.
#[derive(Clone)]
pub struct Options {
    /// Where requests go.
    pub store: Arc<dyn Store>,
    /// The memory budget.
    pub admission: Admission,
    /// What is taken at most.
    pub limits: Limits,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// How the decompressed body of a request is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

/// A body as it was received, and the memory that it holds.
struct Received {
    body: Body,
    coding: Coding,
    encoding: Encoding,
    lease: Lease,
    connection: u64,
}

/// The part that all protocols share. Cheap to clone.
#[derive(Clone)]
struct Receiver {
    options: Arc<Options>,
}

impl Receiver {
    fn new(options: Options) -> Self {
        Self { options: Arc::new(options) }
    }

    /// Runs `take` as one request: whatever becomes of it is counted, also when the sender goes away meanwhile.
    async fn counted(
        &self,
        protocol: Protocol,
        take: impl Future<Output = Result<Accepted, Refusal>>,
    ) -> Result<Accepted, Refusal> {
        let mut request =
            CountedRequest { metrics: &self.options.metrics, protocol, outcome: Outcome::aborted };
        let result = take.await;
        request.outcome = match &result {
            Ok(accepted) => {
                self.options.metrics.spans(protocol, accepted.spans, accepted.rejected_spans);
                if accepted.rejected_spans == 0 { Outcome::accepted } else { Outcome::partial }
            }
            Err(refusal) => {
                tracing::debug!(?protocol, error = %refusal, "request refused");
                refusal.outcome()
            }
        };
        result
    }

    /// Decompresses a body and stores its spans.
    async fn store(&self, protocol: Protocol, received: Received, limit: usize) -> Result<Accepted, Refusal> {
        let received_bytes = received.body.len();
        let (request, lease) = if received_bytes > OFFLOAD_BYTES && received.needs_work() {
            tokio::task::spawn_blocking(move || received.decode(limit))
                .await
                .map_err(|_| Refusal::Internal)??
        } else {
            received.decode(limit)?
        };
        self.options.metrics.body(protocol, received_bytes, request.body.len());
        if request.body.is_empty() {
            return Ok(Accepted::default());
        }
        let accepted = self.options.store.append(request).await?;
        drop(lease);
        Ok(accepted)
    }

    /// Refuses telemetry that is not stored.
    fn unsupported(&self, signal: Signal) -> Refusal {
        if self.options.metrics.unsupported(signal) {
            tracing::warn!(%signal, "a sender exports telemetry that is not stored; this is logged once");
        }
        Refusal::UnsupportedSignal(signal)
    }
}

impl Received {
    fn needs_work(&self) -> bool {
        self.coding != Coding::Identity || self.encoding != Encoding::Protobuf
    }

    /// Decompresses, and translates JSON to protobuf.
    fn decode(mut self, limit: usize) -> Result<(IngestRequest, Lease), Refusal> {
        if !self.needs_work() {
            let request = IngestRequest { body: self.body, compressed: None, connection: self.connection };
            return Ok((request, self.lease));
        }
        let received = self.body.joined();
        let inflated = inflate::inflate(self.coding, &received, limit, &mut self.lease)?;
        let request = match self.encoding {
            Encoding::Protobuf => IngestRequest {
                compressed: inflated.loggable.map(|compression| (compression, received)),
                body: inflated.body.into(),
                connection: self.connection,
            },
            Encoding::Json => {
                // Protobuf is the shorter of the two.
                self.lease.grow(inflated.body.len())?;
                let protobuf = otlp::json::to_protobuf(&inflated.body)
                    .map_err(|error| Refusal::Malformed(error.to_string()))?;
                IngestRequest { body: protobuf.into(), compressed: None, connection: self.connection }
            }
        };
        Ok((request, self.lease))
    }
}

/// Counts a request when it ends, in whichever way.
struct CountedRequest<'a> {
    metrics: &'a Metrics,
    protocol: Protocol,
    outcome: Outcome,
}

impl Drop for CountedRequest<'_> {
    fn drop(&mut self) {
        self.metrics.request(self.protocol, self.outcome);
    }
}

/// The number of the connection that a request came over; 0 where no listener has named it.
fn connection_of(extensions: &::http::Extensions) -> u64 {
    extensions.get().map_or(0, |ConnectionId(id)| *id)
}

/// Reads a body under a deadline.
async fn in_time<T>(
    deadline: Duration,
    read: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::time::timeout(deadline, read).await.unwrap_or(Err(Refusal::TooSlow { deadline }))
}
