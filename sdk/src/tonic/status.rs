//! How a gRPC call ended.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use tracing::Span;

#[cfg(test)]
mod tests;

/// Name of the header or trailer with the status code.
pub(crate) const HEADER: &str = "grpc-status";
const MESSAGE_HEADER: &str = "grpc-message";

/// The canonical codes by number, <https://grpc.io/docs/guides/status-codes/>.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A status, and the message that came with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: &'static str,
    pub(crate) message: Option<String>,
}

impl Outcome {
    /// The status in trailers, or in the head of a response that has nothing else.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        let number = headers.get(HEADER).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        // A code that is not known counts as UNKNOWN, and so does a missing one.
        let code = number.and_then(|number| NAMES.get(number).copied()).unwrap_or("UNKNOWN");
        let message =
            headers.get(MESSAGE_HEADER).map(|value| percent_decode(value.as_bytes()).decode_utf8_lossy());
        Self { code, message: message.map(Cow::into_owned).filter(|message| !message.is_empty()) }
    }

    /// What a response that is not gRPC's means: "HTTP to gRPC Status Code Mapping".
    pub(crate) fn of_http(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => "INTERNAL",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "UNIMPLEMENTED",
            429 | 502 | 503 | 504 => "UNAVAILABLE",
            _ => "UNKNOWN",
        };
        Self { code, message: Some(format!("HTTP status {status}")) }
    }

    /// The response ended without a status.
    pub(crate) fn missing() -> Self {
        Self { code: "UNKNOWN", message: Some("the response has no status".to_owned()) }
    }

    /// The call was dropped before it ended.
    pub(crate) fn cancelled() -> Self {
        Self { code: "CANCELLED", message: None }
    }

    pub(crate) fn record(&self, span: &Span, is_server: bool) {
        span.record("rpc.response.status_code", self.code);
        if self.is_error(is_server) {
            span.record("error.type", self.code);
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", self.message.as_deref());
        }
    }

    /// OpenTelemetry's table "gRPC status" of the RPC conventions.
    fn is_error(&self, is_server: bool) -> bool {
        match self.code {
            "OK" => false,
            "UNKNOWN" | "DEADLINE_EXCEEDED" | "UNIMPLEMENTED" | "INTERNAL" | "UNAVAILABLE" | "DATA_LOSS" => {
                true
            }
            _ => !is_server,
        }
    }
}
