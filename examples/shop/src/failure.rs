//! Why a request was not served.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::task::JoinError;
use tonic::Code;

use crate::discovery::NoInstance;

/// The answer to a request that could not be served: a status and a sentence for the caller.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            // Runs inside the span of the request, so the trace says what went wrong.
            tracing::error!(http.response.status_code = self.status.as_u16(), "{}", self.message);
        }
        (self.status, self.message).into_response()
    }
}

impl From<NoInstance> for Failure {
    fn from(error: NoInstance) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<reqwest_middleware::Error> for Failure {
    fn from(error: reqwest_middleware::Error) -> Self {
        let status = if error.is_timeout() { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
        Self::new(status, error.to_string())
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        reqwest_middleware::Error::from(error).into()
    }
}

/// A gRPC call that was refused or failed.
impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        let http = match status.code() {
            Code::FailedPrecondition => StatusCode::PAYMENT_REQUIRED,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::DeadlineExceeded | Code::Cancelled => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(http, status.message())
    }
}

/// A task that panicked.
impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}
