//! Copying what ClickHouse has into a data directory of the embedded store, whose parts are Parquet files.
//!
//! Spans are read in slices of time. When all spans of a slice are in parts, a file in the directory notes that, and the number of the last
//! segment. An import that was killed removes what has a higher number, and goes on with the slice that it was in: so nothing is lost, and
//! nothing is there twice.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clickhouse::error::Error;
use serde::{Deserialize, Serialize};

use super::ClickHouseOptions;
use super::connection::Connection;
use super::export::open_quiet;
use super::row::SpanRow;
use crate::embedded::{EmbeddedStore, OpenError};
use crate::model::{Span, to_otlp};
use crate::store::{AdminError, AppendError, IngestRequest, QueryError, Store};

/// Where it is noted how far the import of a directory is.
const STATE_FILE: &str = "IMPORT";
/// A slice ends with the minute in which it has so many spans.
const SLICE_SPANS: u64 = 250_000;
/// Spans that are appended together.
const REQUEST_SPANS: usize = 1000;
const MINUTE_NS: i64 = 60 * 1_000_000_000;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportProgress {
    /// Spans in parts.
    pub spans: u64,
    /// Rows that are no spans, because their ids are no ids: others can write anything. They are left out.
    pub skipped_rows: u64,
    /// Rows of all slices, as they were counted when this run began.
    pub rows: u64,
}

/// Why an import did not come to its end. It can be repeated, and goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The data directory cannot be used; a server may be using it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There are spans in it that are not of an import.
    #[error("data directory {} has spans already: import into an empty one", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// It has spans of another server's import.
    #[error("data directory {} has an unfinished import of {source_name}", dir.display())]
    OtherSource {
        /// The directory.
        dir: PathBuf,
        /// Server and database.
        source_name: String,
    },
    /// ClickHouse does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The store took no spans.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store could not write parts.
    #[error(transparent)]
    Seal(#[from] AdminError),
    /// The file that says how far it is cannot be read or written.
    #[error("{}: {source}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
}

/// What is noted.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    source: String,
    /// Spans up to here are imported: later ones arrived after it began.
    last_unix_ns: i64,
    /// Spans that started before this are in parts.
    done_unix_ns: i64,
    /// Of what is done.
    last_segment: u64,
    spans: u64,
    skipped_rows: u64,
}

/// A stretch of time, without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slice {
    start_unix_ns: i64,
    end_unix_ns: i64,
}

/// Copies all spans that ClickHouse has when this begins into the data directory of `options.spool`. Figures are derived anew.
///
/// # Errors
/// When the directory is not empty or cannot be used, or ClickHouse does not answer.
pub async fn import(
    options: ClickHouseOptions,
    progress: impl FnMut(ImportProgress),
) -> Result<ImportProgress, ImportError> {
    import_in_slices(options, SLICE_SPANS, progress).await
}

pub(super) async fn import_in_slices(
    options: ClickHouseOptions,
    slice_spans: u64,
    mut progress: impl FnMut(ImportProgress),
) -> Result<ImportProgress, ImportError> {
    let connection = Connection::new(&options);
    let path = options.spool.data_dir.join(STATE_FILE);
    let store = open_quiet(options.spool.clone()).await?;
    let copied = async {
        let mut state = begin(&options, &connection, &store, &path).await?;
        let slices = slices(&connection, &state, slice_spans).await?;
        let rows = slices.iter().map(|(_, rows)| rows).sum::<u64>() + state.spans + state.skipped_rows;
        let told =
            |state: &State| ImportProgress { spans: state.spans, skipped_rows: state.skipped_rows, rows };
        for (slice, _) in slices {
            let (spans, skipped_rows) = copy(&connection, &store, slice).await?;
            seal(&store).await?;
            state.spans += spans;
            state.skipped_rows += skipped_rows;
            state.done_unix_ns = slice.end_unix_ns;
            state.last_segment = last_segment(&store);
            state.write(&path)?;
            progress(told(&state));
        }
        Ok::<_, ImportError>(told(&state))
    };
    let copied = copied.await;
    store.close().await;
    let copied = copied?;
    fs::remove_file(&path).map_err(|source| ImportError::State { path, source })?;
    Ok(copied)
}

/// Takes back what an earlier import had begun with, or begins.
async fn begin(
    options: &ClickHouseOptions,
    connection: &Connection,
    store: &Arc<EmbeddedStore>,
    path: &Path,
) -> Result<State, ImportError> {
    let dir = options.spool.data_dir.clone();
    let source = format!("{} {}", options.server.url, options.server.database);
    // What was open is in parts then, and can be taken back with them.
    seal(store).await?;
    let Some(state) = State::read(path)? else {
        if !store.spooled().is_empty() {
            return Err(ImportError::NotEmpty { dir });
        }
        let bounds = connection.query(
            "SELECT toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp)) FROM otel_traces",
        );
        let bounds: Vec<(i64, i64)> = connection.rows(bounds).await?;
        let (first_unix_ns, last_unix_ns) = bounds.into_iter().next().unwrap_or_default();
        let state = State {
            source,
            last_unix_ns,
            done_unix_ns: first_unix_ns,
            last_segment: 0,
            spans: 0,
            skipped_rows: 0,
        };
        state.write(path)?;
        return Ok(state);
    };
    if state.source != source {
        return Err(ImportError::OtherSource { dir, source_name: state.source });
    }
    for part in store.spooled().into_iter().filter(|part| part.last_segment() > state.last_segment) {
        store.remove_spooled(part).await?;
    }
    Ok(state)
}

