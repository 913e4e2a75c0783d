//! OTLP/HTTP.

mod body;
mod cors;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::any;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use laneway_storage::Accepted;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use super::inflate::Coding;
use super::outcome::{Refusal, rejection_message};
use super::{Encoding, Options, Received, Receiver, connection_of, in_time};
use crate::config::Cors;
use crate::metrics::{Protocol, Signal};

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The paths of OTLP/HTTP.
pub fn router(options: Options, cors: &Cors) -> Router {
    let unsupported = |signal: Signal| {
        any(async move |State(receiver): State<Receiver>, request: Request<Body>| {
            let refusal = match *request.method() {
                Method::POST => receiver.unsupported(signal),
                _ => Refusal::MethodNotAllowed(request.method().to_string()),
            };
            refuse_unread(&receiver, refusal, request).await
        })
    };
    Router::new()
        .route("/v1/traces", any(export))
        .route("/v1/metrics", unsupported(Signal::metrics))
        .route("/v1/logs", unsupported(Signal::logs))
        .route("/v1development/profiles", unsupported(Signal::profiles))
        .fallback(async |State(receiver): State<Receiver>, request: Request<Body>| {
            let refusal = Refusal::NotFound(request.uri().path().to_owned());
            refuse_unread(&receiver, refusal, request).await
        })
        .with_state(Receiver::new(options))
        .layer(cors::layer(cors))
}

/// `POST /v1/traces`.
async fn export(State(receiver): State<Receiver>, request: Request<Body>) -> Response<Body> {
    if request.method() != Method::POST {
        let refusal = Refusal::MethodNotAllowed(request.method().to_string());
        return refuse_unread(&receiver, refusal, request).await;
    }
    let (head, mut body) = request.into_parts();
    let encoding = encoding_of(&head.headers);
    let protocol = match encoding {
        Ok(Encoding::Json) => Protocol::otlp_http_json,
        _ => Protocol::otlp_http,
    };
    match receiver.counted(protocol, take(&receiver, protocol, encoding.clone(), &head, &mut body)).await {
        Ok(accepted) => answer(accepted, encoding.unwrap_or(Encoding::Protobuf)),
        Err(refusal) => {
            discard(&receiver, &head.headers, body).await;
            refuse(&refusal, encoding.unwrap_or(Encoding::Json))
        }
    }
}

async fn take(
    receiver: &Receiver,
    protocol: Protocol,
    encoding: Result<Encoding, Refusal>,
    head: &Parts,
    body: &mut Body,
) -> Result<Accepted, Refusal> {
    let limits = &receiver.options.limits;
    let limit = limits.http_body_bytes.as_usize();
    let encoding = encoding?;
    let coding = Coding::from_header(head.headers.get(header::CONTENT_ENCODING))?;
    let read = body::read(body, limit, &receiver.options.admission);
    let (body, lease) = in_time(limits.body_read_timeout, read).await?;
    let connection = connection_of(&head.extensions);
    receiver.store(protocol, Received { body, coding, encoding, lease, connection }, limit).await
}

/// The encoding that `Content-Type` names.
fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if media_type.eq_ignore_ascii_case(PROTOBUF.as_bytes())
        || media_type.eq_ignore_ascii_case(b"application/protobuf")
    {
        Ok(Encoding::Protobuf)
    } else if media_type.eq_ignore_ascii_case(JSON.as_bytes()) {
        Ok(Encoding::Json)
    } else {
        Err(Refusal::UnsupportedMediaType(String::from_utf8_lossy(media_type).into_owned()))
    }
}

/// A full success leaves `partial_success` unset.
fn answer(accepted: Accepted, encoding: Encoding) -> Response<Body> {
    let rejected = accepted.rejected_spans;
    let body = match (encoding, rejected) {
        (Encoding::Protobuf, 0) => Body::empty(),
        (Encoding::Json, 0) => Body::from("{}"),
        (Encoding::Protobuf, _) => {
            let partial_success = Some(ExportTracePartialSuccess {
                rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
                error_message: rejection_message(rejected),
            });
            Body::from(ExportTraceServiceResponse { partial_success }.encode_to_vec())
        }
        (Encoding::Json, _) => {
            let partial = serde_json::json!({
                "rejectedSpans": rejected.to_string(),
                "errorMessage": rejection_message(rejected),
            });
            Body::from(serde_json::json!({ "partialSuccess": partial }).to_string())
        }
    };
    respond(StatusCode::OK, encoding, body)
}

/// Refuses a request whose body nobody looked at.
async fn refuse_unread(receiver: &Receiver, refusal: Refusal, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    discard(receiver, &head.headers, body).await;
    refuse(&refusal, encoding_of(&head.headers).unwrap_or(Encoding::Json))
}

/// A `google.rpc.Status` in the encoding of the request.
fn refuse(refusal: &Refusal, encoding: Encoding) -> Response<Body> {
    let body = match encoding {
        Encoding::Protobuf => Body::from(bytes::Bytes::copy_from_slice(refusal.to_grpc().details())),
        Encoding::Json => Body::from(refusal.to_json().to_string()),
    };
    let mut response = respond(refusal.http_status(), encoding, body);
    if let Some(retry_after) = refusal.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
    }
    if let Refusal::MethodNotAllowed(_) = refusal {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    }
    response
}

fn respond(status: StatusCode, encoding: Encoding, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type = match encoding {
        Encoding::Protobuf => PROTOBUF,
        Encoding::Json => JSON,
    };
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// Seconds, rounded up: `Retry-After` knows no fractions.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// Reads what is left of a refused body and forgets it, up to the size limit and for a moment.
///
/// An HTTP/1 connection that is closed while its peer still writes is reset, and the peer may never see the answer.
async fn discard(receiver: &Receiver, headers: &HeaderMap, body: Body) {
    const MOMENT: Duration = Duration::from_secs(2);
    // Such a sender waits for the answer before it sends the body.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let limit = receiver.options.limits.http_body_bytes.as_usize();
    let _ = tokio::time::timeout(MOMENT, body::discard(body, limit)).await;
}

#[cfg(test)]
mod tests;
