//! Which batches ClickHouse has, and in which order figures are derived from them.
//!
//! Figures are sums of what spans contribute, given the rest of their trace; whoever adds a span to a trace must take back what was counted
//! without it. So batches need an order, and collectors know nothing of each other. The order is a log of *passes* in ClickHouse: a pass names the
//! batches that come next. Whoever wants to, writes it, under a deduplication token that is the number of the pass: of several writers the first
//! one counts, and all others read what it wrote.

use std::collections::HashSet;
use std::time::Duration;

use clickhouse::Row;
use clickhouse::error::Error;
use serde::{Deserialize, Serialize};

use super::connection::Connection;
use crate::QueryError;

/// Batches of a pass have about so many spans in all, unless one alone has more.
const PASS_SPANS: u64 = 400_000;

/// A batch that ClickHouse has.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch {
    pub(super) batch: u64,
    pub(super) spans: u64,
    /// Starts of its first and last span.
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Batches whose figures are derived together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) number: u64,
    pub(super) batches: Vec<Batch>,
}

#[derive(Debug, Row, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PassRow {
    pass: u64,
    batch: u64,
    spans: u64,
    first: i64,
    last: i64,
}

impl Pass {
    /// The starts of all its spans lie within, in nanoseconds since the Unix epoch.
    pub(super) fn range(&self) -> (i64, i64) {
        let first = self.batches.iter().map(|batch| batch.first).min();
        let last = self.batches.iter().map(|batch| batch.last).max();
        (first.unwrap_or_default(), last.unwrap_or_default())
    }
}

/// Notes that ClickHouse has all spans of a batch; `token` is that of its insert.
pub(super) async fn note(connection: &Connection, batch: &Batch, token: &str) -> Result<(), Error> {
    let mut insert = connection.insert::<Batch>("laneway_batches", &format!("{token}/stored")).await?;
    insert.write(batch).await?;
    insert.end().await
}

/// Begins the next pass with the batches that are in none, if there are some; `None` where another collector was faster, or nothing is to do.
pub(super) async fn begin_pass(connection: &Connection) -> Result<Option<Pass>, QueryError> {
    // First of all, so that a pass that somebody begins meanwhile has the same number, and one of the two is not stored. Passes are forgotten
    // after days, and their numbers are not.
    let last = connection.query(
        "SELECT max(Pass) FROM (SELECT Pass FROM laneway_passes UNION ALL SELECT Pass FROM laneway_passes_done)",
    );
    let number = connection.rows::<u64>(last).await?.into_iter().max().unwrap_or_default() + 1;
    let waiting = connection.query(
        "SELECT ?fields FROM laneway_batches WHERE Batch NOT IN (SELECT Batch FROM laneway_passes) \
         ORDER BY Stored, Batch LIMIT 1000",
    );
    let waiting: Vec<Batch> = connection.rows(waiting).await?;
    let mut spans = 0;
    let mut batches = Vec::new();
    for batch in waiting {
        if !batches.is_empty() && spans + batch.spans > PASS_SPANS {
            break;
        }
        spans += batch.spans;
        batches.push(batch);
    }
    if batches.is_empty() {
        return Ok(None);
    }
    let ours = Pass { number, batches };
    write(connection, &ours).await.map_err(|error| connection.query_error(error))?;
    let written = passes(connection, "Pass = {number:UInt64}", number).await?;
    let batches = |pass: &Pass| pass.batches.iter().map(|batch| batch.batch).collect::<HashSet<u64>>();
    Ok(written.into_iter().find(|pass| batches(pass) == batches(&ours)))
}

async fn write(connection: &Connection, pass: &Pass) -> Result<(), Error> {
    let mut insert = connection.insert::<PassRow>("laneway_passes", &format!("pass/{}", pass.number)).await?;
    for &Batch { batch, spans, first, last } in &pass.batches {
        insert.write(&PassRow { pass: pass.number, batch, spans, first, last }).await?;
    }
    insert.end().await
}

/// The passes that somebody began so long ago, and nobody ended.
pub(super) async fn abandoned(connection: &Connection, after: Duration) -> Result<Vec<Pass>, QueryError> {
    let condition = "Pass NOT IN (SELECT Pass FROM laneway_passes_done) \
                     AND Begun <= now64(3) - toIntervalMillisecond({number:UInt64})";
    passes(connection, condition, after.as_millis() as u64).await
}

/// The batches that were noted, and are in no pass that is done.
pub(super) async fn left(connection: &Connection) -> Result<Vec<u64>, QueryError> {
    let left = connection.query(
        "SELECT Batch FROM laneway_batches WHERE Batch NOT IN (SELECT Batch FROM laneway_passes) UNION ALL \
         SELECT Batch FROM laneway_passes WHERE Pass NOT IN (SELECT Pass FROM laneway_passes_done)",
    );
    connection.rows(left).await
}

/// Of these batches, those of passes up to this one, ordered: whether they are of this one and of none before.
pub(super) async fn known_batches(
    connection: &Connection,
    pass: &Pass,
    batches: &[u64],
) -> Result<Vec<(u64, bool)>, QueryError> {
    let query = connection
        .query(
            "SELECT Batch, min(Pass) = {pass:UInt64} FROM laneway_passes \
             WHERE Pass <= {pass:UInt64} AND Batch IN {batches:Array(UInt64)} GROUP BY Batch ORDER BY Batch",
        )
        .param("pass", pass.number)
        .param("batches", batches);
    let rows: Vec<(u64, u8)> = connection.rows(query).await?;
    Ok(rows.into_iter().map(|(batch, is_of_pass)| (batch, is_of_pass == 1)).collect())
}

/// Notes that the figures of a pass are stored.
pub(super) async fn end_pass(connection: &Connection, number: u64) -> Result<(), Error> {
    #[derive(Row, Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Done {
        pass: u64,
    }
    let mut insert = connection.insert::<Done>("laneway_passes_done", &format!("done/{number}")).await?;
    insert.write(&Done { pass: number }).await?;
    insert.end().await
}

async fn passes(connection: &Connection, condition: &str, number: u64) -> Result<Vec<Pass>, QueryError> {
    let query = format!("SELECT ?fields FROM laneway_passes WHERE {condition} ORDER BY Pass, Batch");
    let rows: Vec<PassRow> = connection.rows(connection.query(&query).param("number", number)).await?;
    let passes = rows.chunk_by(|a, b| a.pass == b.pass).map(|rows| Pass {
        number: rows[0].pass,
        batches: rows
            .iter()
            .map(|&PassRow { batch, spans, first, last, .. }| Batch { batch, spans, first, last })
            .collect(),
    });
    Ok(passes.collect())
}
