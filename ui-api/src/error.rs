//! Errors of the native API: one type, mapped to a status, a code and the envelope in this place only.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use laneway_proto::{Lane, TraceId};
use laneway_storage::{AdminError, QueryError};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

use crate::api::Right;
use crate::queries::QueryOutcome;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("parameter '{name}': {problem}")]
    BadParameter { name: &'static str, problem: String, hint: String },
    #[error("unknown parameter '{name}'")]
    UnknownParameter { name: String, known: Vec<&'static str> },
    #[error("{what} is not supported by this version")]
    Unsupported { what: &'static str, hint: &'static str },
    #[error("the path is not percent-encoded UTF-8")]
    BadPath,
    #[error("trace {0} not found")]
    TraceNotFound(TraceId),
    #[error("snapshot {0} not found")]
    SnapshotNotFound(String),
    #[error("this is switched off")]
    Disabled(Right),
    #[error("requests that change something are not taken from web pages")]
    FromBrowser,
    #[error("no such route")]
    NoSuchRoute,
    #[error("this route does not know that method")]
    MethodNotAllowed,
    #[error("path and query are longer than {limit} bytes")]
    UriTooLong { limit: usize },
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge { limit: usize },
    #[error("the answer would hold {spans} spans, the limit is {limit}")]
    TooManySpans { spans: usize, limit: usize },
    #[error("the answer would hold {count} {what}, the limit is {limit}")]
    TooMany { what: &'static str, count: usize, limit: usize, hint: &'static str },
    #[error("lane {0} not found")]
    LaneNotFound(Lane),
    #[error("not ready: {0}")]
    NotReady(String),
    #[error("no answer within {0} ms")]
    Timeout(u128),
    #[error("{0}")]
    Store(#[from] QueryError),
    #[error("{0}")]
    Admin(AdminError),
    #[error("the request failed within the server")]
    Internal,
}

impl ApiError {
    /// A parameter whose value cannot be used.
    pub(crate) fn bad(name: &'static str, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::BadParameter { name, problem: problem.into(), hint: hint.into() }
    }

    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::BadParameter { .. }
            | Self::UnknownParameter { .. }
            | Self::Unsupported { .. }
            | Self::BadPath
            | Self::Admin(AdminError::Unsupported(_))
            | Self::TooMany { .. }
            | Self::Store(QueryError::TooLarge { .. })
            | Self::TooManySpans { .. } => StatusCode::BAD_REQUEST,
            Self::Disabled(_) | Self::FromBrowser => StatusCode::FORBIDDEN,
            Self::Admin(AdminError::Refused(_)) => StatusCode::CONFLICT,
            Self::TraceNotFound(_)
            | Self::LaneNotFound(_)
            | Self::SnapshotNotFound(_)
            | Self::NoSuchRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UriTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotReady(_)
            | Self::Store(QueryError::Closing | QueryError::Cancelled | QueryError::Unavailable(_))
            | Self::Admin(AdminError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout(_) | Self::Store(QueryError::TooSlow { .. }) => StatusCode::GATEWAY_TIMEOUT,
            Self::Store(_) | Self::Admin(AdminError::Data(_)) | Self::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// What it means for a query.
    pub(crate) fn outcome(&self) -> QueryOutcome {
        match self {
            Self::TooMany { .. } | Self::TooManySpans { .. } | Self::Store(QueryError::TooLarge { .. }) => {
                QueryOutcome::TooLarge
            }
            _ => QueryOutcome::of_status(self.status()),
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::BadParameter { .. } => "bad_parameter",
            Self::UnknownParameter { .. } => "unknown_parameter",
            Self::Unsupported { .. } | Self::Admin(AdminError::Unsupported(_)) => "unsupported",
            Self::Disabled(_) => "disabled",
            Self::FromBrowser => "from_browser",
            Self::SnapshotNotFound(_) => "snapshot_not_found",
            Self::Admin(AdminError::Refused(_)) => "conflict",
            Self::BadPath => "bad_path",
            Self::TraceNotFound(_) => "trace_not_found",
            Self::NoSuchRoute => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UriTooLong { .. } => "uri_too_long",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::TooMany { .. } => "too_many",
            Self::LaneNotFound(_) => "lane_not_found",
            Self::TooManySpans { .. } => "too_many_spans",
            Self::NotReady(_) | Self::Admin(AdminError::Unavailable(_)) => "not_ready",
            Self::Timeout(_) => "timeout",
            Self::Store(QueryError::Closing) => "closing",
            Self::Store(QueryError::Cancelled) => "cancelled",
            Self::Store(QueryError::TooSlow { .. }) => "timeout",
            Self::Store(QueryError::Unavailable(_)) => "not_ready",
            Self::Store(QueryError::TooLarge { .. }) => "query_too_large",
            Self::Store(_) | Self::Admin(AdminError::Data(_)) | Self::Internal => "internal",
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::BadParameter { hint, .. } => hint,
            Self::UnknownParameter { known, .. } if known.is_empty() => "this route has no parameters",
            Self::UnknownParameter { known, .. } => return Some(format!("known are {}", known.join(", "))),
            Self::Unsupported { hint, .. } => hint,
            Self::BadPath => "encode each byte of UTF-8 that is no letter or digit as %XX",
            Self::TraceNotFound(_) => "it may be older than the retention, or not have arrived yet",
            Self::SnapshotNotFound(_) => "GET /api/v1/snapshots lists them",
            Self::Disabled(right) => {
                return Some(format!("set {} = true in the configuration of the server", right.option()));
            }
            Self::FromBrowser => "use curl, or the laneway command",
            Self::Admin(AdminError::Unsupported(_) | AdminError::Refused(_)) => "",
            Self::NoSuchRoute => "GET / lists the entry points",
            Self::MethodNotAllowed => "the header 'allow' lists what it knows",
            Self::UriTooLong { .. } => "search with fewer or shorter conditions",
            Self::BodyTooLarge { .. } => "everything that can be asked is in the path and query",
            Self::TooMany { hint, .. } => hint,
            Self::LaneNotFound(_) => "GET /api/v1/lanes lists those of a range of time",
            Self::TooManySpans { .. } => "lower 'limit', or narrow the search",
            Self::Timeout(_) | Self::Store(QueryError::TooSlow { .. }) => "narrow the range of time",
            Self::Store(QueryError::TooLarge { .. }) => {
                "narrow the search, or raise query.max_memory_bytes of the server"
            }
            Self::NotReady(_)
            | Self::Store(QueryError::Closing | QueryError::Cancelled | QueryError::Unavailable(_))
            | Self::Admin(AdminError::Unavailable(_)) => "try again later",
            Self::Store(_) | Self::Admin(AdminError::Data(_)) | Self::Internal => {
                "the server's log says more"
            }
        };
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }

    /// What a client may read: details of the server's disk are for its log.
    pub(crate) fn public_message(&self) -> String {
        match self {
            // Addresses of servers are not for everybody.
            Self::Store(QueryError::Unavailable(_)) => {
                tracing::error!(error = %self, "a query has no answer");
                "where the spans are stored does not answer".to_owned()
            }
            Self::Store(QueryError::Io(_) | QueryError::Corrupt(_)) => {
                tracing::error!(error = %self, "a query failed");
                "stored data could not be read".to_owned()
            }
            Self::Admin(AdminError::Data(error)) => {
                tracing::error!(%error, "an operator's request failed");
                "stored data could not be read or written".to_owned()
            }
            _ => self.to_string(),
        }
    }
}

impl From<AdminError> for ApiError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Data(
                error @ (QueryError::Closing | QueryError::Cancelled | QueryError::Unavailable(_)),
            ) => Self::Store(error),
            other => Self::Admin(other),
        }
    }
}

/// The envelope of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// Stable, for programs.
    #[schema(example = "bad_parameter")]
    code: &'static str,
    /// What is wrong, for people.
    message: String,
    /// What to do about it.
    hint: Option<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (message, hint) = (self.public_message(), self.hint());
        let body = ErrorBody { error: ErrorDetail { code: self.code(), message, hint } };
        (self.status(), Extension(self.outcome()), Json(body)).into_response()
    }
}

/// The errors that every query may be answered with, for the description of the API.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes; is never built")]
pub(crate) enum QueryErrors {
    /// A parameter cannot be used, is unknown, or asks for too much.
    #[response(status = 400)]
    BadRequest(ErrorBody),
    /// Stored data could not be read, or the request failed within the server.
    #[response(status = 500)]
    Internal(ErrorBody),
    /// The store is closing.
    #[response(status = 503)]
    Unavailable(ErrorBody),
    /// The answer took too long.
    #[response(status = 504)]
    Timeout(ErrorBody),
}
