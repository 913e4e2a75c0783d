//! What comes of a query, as its span says it.

use std::pin::Pin;
use std::task::{self, Poll};

use futures_core::Stream;
use futures_core::stream::BoxStream;
use sqlx_core::Either;
use sqlx_core::error::Error;

use crate::span::Span;

/// Rows and results of a query, and its span, which ends after the last or when this is dropped.
pub(super) struct Rows<'e, Q, R> {
    // Nothing inside opens spans, and the context is that of the caller: the span need not be entered. None when it ended.
    span: Option<Span>,
    row_count: u64,
    inner: BoxStream<'e, Result<Either<Q, R>, Error>>,
}

impl<'e, Q, R> Rows<'e, Q, R> {
    pub(super) fn new(span: Span, inner: BoxStream<'e, Result<Either<Q, R>, Error>>) -> Self {
        Self { span: Some(span), row_count: 0, inner }
    }

    fn end(&mut self) {
        if let Some(mut span) = self.span.take() {
            span.set("db.response.returned_rows", self.row_count);
        }
    }
}

impl<Q, R> Stream for Rows<'_, Q, R> {
    type Item = Result<Either<Q, R>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        let item = std::task::ready!(self.inner.as_mut().poll_next(cx));
        match (&item, &mut self.span) {
            (Some(Ok(Either::Right(_))), _) => self.row_count += 1,
            (Some(Err(error)), Some(span)) => record_error(span, error),
            (None, _) => self.end(),
            _ => {}
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<Q, R> Drop for Rows<'_, Q, R> {
    fn drop(&mut self) {
        self.end();
    }
}

/// Awaits a call, and records how it went.
pub(super) async fn traced<T>(
    mut span: Span,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let result = call.await;
    if let Err(error) = &result {
        record_error(&mut span, error);
    }
    result
}

/// [`traced`], for a row or none.
pub(super) async fn traced_row<T>(
    mut span: Span,
    call: impl Future<Output = Result<Option<T>, Error>>,
) -> Result<Option<T>, Error> {
    let result = call.await;
    match &result {
        Ok(row) => span.set("db.response.returned_rows", u64::from(row.is_some())),
        Err(error) => record_error(&mut span, error),
    }
    result
}

/// The code is the database's, SQLSTATE where it has that; an error without one is named after sqlx's kind of it.
fn record_error(span: &mut Span, error: &Error) {
    let code = error.as_database_error().and_then(|error| error.code());
    if let Some(code) = &code {
        span.set("db.response.status_code", &**code);
    }
    let kind = match error {
        Error::Io(_) => "io",
        Error::Tls(_) => "tls",
        Error::Protocol(_) => "protocol",
        Error::Encode(_) => "encode",
        Error::PoolTimedOut => "pool_timed_out",
        Error::PoolClosed => "pool_closed",
        _ => "_OTHER",
    };
    span.set("error.type", code.as_deref().unwrap_or(kind));
    span.fail(&error.to_string());
}
