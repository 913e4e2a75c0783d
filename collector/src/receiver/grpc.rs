//! OTLP/gRPC.
//!
//! Unary calls are framed here rather than by tonic's codec, for three reasons. The lease must be taken when the length
//! of a message is known and before memory is set aside for it. A message over the limit must be answered with
//! `RESOURCE_EXHAUSTED`, while tonic answers `OUT_OF_RANGE`, which OTLP lets a sender retry for ever. And
//! the bytes as received, still compressed, are what the write-ahead log wants.

mod frame;
pub mod health;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::{BufMut, Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use laneway_proto::grpc::trace_service;
use laneway_storage::Accepted;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::Status;
use tonic::body::Body;

use super::inflate::Coding;
use super::outcome::{Refusal, rejection_message};
use super::{Encoding, Options, Received, Receiver, connection_of, in_time};
use crate::metrics::{Protocol, Signal};

const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const PROFILES: &str = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

/// The services of OTLP/gRPC. Merge it with others on the same port.
pub fn router(options: Options) -> Router {
    let unsupported = |signal: Signal| {
        post(async move |State(receiver): State<Receiver>| refuse(&receiver.unsupported(signal)))
    };
    Router::new()
        .route(trace_service::EXPORT_PATH, post(export))
        .route(METRICS, unsupported(Signal::metrics))
        .route(LOGS, unsupported(Signal::logs))
        .route(PROFILES, unsupported(Signal::profiles))
        .fallback(async |request: Request<axum::body::Body>| {
            Status::unimplemented(format!("there is no method {}", request.uri().path())).into_http::<Body>()
        })
        .with_state(Receiver::new(options))
}

/// `TraceService/Export`.
async fn export(State(receiver): State<Receiver>, request: Request<axum::body::Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    if !head.headers.get(header::CONTENT_TYPE).is_some_and(is_grpc) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    match receiver.counted(Protocol::otlp_grpc, take(&receiver, &head, body)).await {
        Ok(accepted) => answer(&response_of(accepted)),
        Err(refusal) => refuse(&refusal),
    }
}

async fn take(receiver: &Receiver, head: &Parts, body: axum::body::Body) -> Result<Accepted, Refusal> {
    let limits = &receiver.options.limits;
    let limit = limits.grpc_message_bytes.as_usize();
    let coding = Coding::from_header(head.headers.get("grpc-encoding"))?;
    let message =
        in_time(limits.body_read_timeout, frame::read_unary(body, limit, &receiver.options.admission))
            .await?;
    let coding = match (message.compressed, coding) {
        (false, _) => Coding::Identity,
        (true, Coding::Identity) => {
            return Err(Refusal::Protocol("the message is compressed, but grpc-encoding names no encoding"));
        }
        (true, coding) => coding,
    };
    let received = Received {
        body: message.bytes.into(),
        coding,
        encoding: Encoding::Protobuf,
        lease: message.lease,
        connection: connection_of(&head.extensions),
    };
    receiver.store(Protocol::otlp_grpc, received, limit).await
}

/// A full success leaves `partial_success` unset.
fn response_of(accepted: Accepted) -> ExportTraceServiceResponse {
    let partial_success = (accepted.rejected_spans > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(accepted.rejected_spans).unwrap_or(i64::MAX),
        error_message: rejection_message(accepted.rejected_spans),
    });
    ExportTraceServiceResponse { partial_success }
}

/// One message, and the status in trailers.
fn answer(message: &impl Message) -> Response<Body> {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(frame::PREFIX_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(length as u32);
    frame.put_slice(&message.encode_to_vec());
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::<Bytes>::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn refuse(refusal: &Refusal) -> Response<Body> {
    refusal.to_grpc().into_http()
}

#[cfg(test)]
mod tests;
