//! `grpc.health.v1.Health/Check`, as load balancers and orchestrators probe gRPC ports.
//!
//! `Watch`, which streams, is not implemented; the protocol has clients fall back to `Check` then.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{Request, Response};
use prost::Message;
use tonic::Status;

use super::{answer, frame, refuse};
use crate::admission::Admission;
use crate::config::ByteSize;

const CHECK: &str = "/grpc.health.v1.Health/Check";
/// More than any name of a service is long.
const REQUEST_BYTES: ByteSize = ByteSize::kibi(4);
/// Services that can be asked for; the empty one is the whole server.
const SERVICES: [&str; 2] = ["", laneway_proto::grpc::trace_service::NAME];
const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

/// `HealthCheckRequest`.
#[derive(Clone, PartialEq, Message)]
struct CheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

/// `HealthCheckResponse`.
#[derive(Clone, PartialEq, Message)]
struct CheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// The health service. `is_serving` is asked on each call.
pub fn router(is_serving: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Router {
    Router::new().route(CHECK, post(async move |request: Request<Body>| check(request, is_serving).await))
}

async fn check(request: Request<Body>, is_serving: impl Fn() -> bool) -> Response<tonic::body::Body> {
    // Probes must be answered while ingest is over its budget, so this is not taken from there.
    let budget = Admission::new(REQUEST_BYTES);
    let message = match frame::read_unary(request.into_body(), REQUEST_BYTES.as_usize(), &budget).await {
        Ok(message) => message,
        Err(refusal) => return refuse(&refusal),
    };
    match CheckRequest::decode(message.bytes) {
        Ok(request) if SERVICES.contains(&request.service.as_str()) => {
            answer(&CheckResponse { status: if is_serving() { SERVING } else { NOT_SERVING } })
        }
        Ok(request) => Status::not_found(format!("there is no service {:?}", request.service)).into_http(),
        Err(error) => Status::invalid_argument(error.to_string()).into_http(),
    }
}
