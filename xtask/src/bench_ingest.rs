//! What taking spans costs the whole process: a release build of `laneway serve` under the load of `laneway load`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;

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
    /// Only this protocol: grpc or http
    #[arg(long)]
    protocol: Option<String>,
    /// Further configuration of the server, such as `LANEWAY_WAL_SYNC=never`
    #[arg(long = "env", value_name = "NAME=VALUE")]
    environment: Vec<String>,
}

/// Builds, runs, and prints a line for each protocol.
pub(crate) fn run(steps: &mut Steps, options: &Options) -> anyhow::Result<()> {
    steps.cargo("build", "build --release --locked --package laneway-collector", |_| ())?;
    let binary = steps.target().join("release").join(format!("laneway{}", std::env::consts::EXE_SUFFIX));
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
    let report = server.load(binary, protocol, options)?;
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
    let (part_bytes, part_spans) =
        (server.metric("laneway_store_part_bytes")?, server.metric("laneway_store_part_spans")?);
    Ok(format!(
        "{protocol:<8}  {:>19.2}  {:>14.2}  {:>13.0}  {:>8.1}/{:<8.1}  {:>11.0}  {:>11.1}",
        per_million(at_last_ack),
        per_million(sealed),
        acked / number("/wall_s")?,
        number("/export_ms/p50")?,
        number("/export_ms/p99")?,
        server.peak_rss_mb()?,
        part_bytes / part_spans.max(1.0),
    ))
}

/// A running server, which ends and whose data goes when this is dropped.
struct Server {
    process: Child,
    data_dir: PathBuf,
    http: String,
    otlp_grpc: String,
    otlp_http: String,
}

impl Server {
    fn start(binary: &Path, data_dir: &Path, environment: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data-dir").arg(data_dir);
        for port in ["--otlp-grpc", "--otlp-http", "--http"] {
            command.args([port, "127.0.0.1:0"]);
        }
        for variable in environment {
            let (name, value) =
                variable.split_once('=').with_context(|| format!("{variable} is not NAME=VALUE"))?;
            command.env(name, value);
        }
        let process = command.stdout(Stdio::piped()).spawn().context("cannot start the server")?;
        let mut server = Self {
            process,
            data_dir: data_dir.to_owned(),
            http: String::new(),
            otlp_grpc: String::new(),
            otlp_http: String::new(),
        };
        let output = server.process.stdout.take().context("no output of the server")?;
        let mut ready = String::new();
        BufReader::new(output).read_line(&mut ready)?;
        let address = |name: &str| {
            let found = ready.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned).with_context(|| format!("the ready line has no {name}: {ready:?}"))
        };
        (server.http, server.otlp_grpc, server.otlp_http) =
            (address("http")?, address("otlp_grpc")?, address("otlp_http")?);
        Ok(server)
    }

    fn load(&self, binary: &Path, protocol: &str, options: &Options) -> anyhow::Result<serde_json::Value> {
        let endpoint = if protocol == "grpc" { &self.otlp_grpc } else { &self.otlp_http };
        let mut command = Command::new(binary);
        command.arg("load").args(["--protocol", protocol, "--endpoint", &format!("http://{endpoint}")]);
        for (name, value) in [
            ("--spans", options.spans),
            ("--connections", options.connections.into()),
            ("--batch", options.batch.into()),
        ] {
            command.args([name, &value.to_string()]);
        }
        if options.gzip {
            command.arg("--gzip");
        }
        let output = command.stderr(Stdio::inherit()).output().context("cannot start the load")?;
        let report = String::from_utf8(output.stdout)?;
        serde_json::from_str(report.trim()).with_context(|| format!("the load's report: {report:?}"))
    }

    /// CPU time of the process so far, user and system.
    fn cpu(&self) -> anyhow::Result<Duration> {
        // Linux counts in ticks, of which user space sees 100 a second whatever the kernel uses (man 5 proc_pid_stat).
        const TICK: Duration = Duration::from_millis(10);
        let stat = self.proc("stat")?;
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
        let ticks: Vec<u32> =
            fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(TICK * ticks.iter().sum())
    }

    /// Waits until what follows the last request is done: sealing, merging. Returns the CPU time by then.
    fn wait_until_idle(&self) -> anyhow::Result<Duration> {
        const SECOND: Duration = Duration::from_secs(1);
        let mut before = self.cpu()?;
        loop {
            std::thread::sleep(SECOND);
            let now = self.cpu()?;
            if now - before < SECOND / 50 {
                return Ok(now);
            }
            before = now;
        }
    }

    fn peak_rss_mb(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.process.id());
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }

    /// A figure of `/metrics`.
    fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let mut connection = TcpStream::connect(&self.http)?;
        write!(connection, "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http)?;
        let mut text = String::new();
        connection.read_to_string(&mut text)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("/metrics has no {name}"))?.trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is wanted any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.data_dir);
    }
}