/// What is left, with the number of rows of each, in the order of time.
async fn slices(
    connection: &Connection,
    state: &State,
    slice_spans: u64,
) -> Result<Vec<(Slice, u64)>, QueryError> {
    let query = connection
        .query(
            "SELECT toStartOfMinute(Timestamp) AS Minute, count() AS Rows FROM otel_traces \
             WHERE Timestamp >= fromUnixTimestamp64Nano({first:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({last:Int64}) \
             GROUP BY Minute ORDER BY Minute",
        )
        .with_setting("max_execution_time", "0")
        .param("first", state.done_unix_ns)
        .param("last", state.last_unix_ns);
    Ok(cut(connection.rows(query).await?, state, slice_spans))
}

/// Slices of whole minutes, of which the first begins where the import is and the last one ends with it.
fn cut(minutes: Vec<(u32, u64)>, state: &State, slice_spans: u64) -> Vec<(Slice, u64)> {
    let last_unix_ns = state.last_unix_ns;
    let (mut slices, mut start_unix_ns, mut rows) = (Vec::new(), state.done_unix_ns, 0);
    for (minute_s, of_minute) in minutes {
        rows += of_minute;
        let end_unix_ns = ((i64::from(minute_s) / 60 + 1) * MINUTE_NS).min(last_unix_ns.saturating_add(1));
        if rows >= slice_spans {
            slices.push((Slice { start_unix_ns, end_unix_ns }, rows));
            (start_unix_ns, rows) = (end_unix_ns, 0);
        }
    }
    if rows > 0 {
        slices.push((Slice { start_unix_ns, end_unix_ns: last_unix_ns.saturating_add(1) }, rows));
    }
    slices
}

/// Appends the spans of a slice; returns how many, and how many rows were none.
async fn copy(
    connection: &Connection,
    store: &EmbeddedStore,
    slice: Slice,
) -> Result<(u64, u64), ImportError> {
    let failed = |error| connection.query_error(error);
    let mut rows = connection
        .query(
            "SELECT ?fields FROM otel_traces WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) \
             AND Timestamp < fromUnixTimestamp64Nano({end:Int64})",
        )
        // A slice is read while it is written: it may take as long as that.
        .with_setting("max_execution_time", "0")
        .with_setting("max_result_rows", "0")
        .param("start", slice.start_unix_ns)
        .param("end", slice.end_unix_ns)
        .fetch::<SpanRow<'_>>()
        .map_err(failed)?;
    let (mut spans, mut skipped, mut chunk) = (0, 0, Vec::with_capacity(REQUEST_SPANS));
    loop {
        let row = tokio::time::timeout(connection.patience(), rows.next()).await;
        let Some(row) = row.unwrap_or(Err(Error::TimedOut)).map_err(failed)? else { break };
        match row.into_span() {
            Ok(span) => chunk.push(span),
            Err(error) => {
                tracing::debug!(%error, "a row is left out");
                skipped += 1;
            }
        }
        if chunk.len() == REQUEST_SPANS {
            spans += append(store, &mut chunk).await?;
        }
    }
    spans += append(store, &mut chunk).await?;
    Ok((spans, skipped))
}

async fn append(store: &EmbeddedStore, chunk: &mut Vec<Span>) -> Result<u64, AppendError> {
    let request = IngestRequest { body: to_otlp::traces_data(chunk).into(), compressed: None, connection: 0 };
    chunk.clear();
    loop {
        match store.append(request.clone()).await {
            Err(AppendError::Overloaded { retry_after }) => tokio::time::sleep(retry_after).await,
            appended => return Ok(appended?.spans),
        }
    }
}

async fn seal(store: &Arc<EmbeddedStore>) -> Result<(), AdminError> {
    let store = Arc::clone(store);
    let sealed = tokio::task::spawn_blocking(move || store.seal_all()).await;
    sealed.unwrap_or(Err(AdminError::Data(QueryError::Closing)))
}

fn last_segment(store: &EmbeddedStore) -> u64 {
    store.spooled().iter().map(|part| part.last_segment()).max().unwrap_or_default()
}

impl State {
    fn read(path: &Path) -> Result<Option<Self>, ImportError> {
        let read = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.and_then(|text| Ok(Some(serde_json::from_slice(&text)?))),
        };
        read.map_err(|source| ImportError::State { path: path.to_owned(), source })
    }

    /// It is the old one or the new one, whatever happens.
    fn write(&self, path: &Path) -> Result<(), ImportError> {
        let written = path.with_extension("new");
        let write = || {
            let mut file = File::create(&written)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&written, path)?;
            path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        };
        write().map_err(|source| ImportError::State { path: path.to_owned(), source })
    }
}
