//! `laneway export` and `laneway import`: spans between a data directory and ClickHouse.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::ensure;
use laneway_storage::clickhouse::{self, ClickHouseOptions, ExportProgress, ImportProgress};

use crate::config::Config;
use crate::store;

/// How often the log says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Copies what the data directory holds to ClickHouse.
///
/// # Errors
/// When the configuration names no ClickHouse, a server uses the directory, or something fails on the way. It can be repeated, and goes on
/// where it was.
#[allow(clippy::print_stdout, reason = "what was done is the output of this command")]
pub async fn export(config: Config) -> anyhow::Result<ExitCode> {
    let mut pace = Pace::default();
    let spans = clickhouse::export(options(&config)?, |ExportProgress { spans_left, failing }| {
        if pace.is_due() {
            tracing::info!(spans_left, failing, "exporting");
        }
    })
    .await?;
    println!("exported {spans} spans of {} to ClickHouse", config.general.data_dir.display());
    Ok(ExitCode::SUCCESS)
}

/// Copies what ClickHouse has into the data directory.
///
/// # Errors
/// When the configuration names no ClickHouse, that does not answer, or the directory cannot be used or has other spans. It can be repeated,
/// and goes on where it was.
#[allow(clippy::print_stdout, reason = "what was done is the output of this command")]
pub async fn import(config: Config) -> anyhow::Result<ExitCode> {
    let mut pace = Pace::default();
    let done = clickhouse::import(options(&config)?, |ImportProgress { spans, rows, .. }| {
        if pace.is_due() {
            tracing::info!(spans, of = rows, "importing");
        }
    })
    .await?;
    println!("imported {} spans into {}", done.spans, config.general.data_dir.display());
    if done.skipped_rows > 0 {
        println!("left out {} rows that are no spans: their ids are no ids", done.skipped_rows);
    }
    Ok(ExitCode::SUCCESS)
}

fn options(config: &Config) -> anyhow::Result<ClickHouseOptions> {
    ensure!(
        !config.clickhouse.url.is_empty(),
        "clickhouse.url is not set, so there is nothing to copy to or from"
    );
    Ok(store::clickhouse(config)?)
}

#[derive(Default)]
struct Pace(Option<Instant>);

impl Pace {
    fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= SAY_EVERY);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}
