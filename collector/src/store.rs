//! Opens the store that the configuration describes.

use std::sync::Arc;

use laneway_storage::Store;
use laneway_storage::embedded::{
    EmbeddedStore, MergeOptions, OpenError, Options, RetentionOptions, SyncMode, TopologyOptions,
};
use laneway_storage::topology::AdmissionLimits;

use crate::config::{Config, WalSync};

/// Opens the store. This blocks: it replays the log.
///
/// # Errors
/// When its directory is locked or cannot be used.
pub(crate) fn open(config: &Config) -> Result<Arc<dyn Store>, OpenError> {
    let options = Options {
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
        },
        retention: RetentionOptions {
            max_age: Some(config.retention.max_age).filter(|age| !age.is_zero()),
            figures_max_age: Some(config.retention.figures_max_age).filter(|age| !age.is_zero()),
            max_bytes: Some(config.retention.max_bytes.0).filter(|bytes| *bytes > 0),
            min_free_bytes: config.retention.min_free_bytes.0,
            min_free_percent: u32::try_from(config.retention.min_free_percent).unwrap_or(100),
        },
        ..Options::new(&config.general.data_dir)
    };
    Ok(EmbeddedStore::open(options)?)
}
