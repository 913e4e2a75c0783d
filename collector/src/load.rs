//! `laneway load`: a load generator for OTLP over gRPC and HTTP.
//!
//! It sends traces of a made-up but lifelike fleet, says how fast they were acknowledged, and can read
//! sampled traces back to prove that nothing acknowledged is missing.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::builder::TypedValueParser;
use laneway_proto::Lane;
use rand::RngExt;
use tokio::task::JoinSet;

use connection::Target;
use exporter::Exporter;
use fleet::Fleet;
use plan::{Plan, Schedule, Sizes};
use report::Totals;
use samples::{Sample, Sampler};
use worker::Run;

pub(crate) mod connection;
mod encode;
mod exporter;
mod fleet;
mod ids;
mod plan;
mod report;
mod samples;
mod template;
#[cfg(test)]
mod tests;
mod verify;
mod worker;

/// How OTLP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Protocol {
    /// OTLP/gRPC: HTTP/2, `TraceService/Export`.
    #[default]
    Grpc,
    /// OTLP/HTTP with protobuf bodies: HTTP/1.1, `POST /v1/traces`.
    Http,
}

/// Which operations of the services that it calls an operation calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Calls {
    /// One of each service, always the same, as programs do: some thousand pairs of operations in all.
    #[default]
    Fixed,
    /// Any: some ten thousand pairs, of which each is seldom met, which is the most that a collector has to tell apart.
    Random,
}

/// Flags of `laneway load`.
#[derive(Debug, Clone, clap::Args)]
pub struct LoadArgs {
    /// Where to send the spans
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4317")]
    pub endpoint: String,
    /// How to send them
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,
    /// How many spans to send; 0 sends none, for `--verify` of an earlier run's `--samples`
    #[arg(long, value_name = "N")]
    pub spans: u64,
    /// Spans per second over all connections; without it, as fast as they are acknowledged
    #[arg(long, value_name = "SPANS_PER_S", value_parser = positive)]
    pub rate: Option<f64>,
    /// Connections, each with one export in flight
    #[arg(long, value_name = "C", default_value_t = 4, value_parser = count(1..=4096))]
    pub connections: usize,
    /// Spans per export
    #[arg(long, value_name = "SPANS", default_value_t = 1000, value_parser = count(1..=100_000))]
    pub batch: usize,
    /// The same seed sends the same spans, but for their times; without it, a random one
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Lanes beside the baseline; three traces in ten travel in one of them
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LANES",
        default_value = "grey-v2,staging,ab-blue,load-test,dev-ana"
    )]
    pub lanes: Vec<Lane>,
    /// Compress exports with gzip
    #[arg(long)]
    pub gzip: bool,
    /// Services in the fleet, of 15 operations each
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = count(1..=10_000))]
    pub services: usize,
    /// Which operations of the services that it calls an operation calls
    #[arg(long, value_enum, default_value_t)]
    pub calls: Calls,
    /// Fewest and most spans of a trace
    #[arg(long, value_name = "MIN-MAX", default_value = "5-40")]
    pub spans_per_trace: SpanCounts,
    /// Exports that a trace's spans are spread over, at most; 1 sends whole traces
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = count(1..=64))]
    pub split: usize,
    /// Seconds to wait for the answer to an export, and for a lost connection to come back
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = positive)]
    pub timeout: f64,
    /// End the run when a connection is lost, instead of connecting again
    #[arg(long)]
    pub stop_on_disconnect: bool,
    /// Write the sampled traces, with the ids of their acknowledged spans, to this file; with `--spans 0`, read them
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,
    /// How many traces to sample
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub sample_traces: u64,
    /// Afterwards read every sampled trace back, and exit 1 when an acknowledged span is missing
    #[arg(long)]
    pub verify: bool,
    /// The query API to read from
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:16686")]
    pub http: String,
}

/// The fewest and the most spans of a trace, both at least 1: `5-40`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanCounts {
    /// The fewest.
    pub min: usize,
    /// The most.
    pub max: usize,
}

