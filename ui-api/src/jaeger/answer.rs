//! Jaeger's envelope, around data and around errors.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use laneway_storage::QueryError;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use utoipa::{IntoResponses, ToSchema};

use crate::error::ApiError;
use crate::params::Given;
use crate::queries::QueryOutcome;

/// What surrounds every answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Envelope<T> {
    data: T,
    /// How many items `data` has, where it is a list of names; else 0.
    total: usize,
    /// Always 0.
    limit: usize,
    /// Always 0.
    offset: usize,
    errors: Option<Vec<ErrorItem>>,
}

/// What stands for `data` beside an error: null.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoData;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorItem {
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    msg: String,
    #[serde(rename = "traceID", skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl ErrorItem {
    /// One of several traces that were asked for by id does not exist.
    pub(super) fn trace_not_found(trace_id: String) -> Self {
        Self { code: None, msg: TRACE_NOT_FOUND.to_owned(), trace_id: Some(trace_id) }
    }
}

const TRACE_NOT_FOUND: &str = "trace not found";

/// An answer on its way out.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    envelope: Envelope<T>,
    pretty: bool,
}

impl<T> Answer<T> {
    pub(super) fn new(given: &Given, data: T) -> Self {
        let envelope = Envelope { data, total: 0, limit: 0, offset: 0, errors: None };
        let pretty = given.first("prettyPrint").is_some_and(|text| text != "false");
        Self { envelope, pretty }
    }

    /// Beside the data, what is wrong with some of it.
    pub(super) fn with_errors(mut self, errors: Vec<ErrorItem>) -> Self {
        self.envelope.errors = Some(errors).filter(|errors| !errors.is_empty());
        self
    }
}

impl<T> Answer<Vec<T>> {
    pub(super) fn counted(given: &Given, data: Vec<T>) -> Self {
        let total = data.len();
        let mut answer = Self::new(given, data);
        answer.envelope.total = total;
        answer
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        if !self.pretty {
            return Json(self.envelope).into_response();
        }
        let mut body = Vec::new();
        let mut indented =
            serde_json::Serializer::with_formatter(&mut body, PrettyFormatter::with_indent(b"    "));
        match self.envelope.serialize(&mut indented) {
            Ok(()) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => JaegerError::from(ApiError::Internal).into_response(),
        }
    }
}

/// Why a request has no answer, in Jaeger's words.
#[derive(Debug)]
pub(crate) struct JaegerError {
    status: StatusCode,
    outcome: QueryOutcome,
    message: String,
}

impl JaegerError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, outcome: QueryOutcome::Invalid, message: message.into() }
    }

    pub(super) fn trace_not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            outcome: QueryOutcome::Invalid,
            message: TRACE_NOT_FOUND.to_owned(),
        }
    }
}

impl From<ApiError> for JaegerError {
    fn from(error: ApiError) -> Self {
        Self { status: error.status(), outcome: error.outcome(), message: error.public_message() }
    }
}

impl From<QueryError> for JaegerError {
    fn from(error: QueryError) -> Self {
        ApiError::from(error).into()
    }
}

impl IntoResponse for JaegerError {
    fn into_response(self) -> Response {
        let error = ErrorItem { code: Some(self.status.as_u16()), msg: self.message, trace_id: None };
        let envelope = Envelope { data: NoData, total: 0, limit: 0, offset: 0, errors: Some(vec![error]) };
        (self.status, Extension(self.outcome), Json(envelope)).into_response()
    }
}

/// The errors of Jaeger's routes, for the description of the API.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes; is never built")]
pub(crate) enum JaegerErrors {
    /// A parameter cannot be used.
    #[response(status = 400)]
    BadRequest(Envelope<NoData>),
    /// Stored data could not be read, or the request failed within the server.
    #[response(status = 500)]
    Internal(Envelope<NoData>),
    /// The store is closing.
    #[response(status = 503)]
    Unavailable(Envelope<NoData>),
    /// The answer took too long.
    #[response(status = 504)]
    Timeout(Envelope<NoData>),
}
