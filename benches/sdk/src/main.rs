//! What a span costs. `cargo xtask bench-sdk` runs this under callgrind and prints a table.

use clap::{Parser, Subcommand};

mod allocations;
mod cpu;
mod ours;
#[cfg(feature = "rivals")]
mod rivals;
mod soak;
mod subject;

use subject::{Input, Subject, measured};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Names the subjects, one a line
    List,
    /// Opens spans, for callgrind to count the instructions of the function `measured`; prints how many spans those are
    Run { subject: String },
    /// CPU time of all threads for one span, in nanoseconds: encoding included, sending not
    Cpu { subject: String },
    /// Eight threads that open spans and end each other's, for so many seconds: fails when a span is lost that was not counted, or
    /// when memory grows
    Soak { seconds: u64 },
    /// Allocations of the calling thread for one span, once warm
    Allocations { subject: String },
}

/// Spans of one measurement: enough that what happens once in a few hundred spans is in it several times.
const TRACES: usize = 400;

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::List => subject::NAMES.iter().for_each(|name| say(name)),
        Command::Run { subject } => {
            let (subject, input) = (subject::start(&subject)?, Input::default());
            warm_up(&*subject, &input);
            let spans = measured(&*subject, &input, TRACES);
            subject.settle();
            say(&spans.to_string());
        }
        Command::Soak { seconds } => say(&soak::run(std::time::Duration::from_secs(seconds))?),
        Command::Cpu { subject } => say(&cpu::ns_per_span(&*subject::start(&subject)?)?.to_string()),
        Command::Allocations { subject } => {
            let (subject, input) = (subject::start(&subject)?, Input::default());
            warm_up(&*subject, &input);
            let before = allocations::of_this_thread();
            let spans = subject::run(&*subject, &input, TRACES);
            let allocations = allocations::of_this_thread() - before;
            say(&format!("{}", allocations as f64 / spans as f64));
        }
    }
    Ok(())
}

fn warm_up(subject: &dyn Subject, input: &Input) {
    for _ in 0..3 {
        subject::run(subject, input, TRACES);
        subject.settle();
    }
}

#[allow(clippy::print_stdout, reason = "this is what a benchmark does")]
fn say(line: &str) {
    println!("{line}");
}
