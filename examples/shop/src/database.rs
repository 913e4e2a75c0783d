//! SQLite with a span for every statement.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use rusqlite::{Connection, Params, Row};
use tracing::Instrument;
use tracing::field::Empty;

use crate::failure::Failure;

#[cfg(test)]
mod tests;

/// A statement, with what the semantic conventions for databases say about it.
#[derive(Debug)]
pub(crate) struct Statement {
    /// `db.operation.name`.
    pub(crate) operation: &'static str,
    /// `db.collection.name`: the table.
    pub(crate) collection: &'static str,
    /// `db.query.text`. Values are bound, never written into it, so that it shows nobody's data.
    pub(crate) text: &'static str,
}

/// A database in the memory of this process.
#[derive(Debug, Clone)]
pub(crate) struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// A fresh database, after these statements.
    pub(crate) fn in_memory(schema: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(schema)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs a statement and reads its rows, inside a CLIENT span.
    pub(crate) async fn rows<T: Send + 'static>(
        &self,
        statement: &'static Statement,
        params: impl Params + Send + 'static,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Failure> {
        let summary = format!("{} {}", statement.operation, statement.collection);
        let span = tracing::info_span!(
            "query",
            otel.name = summary,
            otel.kind = "client",
            db.system.name = "sqlite",
            db.namespace = "main",
            db.operation.name = statement.operation,
            db.collection.name = statement.collection,
            db.query.summary = summary,
            db.query.text = statement.text,
            db.response.returned_rows = Empty,
            error.type = Empty,
            otel.status_code = Empty,
        );
        let connection = Arc::clone(&self.0);
        // SQLite blocks: it must not run on the thread that serves the requests.
        let query = laneway::spawn_blocking(move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let mut prepared = connection.prepare_cached(statement.text)?;
            prepared.query_map(params, read)?.collect::<rusqlite::Result<Vec<T>>>()
        });
        let failed = |kind: &str, message: String| {
            span.record("otel.status_code", "ERROR").record("error.type", kind);
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message)
        };
        match query.instrument(span.clone()).await {
            Ok(Ok(rows)) => {
                span.record("db.response.returned_rows", rows.len());
                Ok(rows)
            }
            Ok(Err(error)) => {
                let code = error.sqlite_error_code().map(|code| format!("{code:?}"));
                Err(failed(code.as_deref().unwrap_or("_OTHER"), error.to_string()))
            }
            Err(panic) => Err(failed("_OTHER", panic.to_string())),
        }
    }
}
