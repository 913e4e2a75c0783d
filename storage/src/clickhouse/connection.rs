//! Statements to ClickHouse, with what each of them may take.

use std::time::Duration;

use clickhouse::error::Error;
use clickhouse::insert::Insert;
use clickhouse::query::Query;
use clickhouse::{Client, Row, RowOwned, RowRead};

use super::{ClickHouseOptions, ServerOptions};
use crate::QueryError;

/// What a client waits for one piece of an insert to be taken.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The way to the server.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    queries: Client,
    inserts: Client,
    statements: Client,
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    query_timeout: Duration,
    query_memory_bytes: usize,
    insert_timeout: Duration,
}

/// ClickHouse's numbers of exceptions.
mod code {
    pub(super) const TIMEOUT_EXCEEDED: u32 = 159;
    pub(super) const TOO_SLOW: u32 = 160;
    pub(super) const MEMORY_LIMIT_EXCEEDED: u32 = 241;
    pub(super) const TOO_MANY_ROWS_OR_BYTES: u32 = 396;
}

impl Connection {
    pub(super) fn new(options: &ClickHouseOptions) -> Self {
        let limits = Limits {
            query_timeout: options.query_timeout,
            query_memory_bytes: options.spool.query_memory_bytes,
            insert_timeout: options.insert_timeout,
        };
        let client = client(&options.server).with_database(&options.server.database);
        let queries = client
            .clone()
            .with_setting("max_execution_time", limits.query_timeout.as_secs_f64().to_string())
            .with_setting("max_memory_usage", options.query_server_memory_bytes.to_string())
            .with_setting("max_result_rows", options.query_max_rows.to_string())
            .with_setting("result_overflow_mode", "throw")
            // A client that goes away ends its query.
            .with_setting("cancel_http_readonly_queries_on_client_close", "1");
        let inserts = client
            .clone()
            .with_setting("async_insert", "0")
            .with_setting("insert_deduplicate", "1")
            .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
            // Clocks of senders may be anywhere; a batch that is refused for it would be refused for ever.
            .with_setting("max_partitions_per_insert_block", "0");
        let inserts = match options.schema.cluster {
            // Acknowledged means that the shard has it, not that a queue of the server that was asked does.
            Some(_) => inserts.with_setting("distributed_foreground_insert", "1"),
            None => inserts,
        };
        Self { queries, inserts, statements: client, limits }
    }

    /// Bytes of memory that an answer may take here.
    pub(super) fn query_memory_bytes(&self) -> usize {
        self.limits.query_memory_bytes
    }

    /// A query with the limits of queries. `text` is never made of what users typed: that goes into parameters.
    pub(super) fn query(&self, text: &str) -> Query {
        self.queries.query(text)
    }

    /// All rows of an answer.
    pub(super) async fn rows<T: RowOwned + RowRead>(&self, query: Query) -> Result<Vec<T>, QueryError> {
        let answer = tokio::time::timeout(self.patience(), query.fetch_all::<T>()).await;
        answer.unwrap_or(Err(Error::TimedOut)).map_err(|error| self.query_error(error))
    }

    /// How long an answer is waited for: the server itself gives up before, unless it is gone.
    pub(super) fn patience(&self) -> Duration {
        self.limits.query_timeout + Duration::from_secs(5)
    }

    /// Begins an insert that is done once, however often it is repeated with this token.
    pub(super) async fn insert<T: Row>(&self, table: &str, token: &str) -> Result<Insert<T>, Error> {
        let insert = self.inserts.insert::<T>(table).await?;
        Ok(insert
            .with_setting("insert_deduplication_token", token)
            .with_timeouts(Some(SEND_TIMEOUT), Some(self.limits.insert_timeout)))
    }

    /// A statement that changes the schema, or data in place.
    pub(super) fn statement(&self, text: &str) -> Query {
        self.statements.query_raw(text)
    }

    /// Why a query has no answer.
    pub(super) fn query_error(&self, error: Error) -> QueryError {
        match exception(&error) {
            Some(code::TIMEOUT_EXCEEDED | code::TOO_SLOW) => {
                QueryError::TooSlow { limit: self.limits.query_timeout }
            }
            Some(code::MEMORY_LIMIT_EXCEEDED | code::TOO_MANY_ROWS_OR_BYTES) => {
                QueryError::TooLarge { limit_bytes: self.limits.query_memory_bytes }
            }
            _ => QueryError::Unavailable(format!("ClickHouse: {error}")),
        }
    }
}

/// A client of a server, without a database.
pub(super) fn client(server: &ServerOptions) -> Client {
    let mut client =
        Client::default().with_url(&server.url).with_product_info("laneway", env!("CARGO_PKG_VERSION"));
    if !server.user.is_empty() {
        client = client.with_user(&server.user);
    }
    if !server.password.is_empty() {
        client = client.with_password(&server.password);
    }
    client
}

/// The number of the exception that a server answered with.
fn exception(error: &Error) -> Option<u32> {
    let Error::BadResponse(text) = error else { return None };
    let (_, after) = text.split_once("Code: ")?;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
