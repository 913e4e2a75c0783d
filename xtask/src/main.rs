//! Project tasks: `cargo xtask <task>`.

use clap::{Parser, Subcommand};

use step::Steps;

mod bench_clickhouse;
mod bench_ingest;
mod bench_queries;
mod bench_sdk;
mod engine;
mod files;
mod gate;
mod page;
mod python;
mod server;
mod step;
mod tasks;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Clone, Subcommand)]
enum Task {
    /// Everything that must hold before a change is merged: fmt --check, clippy, doc, test, and both gates of instructions
    Ci,
    /// Every test of the workspace, after installing what the tests need
    Test,
    /// Build the page into the files that are committed and embedded
    Page {
        /// Test it instead: types, unit tests, whether the committed files are fresh, and in Chromium
        #[arg(long)]
        test: bool,
    },
    /// Format the code
    Fmt {
        /// Change nothing; fail where formatting would
        #[arg(long)]
        check: bool,
    },
    /// Clippy over all code, where a warning is an error
    Clippy,
    /// The documentation, where a warning is an error
    Doc,
    /// Instructions of hot paths, which must not exceed their ceilings; skipped where valgrind is not installed
    Gate,
    /// CPU, memory and disk of a server under load
    BenchIngest(bench_ingest::Options),
    /// Latency of queries over many stored spans, start, idle memory
    BenchQueries(bench_queries::Options),
    /// Bytes, CPU and latency of spans in ClickHouse, in our tables and in the exporter's; several collectors over one engine
    BenchClickhouse(bench_clickhouse::Options),
    /// What a span costs in our SDK and in others: the table of docs/benchmarks.md
    BenchSdk {
        /// Only ours, against its budget of instructions; fail where it is exceeded
        #[arg(long)]
        gate: bool,
    },
}

fn main() -> anyhow::Result<()> {
    let mut steps = Steps::new()?;
    let result = match Cli::parse().task {
        Task::Ci => tasks::ci(&mut steps),
        Task::Test => tasks::test(&mut steps),
        Task::Page { test: true } => tasks::test_page(&mut steps),
        Task::Page { test: false } => page::build(&mut steps),
        Task::Fmt { check } => tasks::fmt(&mut steps, check),
        Task::Clippy => tasks::clippy(&mut steps),
        Task::Doc => tasks::doc(&mut steps),
        Task::Gate => gate::run(&mut steps),
        Task::BenchIngest(options) => bench_ingest::run(&mut steps, &options),
        Task::BenchQueries(options) => bench_queries::run(&mut steps, &options),
        Task::BenchClickhouse(options) => bench_clickhouse::run(&mut steps, &options),
        Task::BenchSdk { gate: true } => bench_sdk::gate(&mut steps),
        Task::BenchSdk { gate: false } => bench_sdk::table(&mut steps),
    };
    steps.print_summary();
    result
}
