//! One export over OTLP/gRPC or OTLP/HTTP, and what the answer means.
//!
//! The gRPC frame is written by hand: the body is bytes already, and a client library would hide whether an error
//! was the server's answer or a lost connection, which is all the difference to what must be found afterwards.

use std::io::Write;
use std::time::Duration;

use bytes::{BufMut, Bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, TE};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode, Version};
use http_body_util::{Collected, Full};
use laneway_proto::grpc::trace_service;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::Code;
use tonic::metadata::MetadataMap;
use tonic_types::StatusExt;

use super::Protocol;
use super::connection::{Connection, Lost, Target};

#[cfg(test)]
mod tests;

const HTTP_PATH: &str = "/v1/traces";
const PROTOBUF: &str = "application/x-protobuf";
const STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
/// Compressed flag and length, before every gRPC message.
const GRPC_PREFIX_LEN: usize = 5;

/// What became of an export.
#[derive(Debug)]
pub(super) enum Answer {
    /// Stored, but for this many spans.
    Accepted { rejected_spans: u64 },
    /// Not now: the server asks to be tried again, perhaps after a time of its choice.
    TryAgain { after: Option<Duration>, reason: String },
    /// Never.
    Refused { reason: String },
    /// Unknown: no answer came.
    Lost(Lost),
}

/// How exports are sent.
#[derive(Debug, Clone)]
pub(super) struct Exporter {
    pub(super) target: Target,
    pub(super) protocol: Protocol,
    pub(super) gzip: bool,
    pub(super) timeout: Duration,
}

impl Exporter {
    pub(super) async fn connect(&self) -> anyhow::Result<Connection> {
        let version = match self.protocol {
            Protocol::Grpc => Version::HTTP_2,
            Protocol::Http => Version::HTTP_11,
        };
        Connection::open(&self.target, version, self.timeout).await
    }

    /// The body of an export whose message is what `write` appends; `buf` is used for it.
    pub(super) fn body(&self, mut buf: Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<Bytes> {
        buf.clear();
        let prefix = match self.protocol {
            Protocol::Grpc => GRPC_PREFIX_LEN,
            Protocol::Http => 0,
        };
        buf.put_bytes(0, prefix);
        write(&mut buf);
        if self.gzip {
            let mut encoder = GzEncoder::new(vec![0; prefix], Compression::default());
            encoder.write_all(&buf[prefix..])?;
            buf = encoder.finish()?;
        }
        if self.protocol == Protocol::Grpc {
            let len = (buf.len() - prefix) as u32;
            buf[0] = u8::from(self.gzip);
            buf[1..GRPC_PREFIX_LEN].copy_from_slice(&len.to_be_bytes());
        }
        Ok(buf.into())
    }

    pub(super) async fn export(&self, connection: &mut Connection, body: Bytes) -> Answer {
        let request = match self.request(body) {
            Ok(request) => request,
            Err(error) => return Answer::Refused { reason: error.to_string() },
        };
        match connection.send(request).await {
            Err(lost) => Answer::Lost(lost),
            Ok(response) => match self.protocol {
                Protocol::Grpc => grpc_answer(response),
                Protocol::Http => http_answer(response),
            },
        }
    }

    fn request(&self, body: Bytes) -> http::Result<Request<Full<Bytes>>> {
        let request = match self.protocol {
            Protocol::Grpc => {
                let request = Request::post(format!(
                    "http://{}{}",
                    self.target.authority(),
                    trace_service::EXPORT_PATH
                ))
                .version(Version::HTTP_2)
                .header(CONTENT_TYPE, "application/grpc")
                .header(TE, "trailers");
                if self.gzip { request.header("grpc-encoding", "gzip") } else { request }
            }
            Protocol::Http => {
                let request = Request::post(self.target.url(HTTP_PATH))
                    .header(HOST, self.target.authority())
                    .header(CONTENT_TYPE, PROTOBUF);
                if self.gzip { request.header(CONTENT_ENCODING, "gzip") } else { request }
            }
        };
        request.body(Full::new(body))
    }
}

fn accepted(response: &[u8]) -> Answer {
    match ExportTraceServiceResponse::decode(response) {
        Ok(response) => Answer::Accepted {
            rejected_spans: response
                .partial_success
                .map_or(0, |partial| partial.rejected_spans.max(0) as u64),
        },
        Err(error) => {
            Answer::Refused { reason: format!("the answer is not an ExportTraceServiceResponse: {error}") }
        }
    }
}

fn grpc_answer(response: Response<Collected<Bytes>>) -> Answer {
    let (parts, body) = response.into_parts();
    let trailers = body.trailers().cloned().unwrap_or_default();
    // An answer without a message has its status in the headers.
    let Some(status) = grpc_status(&trailers).or_else(|| grpc_status(&parts.headers)) else {
        return Answer::Refused { reason: format!("HTTP status {} without a gRPC status", parts.status) };
    };
    if status.code() == Code::Ok {
        return accepted(body.to_bytes().get(GRPC_PREFIX_LEN..).unwrap_or_default());
    }
    let after = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let reason = format!("{:?}: {}", status.code(), status.message());
    let again = match status.code() {
        // The list of the OTLP specification, § Failures of OTLP/gRPC.
        Code::Cancelled | Code::DeadlineExceeded | Code::Aborted | Code::OutOfRange | Code::Unavailable => {
            true
        }
        Code::DataLoss => true,
        Code::ResourceExhausted => after.is_some(),
        _ => false,
    };
    if again { Answer::TryAgain { after, reason } } else { Answer::Refused { reason } }
}

fn grpc_status(headers: &HeaderMap) -> Option<tonic::Status> {
    // Tonic panics over details that are not base64, so it is given the rest only.
    let mut headers = headers.clone();
    let details = headers.remove(STATUS_DETAILS);
    let status = tonic::Status::from_header_map(&headers)?;
    let details =
        MetadataMap::from_headers(details.map(|value| (STATUS_DETAILS, value)).into_iter().collect())
            .get_bin(STATUS_DETAILS.as_str())
            .and_then(|details| details.to_bytes().ok());
    Some(tonic::Status::with_details(status.code(), status.message(), details.unwrap_or_default()))
}

fn http_answer(response: Response<Collected<Bytes>>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.to_bytes();
    if parts.status == StatusCode::OK {
        return accepted(&body);
    }
    let reason = match tonic_types::pb::Status::decode(&body[..]) {
        Ok(status) if !status.message.is_empty() => format!("{}: {}", parts.status, status.message),
        _ => parts.status.to_string(),
    };
    match parts.status.as_u16() {
        429 | 502 | 503 | 504 => {
            let after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Answer::TryAgain { after: after.map(Duration::from_secs), reason }
        }
        _ => Answer::Refused { reason },
    }
}
