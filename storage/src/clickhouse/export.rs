//! Copying a data directory of the embedded store to ClickHouse.
//!
//! What is copied is a snapshot of the directory, which serves as the spool of a store in ClickHouse until it is empty. So an export that was
//! killed goes on where it was, with the same tokens, and nothing is stored twice. The directory itself stays as it is; as its parts have the
//! names and the content that they had, exporting it once more, or having a collector use it as its spool, stores nothing again for as long
//! as ClickHouse remembers the tokens.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use super::{ClickHouseOpenError, ClickHouseOptions, ClickHouseStore, batches, collector_id, name_collector};
use crate::RetentionOptions;
use crate::embedded::{EmbeddedStore, MergeOptions, OpenError, Options, snapshot_dir};
use crate::store::{AdminError, QueryError, Store};

/// The name of the snapshot.
const SNAPSHOT: &str = "clickhouse-export";
/// How often progress is told.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How far an export is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportProgress {
    /// Spans that are not in ClickHouse yet, as far as is known.
    pub spans_left: u64,
    /// Why ClickHouse refuses at present; it is tried again.
    pub failing: Option<String>,
}

/// Why an export did not come to its end. It can be repeated, and goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The data directory cannot be used; a server may be using it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No snapshot can be taken.
    #[error(transparent)]
    Snapshot(#[from] AdminError),
    /// The snapshot cannot serve as a spool.
    #[error(transparent)]
    Spool(#[from] ClickHouseOpenError),
    /// ClickHouse does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A file cannot be written or removed.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// All else is in ClickHouse.
    #[error("{parts} damaged parts of {} were not exported: see `laneway inspect`", dir.display())]
    Damaged {
        /// The snapshot, which stays.
        dir: PathBuf,
        /// How many.
        parts: u64,
    },
}

/// Copies what the data directory of `options.spool` holds to ClickHouse, and derives its figures there; returns how many spans were left to
/// copy when it began. Figures of spans that have expired are not copied.
///
/// # Errors
/// When the directory cannot be used, or ClickHouse does not answer in the end. While spans are copied it may be away.
pub async fn export(
    options: ClickHouseOptions,
    mut progress: impl FnMut(ExportProgress),
) -> Result<u64, ExportError> {
    let data_dir = options.spool.data_dir.clone();
    let snapshot = snapshot_dir(&data_dir, SNAPSHOT);
    if !snapshot.exists() {
        take_snapshot(&options).await?;
    }
    // The same for each export, or tokens would differ.
    name_collector(&snapshot, &collector_id(&data_dir)?)?;
    let spool = Options { data_dir: snapshot.clone(), ..options.spool.clone() };
    let store = ClickHouseStore::open(ClickHouseOptions { spool, ..options }).await?;
    let left = |store: &ClickHouseStore| store.spool.spooled().iter().map(|part| part.spans()).sum::<u64>();
    let spans = left(&store);
    while !store.drained(LOOK_EVERY).await {
        let failing = store.shipped.borrow().failing.as_ref().map(|(_, error)| error.clone());
        progress(ExportProgress { spans_left: left(&store), failing });
    }
    let damaged = store.stats().maintenance.parts_in_quarantine;
    let derived = derive(&store).await;
    store.close().await;
    drop(store);
    derived?;
    if damaged > 0 {
        return Err(ExportError::Damaged { dir: snapshot, parts: damaged });
    }
    std::fs::remove_dir_all(&snapshot).map_err(|source| ExportError::File { path: snapshot, source })?;
    Ok(spans)
}

async fn take_snapshot(options: &ClickHouseOptions) -> Result<(), ExportError> {
    let store = open_quiet(options.spool.clone()).await?;
    let taken = store.take_snapshot(SNAPSHOT).await;
    store.close().await;
    taken?;
    Ok(())
}

/// Opens an embedded store in which parts stay as they are.
pub(super) async fn open_quiet(options: Options) -> Result<std::sync::Arc<EmbeddedStore>, OpenError> {
    let merge = MergeOptions { enabled: false, ..MergeOptions::default() };
    let options = Options { merge, retention: RetentionOptions::default(), ..options };
    let opened = tokio::task::spawn_blocking(move || EmbeddedStore::open(options)).await;
    opened.unwrap_or_else(|died| std::panic::resume_unwind(died.into_panic()))
}

/// Waits until figures were derived of what ClickHouse has now, here or by a collector.
async fn derive(store: &ClickHouseStore) -> Result<(), QueryError> {
    let waiting: HashSet<u64> = batches::left(&store.connection).await?.into_iter().collect();
    while batches::left(&store.connection).await?.iter().any(|batch| waiting.contains(batch)) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
