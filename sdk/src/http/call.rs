//! How a call went: the outcome of one request on its span.

use std::fmt::{self, Display};

use http::{HeaderMap, StatusCode};
use tracing::Span;

use crate::conventions::record_status;
#[cfg(feature = "tonic")]
use crate::tonic::status;

/// Whose conventions a span follows, and from which end of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    HttpServer,
    HttpClient,
    #[cfg(feature = "tonic")]
    GrpcServer,
    #[cfg(feature = "tonic")]
    GrpcClient,
}

/// A call that is under way. Its span ends with it, even if others hold the span: a task that outlives a request does
/// not lengthen it.
pub(crate) struct Call {
    span: Span,
    protocol: Protocol,
    is_over: bool,
}

impl Call {
    pub(crate) fn new(span: Span, protocol: Protocol) -> Self {
        Self { span, protocol, is_over: false }
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// The response began.
    pub(crate) fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        match self.protocol {
            Protocol::HttpServer => record_status(&self.span, status, status.is_server_error()),
            Protocol::HttpClient => record_status(&self.span, status, status.as_u16() >= 400),
            // A response without messages has its gRPC status in the head.
            #[cfg(feature = "tonic")]
            Protocol::GrpcServer | Protocol::GrpcClient => {
                if headers.contains_key(status::HEADER) {
                    self.trailers(headers);
                } else if status != StatusCode::OK {
                    self.finish_grpc(&status::Outcome::of_http(status));
                }
            }
        }
        #[cfg(not(feature = "tonic"))]
        let _ = headers;
    }

    /// The response ended with these trailers.
    pub(crate) fn trailers(&mut self, trailers: &HeaderMap) {
        #[cfg(feature = "tonic")]
        if let Protocol::GrpcServer | Protocol::GrpcClient = self.protocol {
            self.finish_grpc(&status::Outcome::of_headers(trailers));
        }
        let _ = trailers;
        self.end();
    }

    /// There is no response, or it broke off.
    pub(crate) fn error(&mut self, error: &dyn Display) {
        self.fail("_OTHER", error);
    }

    /// The code that handles the call panicked.
    pub(crate) fn panicked(&mut self) {
        self.fail("panic", &"panicked");
    }

    fn fail(&mut self, error_type: &str, message: &dyn Display) {
        if !self.is_over {
            self.span.record("error.type", error_type);
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_description", tracing::field::display(message));
            self.end();
        }
    }

    /// The body ended, without trailers.
    pub(crate) fn body_ended(&mut self) {
        match self.protocol {
            Protocol::HttpServer | Protocol::HttpClient => self.end(),
            #[cfg(feature = "tonic")]
            Protocol::GrpcServer | Protocol::GrpcClient => self.finish_grpc(&status::Outcome::missing()),
        }
    }

    #[cfg(feature = "tonic")]
    fn finish_grpc(&mut self, outcome: &status::Outcome) {
        if !self.is_over {
            outcome.record(&self.span, self.protocol == Protocol::GrpcServer);
            self.end();
        }
    }

    fn end(&mut self) {
        if !std::mem::replace(&mut self.is_over, true) {
            crate::layer::end(&self.span);
        }
    }
}

impl Drop for Call {
    /// The caller lost interest before the end.
    fn drop(&mut self) {
        match self.protocol {
            // Not reading a body to its end, or hanging up, is no error in HTTP.
            Protocol::HttpServer | Protocol::HttpClient => self.end(),
            #[cfg(feature = "tonic")]
            Protocol::GrpcServer | Protocol::GrpcClient => self.finish_grpc(&status::Outcome::cancelled()),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("protocol", &self.protocol).field("is_over", &self.is_over).finish()
    }
}
