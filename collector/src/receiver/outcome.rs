//! Why a request is refused, and how each protocol says so.
//!
//! This is the only place that maps [`AppendError`] to a status. What OTLP calls retryable is decided here, too: over
//! gRPC `UNAVAILABLE`, over HTTP 429 and 503; everything else is final.

use std::time::Duration;

use ::http::StatusCode;
use laneway_storage::AppendError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::admission::Exhausted;
use crate::metrics::{Outcome, Signal};

/// How long a sender is asked to wait when the budget is used up: about the time that a group of appends takes.
const OVERLOAD_RETRY: Duration = Duration::from_secs(1);
/// How long a sender is asked to wait while nothing can be made durable.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Its bytes are no valid request, or cannot be decompressed.
    #[error("{0}")]
    Malformed(String),
    /// It breaks the framing of its protocol.
    #[error("{0}")]
    Protocol(&'static str),
    /// It is larger than allowed, as received or decompressed.
    #[error("the request exceeds the limit of {limit} bytes")]
    TooLarge { limit: usize },
    #[error("content encoding {0:?} is not supported; use gzip, zstd or none")]
    UnsupportedCoding(String),
    #[error("content type {0:?} is not supported; use application/x-protobuf or application/json")]
    UnsupportedMediaType(String),
    #[error("laneway stores traces only; do not send {0} to it")]
    UnsupportedSignal(Signal),
    #[error("there is nothing at {0}; traces are taken at /v1/traces")]
    NotFound(String),
    #[error("method {0} is not allowed; use POST")]
    MethodNotAllowed(String),
    #[error("ingest is over its memory budget")]
    Overloaded { retry_after: Duration },
    #[error("{0}")]
    Unavailable(String),
    #[error("the request's body did not arrive within {deadline:?}")]
    TooSlow { deadline: Duration },
    #[error("the connection was lost before the request was complete")]
    Aborted,
    #[error("the collector failed on this request")]
    Internal,
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Malformed(message) => Self::Malformed(message),
            AppendError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            AppendError::Unavailable(message) => Self::Unavailable(message),
        }
    }
}

impl From<Exhausted> for Refusal {
    fn from(_: Exhausted) -> Self {
        Self::Overloaded { retry_after: OVERLOAD_RETRY }
    }
}

impl Refusal {
    /// How it is counted.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::TooLarge { .. } => Outcome::too_large,
            Self::Overloaded { .. } => Outcome::overloaded,
            Self::Unavailable(_) => Outcome::unavailable,
            Self::TooSlow { .. } => Outcome::too_slow,
            Self::Aborted => Outcome::aborted,
            Self::Internal => Outcome::internal,
            Self::Malformed(_)
            | Self::Protocol(_)
            | Self::UnsupportedCoding(_)
            | Self::UnsupportedMediaType(_)
            | Self::UnsupportedSignal(_)
            | Self::NotFound(_)
            | Self::MethodNotAllowed(_) => Outcome::invalid,
        }
    }

    /// How long the sender should wait before it tries again; `None` when it must not.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } => Some(*retry_after),
            Self::Unavailable(_) => Some(UNAVAILABLE_RETRY),
            _ => None,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::UnsupportedMediaType(_) => Code::InvalidArgument,
            Self::Protocol(_) | Self::Internal => Code::Internal,
            Self::TooLarge { .. } => Code::ResourceExhausted,
            Self::UnsupportedCoding(_) | Self::UnsupportedSignal(_) | Self::MethodNotAllowed(_) => {
                Code::Unimplemented
            }
            Self::NotFound(_) => Code::NotFound,
            Self::Overloaded { .. } | Self::Unavailable(_) => Code::Unavailable,
            // Retryable by OTLP: the network may be at fault.
            Self::TooSlow { .. } => Code::DeadlineExceeded,
            Self::Aborted => Code::Cancelled,
        }
    }

    /// The HTTP status.
    pub(super) fn http_status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Protocol(_) | Self::Aborted => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedCoding(_) | Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            // Not 503, which OTLP would have the sender retry for ever.
            Self::UnsupportedSignal(_) => StatusCode::NOT_IMPLEMENTED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The gRPC status, with its details: `RetryInfo` for what may be retried, `BadRequest` for what is malformed.
    ///
    /// Its [`details`](Status::details) are an encoded `google.rpc.Status`, which is what OTLP/HTTP wants as a body.
    pub(super) fn to_grpc(&self) -> Status {
        let mut details = ErrorDetails::new();
        if let Some(retry_after) = self.retry_after() {
            details.set_retry_info(Some(retry_after));
        }
        if let Self::Malformed(message) = self {
            details.add_bad_request_violation("body", message.as_str());
        }
        let mut status = Status::with_error_details(self.code(), self.to_string(), details);
        if let Self::UnsupportedCoding(_) = self {
            let accepted = tonic::metadata::MetadataValue::from_static("identity,gzip,zstd,deflate");
            status.metadata_mut().insert("grpc-accept-encoding", accepted);
        }
        status
    }

    /// The `google.rpc.Status` as JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let mut details = Vec::new();
        if let Some(retry_after) = self.retry_after() {
            details.push(serde_json::json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", retry_after.as_secs_f64()),
            }));
        }
        if let Self::Malformed(message) = self {
            details.push(serde_json::json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": "body", "description": message }],
            }));
        }
        let mut status = serde_json::json!({ "code": self.code() as i32, "message": self.to_string() });
        if !details.is_empty() {
            status["details"] = details.into();
        }
        status
    }
}

/// What the sender is told about spans that were refused within an accepted request.
pub(super) fn rejection_message(rejected_spans: u64) -> String {
    format!("{rejected_spans} spans were refused: their trace id or span id is absent or zero")
}

#[cfg(test)]
mod tests;
