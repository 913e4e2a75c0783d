//! Project tasks: `cargo xtask <task>`.

use clap::{Parser, Subcommand};

use step::Steps;

mod bench_sdk;
mod python;
mod step;
mod tasks;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Task {
    /// Everything that must hold before a change is merged: fmt --check, clippy, doc, test, the SDK's instructions
    Ci,
    /// Every test of the workspace, after installing what the tests need
    Test,
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
        Task::Fmt { check } => tasks::fmt(&mut steps, check),
        Task::Clippy => tasks::clippy(&mut steps),
        Task::Doc => tasks::doc(&mut steps),
        Task::BenchSdk { gate: true } => bench_sdk::gate(&mut steps),
        Task::BenchSdk { gate: false } => bench_sdk::table(&mut steps),
    };
    steps.print_summary();
    result
}
