//! Applying the schema.

use std::collections::HashSet;

use clickhouse::error::Error;

use super::connection::{Connection, client};
use super::schema::{MIGRATIONS, Migration, SchemaOptions};
use super::ttl;
use super::{ClickHouseOptions, ServerOptions};

/// What an adopted table must have: the exporter's columns.
const NEEDED: [&str; 22] = [
    "Timestamp",
    "TraceId",
    "SpanId",
    "ParentSpanId",
    "TraceState",
    "SpanName",
    "SpanKind",
    "ServiceName",
    "ResourceAttributes",
    "ScopeName",
    "ScopeVersion",
    "SpanAttributes",
    "Duration",
    "StatusCode",
    "StatusMessage",
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
    "Links.TraceId",
    "Links.SpanId",
    "Links.TraceState",
    "Links.Attributes",
];

/// Why the schema could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A name of the options cannot stand in a statement.
    #[error(transparent)]
    Name(#[from] super::schema::InvalidName),
    /// The server does not answer, or refuses.
    #[error("ClickHouse: {0}")]
    Server(String),
    /// There is a table `otel_traces` that is not the exporter's.
    #[error("otel_traces of database {database:?} cannot be adopted: it has no column {column}")]
    Column {
        /// Its database.
        database: String,
        /// What it lacks.
        column: &'static str,
    },
}

impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        Self::Server(error.to_string())
    }
}

/// The statements of the whole schema, as one script.
///
/// # Errors
/// When a name of the options cannot stand in a statement.
pub fn script(database: &str, options: &SchemaOptions) -> Result<String, MigrateError> {
    options.check()?;
    let mut script = format!(
        "{};\n\nUSE {};\n\n{};\n",
        create_database(database, options),
        identifier(database),
        options.log()
    );
    for migration in MIGRATIONS {
        script.push_str(&format!("\n-- {} {}\n", migration.number, migration.name));
        for statement in migration.statements(options) {
            script.push_str(&format!("\n{statement};\n"));
        }
    }
    Ok(script)
}

/// Brings the schema up to date; returns what was missing: steps by their names, and tables whose rows expired after another time than is
/// configured. It can be repeated, also by several at once.
///
/// # Errors
/// When the server cannot be reached or refuses a statement; what was done so far stays.
pub async fn migrate(options: &ClickHouseOptions) -> Result<Vec<String>, MigrateError> {
    options.schema.check()?;
    create(&options.server, &options.schema).await?;
    let connection = Connection::new(options);
    run(&connection, &options.schema.log()).await?;
    let applied: Vec<u32> =
        connection.query("SELECT DISTINCT Number FROM laneway_migrations").fetch_all().await?;
    let applied: HashSet<u32> = applied.into_iter().collect();
    let missing: Vec<Migration> =
        MIGRATIONS.into_iter().filter(|migration| !applied.contains(&migration.number)).collect();
    for migration in &missing {
        for statement in migration.statements(&options.schema) {
            run(&connection, &statement).await?;
            if statement.starts_with("CREATE TABLE IF NOT EXISTS otel_traces") {
                adopt(&connection, options).await?;
            }
        }
        let done = "INSERT INTO laneway_migrations (Number, Name) SELECT {number:UInt32}, {name:String}";
        let done = connection.statement(done).param("number", migration.number).param("name", migration.name);
        done.execute().await?;
        tracing::info!(migration = migration.name, "ClickHouse's schema was changed");
    }
    let changed = ttl::apply(&connection, &options.server.database, &options.schema).await?;
    let steps = missing.iter().map(|migration| migration.name.to_owned());
    Ok(steps.chain(changed.iter().map(|table| format!("retention of {table}"))).collect())
}

/// Creates the database where it is missing. Whoever may not do that may still use one that is there.
async fn create(server: &ServerOptions, schema: &SchemaOptions) -> Result<(), MigrateError> {
    let client = client(server);
    let exists: Vec<u64> = client
        .query("SELECT count() FROM system.databases WHERE name = {name:String}")
        .param("name", &server.database)
        .fetch_all()
        .await?;
    if exists.iter().all(|count| *count == 0) {
        client.query_raw(&create_database(&server.database, schema)).execute().await?;
    }
    Ok(())
}

fn create_database(database: &str, schema: &SchemaOptions) -> String {
    format!("CREATE DATABASE IF NOT EXISTS {}{}", identifier(database), schema.on_cluster())
}

fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

pub(super) async fn run(connection: &Connection, statement: &str) -> Result<(), MigrateError> {
    connection.statement(statement).execute().await.map_err(|error| {
        let head = statement.lines().next().unwrap_or_default();
        MigrateError::Server(format!("{error} (in: {head} …)"))
    })
}

/// Checks that the table that is there is the exporter's.
async fn adopt(connection: &Connection, options: &ClickHouseOptions) -> Result<(), MigrateError> {
    let columns: Vec<String> = connection
        .query(
            "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}",
        )
        .param("database", &options.server.database)
        .param("table", options.schema.local("otel_traces"))
        .fetch_all()
        .await?;
    let columns: HashSet<&str> = columns.iter().map(String::as_str).collect();
    match NEEDED.into_iter().find(|column| !columns.contains(column)) {
        Some(column) => Err(MigrateError::Column { database: options.server.database.clone(), column }),
        None => Ok(()),
    }
}
