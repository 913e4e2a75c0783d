//! Connections of the crate `redis` that trace their commands.
//!
//! ```no_run
//! # async fn example() -> redis::RedisResult<()> {
//! let connection = redis::Client::open("redis://cache")?.get_multiplexed_async_connection().await?;
//! let mut connection = laneway::redis::Traced::new(connection).server_address("cache", 6379);
//! let item: String = redis::cmd("GET").arg("cart:7").query_async(&mut connection).await?;
//! # drop(item);
//! # Ok(())
//! # }
//! ```
//!
//! Each command is a CLIENT span by OpenTelemetry's conventions for databases, named after the command; a pipeline is one span. Keys
//! and values are not recorded: they are where secrets and unbounded values are.

use std::sync::Arc;

use redis::aio::ConnectionLike;
use redis::{Arg, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, Value};

use crate::record::SpanKind;
use crate::span::Span;

/// A connection that opens a span for each command.
#[derive(Debug, Clone)]
pub struct Traced<C> {
    inner: C,
    server: Option<(Arc<str>, u16)>,
}

impl<C> Traced<C> {
    /// Traces this connection.
    pub fn new(inner: C) -> Self {
        Self { inner, server: None }
    }

    /// Host and port that it leads to, for the attributes `server.address` and `server.port`: a connection does not tell.
    #[must_use]
    pub fn server_address(mut self, address: impl AsRef<str>, port: u16) -> Self {
        self.server = Some((address.as_ref().into(), port));
        self
    }

    fn span(&self, name: &str, database: i64) -> Span {
        let mut span = crate::span!(kind: SpanKind::Client, "redis", db.system.name = "redis");
        if span.is_recording() {
            span.rename(name);
            span.set("db.operation.name", name);
            span.set("db.namespace", database.to_string().as_str());
            if let Some((address, port)) = &self.server {
                span.set("server.address", &**address);
                span.set("server.port", *port);
            }
        }
        span
    }
}

impl<C: ConnectionLike + Send> ConnectionLike for Traced<C> {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        let span = self.span(&name_of(cmd), self.inner.get_db());
        Box::pin(traced(span, self.inner.req_packed_command(cmd), server_error))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let mut span = self.span("PIPELINE", self.inner.get_db());
        span.set("db.operation.batch.size", pipeline.cmd_iter().count());
        let first_error = |answers: &Vec<Value>| answers.iter().find_map(server_error);
        Box::pin(traced(span, self.inner.req_packed_commands(pipeline, offset, count), first_error))
    }

    fn get_db(&self) -> i64 {
        self.inner.get_db()
    }
}

/// Awaits a command, and records how it went; `server_error` finds an error among what was answered.
async fn traced<T>(
    mut span: Span,
    command: RedisFuture<'_, T>,
    server_error: impl FnOnce(&T) -> Option<RedisError>,
) -> redis::RedisResult<T> {
    // Nothing inside opens spans, and the context is that of the caller: the span need not be entered.
    let result = command.await;
    match &result {
        Ok(answer) => server_error(answer).iter().for_each(|error| record_error(&mut span, error)),
        Err(error) => record_error(&mut span, error),
    }
    result
}

fn server_error(answer: &Value) -> Option<RedisError> {
    match answer {
        Value::ServerError(error) => Some(error.clone().into()),
        _ => None,
    }
}

fn record_error(span: &mut Span, error: &RedisError) {
    // The code is of the server, such as `WRONGTYPE`; without one there was no answer.
    match error.code() {
        Some(code) => {
            span.set("db.response.status_code", code);
            span.set("error.type", code);
        }
        None if error.kind() == ErrorKind::Io => span.set("error.type", "io"),
        None => span.set("error.type", "_OTHER"),
    }
    span.fail(&error.to_string());
}

/// The command, in capitals; the second word of those that have one is left out, as it may be a key.
fn name_of(cmd: &Cmd) -> String {
    match cmd.args_iter().next() {
        Some(Arg::Simple(name)) => String::from_utf8_lossy(name).to_ascii_uppercase(),
        _ => "UNKNOWN".to_owned(),
    }
}
