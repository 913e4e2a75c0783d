//! Deletion of a trace or of a service, in ClickHouse.
//!
//! What this collector acknowledged is taken to ClickHouse first, and its figures are derived: so nothing that is to go is under way, here, and
//! rows are deleted in one place. Mutations are waited for; they write parts anew without the rows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse::query::Query;

use super::schema::SchemaOptions;
use super::{ClickHouseStore, batches};
use crate::QueryError;
use crate::model::UNKNOWN_SERVICE;
use crate::store::{AdminError, Deletion};

/// How long what is under way may take to be in ClickHouse.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(120);
/// How often it is looked whether figures were derived.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A table, and which of its rows go.
type Rows = (&'static str, &'static str);

/// Its first table has the spans.
const OF_TRACE: [Rows; 2] =
    [("otel_traces", "TraceId = {name:String}"), ("otel_traces_trace_id_ts", "TraceId = {name:String}")];

/// Figures and operations have no spans to look at: they say themselves whose they are. The lookup of traces names no service, and stays.
const OF_SERVICE: [Rows; 5] = [
    ("otel_traces", "ServiceName IN {names:Array(String)}"),
    ("laneway_operations", "ServiceName IN {names:Array(String)}"),
    ("laneway_red", "Service = {name:String}"),
    (
        "laneway_edges",
        "(SourceKind = 'service' AND Source = {name:String}) OR (TargetKind = 'service' AND Target = {name:String})",
    ),
    ("laneway_presence", "Service = {name:String}"),
];

/// Deletes what this collector acknowledged so far, and what others have sent; returns how many spans.
///
/// # Errors
/// When ClickHouse does not answer, or what is under way does not get there in time. Some of it may be deleted then; it can be repeated.
pub(super) async fn delete(store: &ClickHouseStore, what: &Deletion) -> Result<u64, AdminError> {
    settle(store).await?;
    let rows: &[Rows] = match what {
        Deletion::Trace(_) => &OF_TRACE,
        Deletion::Service(_) => &OF_SERVICE,
    };
    let (spans, condition) = rows[0];
    let query = |select: &str| {
        bind(store.connection.query(&format!("SELECT {select} FROM {spans} WHERE {condition}")), what)
    };
    let deleted = store.connection.rows::<u64>(query("count()")).await?.into_iter().sum();
    let operations = match what {
        Deletion::Trace(_) => store.connection.rows(query("DISTINCT ServiceName, SpanName")).await?,
        Deletion::Service(_) => Vec::new(),
    };
    for (table, condition) in rows {
        execute(store, bind(mutation(store, table, condition), what)).await?;
    }
    forget_operations(store, operations).await?;
    tracing::info!(?what, spans = deleted, "deleted");
    Ok(deleted)
}

/// Operations of which no span is left. One that has a span again in this moment is known again with the next.
async fn forget_operations(
    store: &ClickHouseStore,
    mut operations: Vec<(String, String)>,
) -> Result<(), AdminError> {
    const OPERATIONS: &str = "(ServiceName, SpanName) IN {operations:Array(Tuple(String, String))}";
    let query = format!("SELECT DISTINCT ServiceName, SpanName FROM otel_traces WHERE {OPERATIONS}");
    let left = store.connection.query(&query).param("operations", &operations);
    let left: HashSet<(String, String)> = store.connection.rows(left).await?.into_iter().collect();
    operations.retain(|operation| !left.contains(operation));
    if operations.is_empty() {
        return Ok(());
    }
    execute(store, mutation(store, "laneway_operations", OPERATIONS).param("operations", operations)).await
}

async fn execute(store: &ClickHouseStore, mutation: Query) -> Result<(), AdminError> {
    mutation.execute().await.map_err(|error| AdminError::Data(store.connection.query_error(error)))
}

/// It ends on all replicas, however long that takes: what is said to be deleted is.
fn mutation(store: &ClickHouseStore, table: &str, condition: &str) -> Query {
    let statement = store.connection.statement(&statement(table, condition, &store.options.schema));
    statement.with_setting("mutations_sync", "2").with_setting("distributed_ddl_task_timeout", "-1")
}

/// Rows are changed where they are, on every shard.
pub(super) fn statement(table: &str, condition: &str, schema: &SchemaOptions) -> String {
    format!("ALTER TABLE {}{} DELETE WHERE {condition}", schema.local(table), schema.on_cluster())
}

fn bind(query: Query, what: &Deletion) -> Query {
    match what {
        Deletion::Trace(id) => query.param("name", id.to_string()),
        // The exporter leaves the name empty where there is none.
        Deletion::Service(name) if name == UNKNOWN_SERVICE => {
            query.param("name", name).param("names", vec!["", UNKNOWN_SERVICE])
        }
        Deletion::Service(name) => query.param("name", name).param("names", vec![name]),
    }
}

/// Waits until what was acknowledged is in ClickHouse, and figures were derived of all that ClickHouse has now.
async fn settle(store: &ClickHouseStore) -> Result<(), AdminError> {
    let until = Instant::now() + SETTLE_TIMEOUT;
    let spool = Arc::clone(&store.spool);
    let sealed = tokio::task::spawn_blocking(move || spool.seal_all()).await;
    sealed.unwrap_or(Err(AdminError::Data(QueryError::Closing)))?;
    let here: HashSet<_> = store.spool.spooled().iter().map(|part| part.key()).collect();
    let mut shipped = store.shipped.clone();
    let is_gone = |_: &_| store.spool.spooled().iter().all(|part| !here.contains(&part.key()));
    let gone = tokio::time::timeout(SETTLE_TIMEOUT, shipped.wait_for(is_gone)).await;
    if !gone.is_ok_and(|done| done.is_ok()) {
        let why = store.shipped.borrow().failing.as_ref().map(|(_, error)| format!(": {error}"));
        return Err(AdminError::Unavailable(format!(
            "what this collector has could not be taken to ClickHouse in time{}",
            why.unwrap_or_default()
        )));
    }
    let waiting: HashSet<u64> = batches::left(&store.connection).await?.into_iter().collect();
    while batches::left(&store.connection).await?.iter().any(|batch| waiting.contains(batch)) {
        if Instant::now() > until {
            return Err(AdminError::Unavailable("figures are behind; the log says why".to_owned()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
