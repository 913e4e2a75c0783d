//! Project tasks: `cargo xtask <task>`.

use clap::{Parser, Subcommand};

use step::Steps;

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
    /// Everything that must hold before a change is merged: fmt --check, clippy, doc, test
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
}

fn main() -> anyhow::Result<()> {
    let mut steps = Steps::new()?;
    let result = match Cli::parse().task {
        Task::Ci => tasks::ci(&mut steps),
        Task::Test => tasks::test(&mut steps),
        Task::Fmt { check } => tasks::fmt(&mut steps, check),
        Task::Clippy => tasks::clippy(&mut steps),
        Task::Doc => tasks::doc(&mut steps),
    };
    steps.print_summary();
    result
}
