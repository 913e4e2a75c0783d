//! What taking spans costs the whole process: a release build of `laneway serve` under the load of `laneway load`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

use crate::server::Server;
use crate::step::{Steps, say};

/// Sizes of a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Spans to send over each protocol
    #[arg(long, default_value_t = 2_000_000)]
    spans: u64,
    /// Connections, each with one export under way
    #[arg(long, default_value_t = 4)]
    connections: u32,
    /// Spans of an export
    #[arg(long, default_value_t = 1000)]
    batch: u32,
    /// Send gzip
    #[arg(long)]
    gzip: bool,
    /// Any operation calls any, instead of always the same: see `laneway load --help`
    #[arg(long)]
    random_calls: bool,
    /// Only this protocol: grpc or http
    #[arg(long)]
    protocol: Option<String>,
    /// Wait so many seconds, and print the memory and disk that the server takes then: after two minutes without spans all segments are merged
    #[arg(long)]
    idle_s: Option<u64>,
    /// Further configuration of the server, such as `LANEWAY_WAL_SYNC=never`
    #[arg(long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
}

/// Builds, runs, and prints a line for each protocol.
pub(crate) fn run(steps: &mut Steps, options: &Options) -> anyhow::Result<()> {
    let binary = steps.release_binary()?;
    say(
        "protocol  CPU-s/M at last ack  CPU-s/M sealed  acked spans/s  export p50/p99 ms  peak RSS MB  disk B/span",
    );
    for protocol in ["grpc", "http"] {
        if options.protocol.as_deref().is_none_or(|only| only == protocol) {
            say(&measure(&binary, steps.target(), protocol, options)?);
        }
    }
    Ok(())
}

fn measure(binary: &Path, target: &Path, protocol: &str, options: &Options) -> anyhow::Result<String> {
    let data_dir = target.join(format!("bench-ingest-{}", std::process::id()));
    let server = Server::start(binary, &data_dir, &options.environment)?;
    let cpu_before = server.cpu()?;
    let mut flags = vec![
        format!("--spans={}", options.spans),
        format!("--connections={}", options.connections),
        format!("--batch={}", options.batch),
    ];
    flags.extend(options.gzip.then(|| "--gzip".to_owned()));
    flags.extend(options.random_calls.then(|| "--calls=random".to_owned()));
    let report = server.load(binary, protocol, &flags)?;
    let at_last_ack = server.cpu()? - cpu_before;
    let sealed = server.wait_until_idle()? - cpu_before;
    let number = |path: &str| {
        report
            .pointer(path)
            .and_then(serde_json::Value::as_f64)
            .with_context(|| format!("the load's report has no {path}"))
    };
    let acked = number("/spans_acked")?;
    ensure!(acked as u64 == options.spans, "{acked} of {} spans were acknowledged", options.spans);
    let per_million = |cpu: Duration| cpu.as_secs_f64() / acked * 1e6;
    let line = format!(
        "{protocol:<8}  {:>19.2}  {:>14.2}  {:>13.0}  {:>8.1}/{:<8.1}  {:>11.0}  {:>11.1}",
        per_million(at_last_ack),
        per_million(sealed),
        acked / number("/wall_s")?,
        number("/export_ms/p50")?,
        number("/export_ms/p99")?,
        server.peak_rss_mb()?,
        server.disk_bytes_per_span()?,
    );
    let Some(idle_s) = options.idle_s else { return Ok(line) };
    let idle_mb = server.rss_mb_after(Duration::from_secs(idle_s))?;
    let disk = server.disk_bytes_per_span()?;
    Ok(format!("{line}  after {idle_s} s of nothing {idle_mb:.1} MB of memory, {disk:.1} B/span"))
}
