//! `laneway migrate`: ClickHouse's schema.

use std::process::ExitCode;

use anyhow::ensure;
use laneway_storage::clickhouse;

use crate::config::Config;
use crate::store;

/// Brings the schema up to date and names the steps that were missing, or prints all statements.
///
/// # Errors
/// When the configuration names no ClickHouse, or that does not answer or refuses; what was done so far stays, and the command can be
/// repeated.
#[allow(clippy::print_stdout, reason = "what was done is the output of this command")]
pub async fn run(config: Config, print: bool) -> anyhow::Result<ExitCode> {
    if print {
        print!("{}", clickhouse::script(&config.clickhouse.database, &store::schema(&config))?);
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(
        !config.clickhouse.url.is_empty(),
        "clickhouse.url is not set, so there is nothing to bring up to date"
    );
    let done = clickhouse::migrate(&store::clickhouse(&config)?).await?;
    if done.is_empty() {
        println!("the schema is up to date");
    }
    for step in done {
        println!("applied: {step}");
    }
    Ok(ExitCode::SUCCESS)
}
