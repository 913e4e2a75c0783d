//! Opens the store that the configuration describes.

use std::sync::Arc;

use std::path::PathBuf;

use laneway_storage::clickhouse::{
    ClickHouseOpenError, ClickHouseOptions, ClickHouseStore, SchemaOptions, ServerOptions,
};
use laneway_storage::embedded::{EmbeddedStore, MergeOptions, OpenError, Options, SyncMode, TopologyOptions};
use laneway_storage::topology::AdmissionLimits;
use laneway_storage::{RetentionOptions, Store};

use crate::config::{Config, WalSync};

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The store on this machine.
    #[error(transparent)]
    Embedded(#[from] OpenError),
    /// The store in ClickHouse.
    #[error(transparent)]
    ClickHouse(#[from] ClickHouseOpenError),
    /// The password of ClickHouse's user.
    #[error("clickhouse.password_file {}: {source}", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The thread that opened it died.
    #[error("opening the store failed: {0}")]
    Died(#[from] tokio::task::JoinError),
}

/// Opens the store: it replays its log.
///
/// # Errors
/// When its directory is locked or cannot be used. ClickHouse need not answer yet.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    if !config.clickhouse.url.is_empty() {
        return Ok(ClickHouseStore::open(clickhouse(config)?).await?);
    }
    let options = embedded(config);
    Ok(tokio::task::spawn_blocking(move || EmbeddedStore::open(options)).await??)
}

/// What the configuration says of ClickHouse.
///
/// # Errors
/// When the password cannot be read.
pub(crate) fn clickhouse(config: &Config) -> Result<ClickHouseOptions, StoreError> {
    let section = &config.clickhouse;
    let server = ServerOptions {
        url: section.url.clone(),
        database: section.database.clone(),
        user: section.user.clone(),
        password: password(&section.password_file)?,
    };
    Ok(ClickHouseOptions {
        schema: schema(config),
        apply_schema: section.apply_schema,
        flush_interval: section.flush_interval,
        inserts_in_flight: usize::try_from(section.inserts_in_flight).unwrap_or(usize::MAX),
        spool_max_bytes: section.spool_max_bytes.0,
        query_timeout: section.query_timeout,
        query_server_memory_bytes: section.query_memory_bytes.0,
        spool: embedded(config),
        ..ClickHouseOptions::new(server, &config.general.data_dir)
    })
}

/// What ClickHouse's tables are to be like.
pub(crate) fn schema(config: &Config) -> SchemaOptions {
    let named = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
    SchemaOptions {
        cluster: named(&config.clickhouse.cluster),
        storage_policy: named(&config.clickhouse.storage_policy),
        spans_max_age: Some(config.retention.max_age).filter(|age| !age.is_zero()),
        figures_max_age: Some(config.retention.figures_max_age).filter(|age| !age.is_zero()),
    }
}

fn password(file: &str) -> Result<String, StoreError> {
    if file.is_empty() {
        return Ok(String::new());
    }
    let read = std::fs::read_to_string(file);
    let text = read.map_err(|source| StoreError::Password { path: file.into(), source })?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn embedded(config: &Config) -> Options {
    Options {
        wal_sync: match config.wal.sync {
            WalSync::Always => SyncMode::Always,
            WalSync::Interval => SyncMode::Interval(config.wal.interval),
            WalSync::Never => SyncMode::Never,
        },
        segment_max_spans: usize::try_from(config.segment.max_spans).unwrap_or(usize::MAX),
        segment_max_bytes: config.segment.max_bytes.as_usize(),
        segment_max_age: config.segment.max_age,
        ingest_memory_bytes: config.limits.ingest_memory_bytes.as_usize(),
        ingest_threads: match config.ingest.threads {
            0 => Options::default_ingest_threads(),
            threads => usize::try_from(threads).unwrap_or(usize::MAX),
        },
        cache_bytes: config.query.cache_bytes.as_usize(),
        query_memory_bytes: config.query.max_memory_bytes.as_usize(),
        query_helpers: match config.query.threads {
            0 => Options::default_query_helpers(),
            threads => usize::try_from(threads - 1).unwrap_or(usize::MAX),
        },
        topology: TopologyOptions {
            recent_bytes: config.topology.recent_bytes.as_usize(),
            recent_max_age: config.topology.recent_max_age,
            limits: AdmissionLimits {
                red: usize::try_from(config.topology.max_series).unwrap_or(usize::MAX),
                instance_edges: usize::try_from(config.topology.max_instance_edges).unwrap_or(usize::MAX),
                operation_edges: usize::try_from(config.topology.max_operation_edges).unwrap_or(usize::MAX),
            },
        },
        merge: MergeOptions {
            enabled: config.merge.enabled,
            max_cpu_percent: u32::try_from(config.merge.max_cpu_percent).unwrap_or(100),
            max_part_spans: usize::try_from(config.merge.max_part_spans).unwrap_or(usize::MAX),
            max_time_span: config.merge.max_time_span,
            full_group_spans: usize::try_from(config.merge.full_group_spans).unwrap_or(usize::MAX),
        },
        retention: RetentionOptions {
            max_age: Some(config.retention.max_age).filter(|age| !age.is_zero()),
            figures_max_age: Some(config.retention.figures_max_age).filter(|age| !age.is_zero()),
            max_bytes: Some(config.retention.max_bytes.0).filter(|bytes| *bytes > 0),
            min_free_bytes: config.retention.min_free_bytes.0,
            min_free_percent: u32::try_from(config.retention.min_free_percent).unwrap_or(100),
        },
        ..Options::new(&config.general.data_dir)
    }
}