impl FromStr for SpanCounts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        match (min.parse(), max.parse()) {
            (Ok(min), Ok(max)) if 1 <= min && min <= max => Ok(Self { min, max }),
            _ => Err("not of the form MIN-MAX with 1 <= MIN <= MAX".to_owned()),
        }
    }
}

fn count(range: RangeInclusive<u64>) -> impl TypedValueParser<Value = usize> {
    clap::value_parser!(u64).range(range).map(|count| count as usize)
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("not a number above 0".to_owned()) }
}

/// Runs `laneway load`: sends the spans, reads samples back where that is asked for, and prints the JSON line.
///
/// The exit code is 1 when an acknowledged span is missing, or when the server went away and did not come back.
///
/// # Errors
/// When the endpoint cannot be reached, when the query API fails, and when samples cannot be read or written.
pub async fn run(args: LoadArgs) -> anyhow::Result<ExitCode> {
    // Few enough bits for every reader of JSON to read the seed back exactly.
    let seed = args.seed.unwrap_or_else(|| rand::rng().random::<u64>() >> 11);
    let (totals, wall, samples) = if args.spans > 0 { send(&args, seed).await? } else { earlier(&args)? };
    let mut report = totals.report(seed, wall);
    if let Some(reason) = &totals.gave_up {
        complain(&format!("the run ended early: {reason}"));
    } else if let Some(reason) = &totals.last_error {
        complain(&format!("the last of the problems: {reason}"));
    }
    if args.verify {
        report.verification = Some(verify::verify(&args.http, samples, args.connections).await?);
    }
    print_line(&serde_json::to_string(&report)?);
    let complete = report.verification.is_none_or(|found| found.is_complete());
    Ok(if complete && totals.gave_up.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Nothing is sent: the samples are those of an earlier run.
fn earlier(args: &LoadArgs) -> anyhow::Result<(Totals, Duration, Vec<Sample>)> {
    let file = args.samples.as_deref().filter(|_| args.verify);
    let file =
        file.context("--spans 0 sends nothing: it needs --verify and the --samples of an earlier run")?;
    Ok((Totals::default(), Duration::ZERO, samples::read(file)?))
}

async fn send(args: &LoadArgs, seed: u64) -> anyhow::Result<(Totals, Duration, Vec<Sample>)> {
    let exporter = Exporter {
        target: Target::parse(&args.endpoint)?,
        protocol: args.protocol,
        gzip: args.gzip,
        timeout: Duration::from_secs_f64(args.timeout),
    };
    let mut connections = Vec::with_capacity(args.connections);
    for _ in 0..args.connections {
        connections.push(exporter.connect().await?);
    }
    let SpanCounts { min, max } = args.spans_per_trace;
    let fleet = Fleet::new(args.services, &args.lanes, min, max).with_calls(args.calls);
    let plan = Plan::new(&fleet, seed, Sizes { spans: args.spans, batch: args.batch, split: args.split });
    let want_samples = args.samples.is_some() || args.verify;
    let sampler = Sampler::new(if want_samples { args.sample_traces } else { 0 }, plan.groups());
    let schedule = Schedule::new(plan, args.rate);
    let run = Arc::new(Run { schedule, exporter, sampler, stop_on_disconnect: args.stop_on_disconnect });

    let mut workers = JoinSet::new();
    for connection in connections {
        let run = Arc::clone(&run);
        workers.spawn(async move { run.work(connection).await });
    }
    let mut totals = Totals::default();
    while let Some(worker) = workers.join_next().await {
        totals.merge(worker?);
    }
    let wall = run.schedule.began().elapsed();
    let samples = Arc::into_inner(run).map(|run| run.sampler.finish()).unwrap_or_default();
    if let Some(file) = &args.samples {
        samples::write(file, &samples)?;
    }
    Ok((totals, wall, samples))
}

#[allow(clippy::print_stdout, reason = "the report is what the command is for")]
fn print_line(line: &str) {
    println!("{line}");
}

#[allow(clippy::print_stderr, reason = "a command's word to its user")]
fn complain(message: &str) {
    eprintln!("laneway load: {message}");
}
