//! After how long ClickHouse removes rows: what is configured is brought to tables that are there.
//!
//! A table that was adopted keeps what its owner said: only a TTL that was written here is changed, and only a table that was made here gets
//! one. The exporter writes the same expression, but in days, hours or minutes wherever it can.

use clickhouse::Row;
use serde::Deserialize;

use super::connection::Connection;
use super::migrate::{MigrateError, run};
use super::schema::{MADE_HERE, SchemaOptions};

/// A table whose rows expire.
struct Expiring {
    table: &'static str,
    /// The time that a row's age is told by.
    time: &'static str,
    figures: bool,
    /// Whether it may be somebody else's.
    may_be_adopted: bool,
}

const fn expiring(table: &'static str, time: &'static str) -> Expiring {
    Expiring { table, time, figures: false, may_be_adopted: false }
}

/// As the statements say that make them.
const TABLES: [Expiring; 6] = [
    Expiring { may_be_adopted: true, ..expiring("otel_traces", "toDateTime(Timestamp)") },
    Expiring { may_be_adopted: true, ..expiring("otel_traces_trace_id_ts", "Start") },
    expiring("laneway_operations", "LastSeen"),
    Expiring { figures: true, ..expiring("laneway_red", "Time") },
    Expiring { figures: true, ..expiring("laneway_edges", "Time") },
    Expiring { figures: true, ..expiring("laneway_presence", "Minute") },
];

#[derive(Debug, Row, Deserialize)]
struct Found {
    name: String,
    engine_full: String,
    comment: String,
}

/// Gives the tables the TTL that is configured; returns the names of those that had another one. ClickHouse applies it to what is stored in
/// the background.
///
/// # Errors
/// When the server cannot be reached or refuses a statement.
pub(super) async fn apply(
    connection: &Connection,
    database: &str,
    schema: &SchemaOptions,
) -> Result<Vec<&'static str>, MigrateError> {
    let names = TABLES.map(|table| schema.local(table.table));
    let found: Vec<Found> = connection
        .query(
            "SELECT name, engine_full, comment FROM system.tables \
             WHERE database = {database:String} AND name IN {names:Array(String)}",
        )
        .param("database", database)
        .param("names", &names[..])
        .fetch_all()
        .await?;
    let mut changed = Vec::new();
    for (expiring, name) in TABLES.iter().zip(&names) {
        let Some(table) = found.iter().find(|table| table.name == *name) else { continue };
        if let Some(statement) = expiring.statement(table, schema) {
            run(connection, &statement).await?;
            tracing::info!(table = expiring.table, "the time to live of ClickHouse's rows was changed");
            changed.push(expiring.table);
        }
    }
    Ok(changed)
}

impl Expiring {
    /// What is to be run for this table; `None` where it is as it should be, or nobody's business here.
    fn statement(&self, found: &Found, schema: &SchemaOptions) -> Option<String> {
        let max_age = if self.figures { schema.figures_max_age } else { schema.spans_max_age };
        let wanted = max_age.map(|max_age| ttl(self.time, max_age.as_secs()));
        let current = ttl_of(&found.engine_full);
        let is_written_here = current.is_some_and(|ttl| self.is_written_here(ttl));
        let is_made_here = !self.may_be_adopted || found.comment.starts_with(MADE_HERE);
        if wanted.as_deref() == current || !(is_made_here || is_written_here) {
            return None;
        }
        let alter = format!("ALTER TABLE {}{}", found.name, schema.on_cluster());
        Some(match wanted {
            Some(ttl) => format!("{alter} MODIFY TTL {ttl}"),
            None => format!("{alter} REMOVE TTL"),
        })
    }

    fn is_written_here(&self, current: &str) -> bool {
        let seconds =
            current.strip_prefix(self.time).and_then(|rest| rest.strip_prefix(" + toIntervalSecond("));
        seconds.and_then(|rest| rest.strip_suffix(')')).is_some_and(|text| text.parse::<u64>().is_ok())
    }
}

/// The expression after which rows of this time expire.
pub(super) fn ttl(time: &str, seconds: u64) -> String {
    format!("{time} + toIntervalSecond({seconds})")
}

/// Of an engine as `system.tables` describes it.
fn ttl_of(engine_full: &str) -> Option<&str> {
    let (_, ttl) = engine_full.split_once(" TTL ")?;
    Some(ttl.split_once(" SETTINGS ").map_or(ttl, |(ttl, _)| ttl))
}
