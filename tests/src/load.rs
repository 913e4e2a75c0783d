//! `laneway load`, and what it reports.

use std::process::{Output, Stdio};

use serde::Deserialize;
use tokio::process::Command;

use crate::{Laneway, binary};

/// The JSON line at the end of a run.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// Spans of exports that were sent.
    pub spans_sent: u64,
    /// Of these, the acknowledged.
    pub spans_acked: u64,
    /// The refused.
    pub spans_refused: u64,
    /// Those whose export got no answer.
    pub spans_unanswered: u64,
    /// How long it took, in seconds.
    pub wall_s: f64,
    /// Traces that were read back.
    #[serde(default)]
    pub traces_checked: u64,
    /// Traces of which nothing acknowledged was found.
    #[serde(default)]
    pub missing: u64,
    /// Traces of which not everything acknowledged was found.
    #[serde(default)]
    pub partial: u64,
    /// Traces in which a span was found more than once.
    #[serde(default)]
    pub duplicate: u64,
}

/// The command that loads this server, which the caller may add to.
pub fn command(server: &Laneway, protocol: &str, flags: &str) -> Command {
    let endpoint = match protocol {
        "http" => server.otlp_http,
        _ => server.otlp_grpc,
    };
    let endpoint = format!("--endpoint=http://{endpoint}");
    let (protocol, http) = (format!("--protocol={protocol}"), format!("--http=http://{}", server.http));
    let mut args = vec!["load", &endpoint, &protocol, &http];
    args.extend(flags.split_whitespace());
    let mut command = Command::from(binary::command(&args));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Loads a server to the end; `flags` are separated by blanks. Returns whether the exit code was 0.
pub async fn run(server: &Laneway, protocol: &str, flags: &str) -> (bool, Report) {
    report(&command(server, protocol, flags).output().await.unwrap())
}

/// What a run that has ended reports.
#[track_caller]
pub fn report(output: &Output) -> (bool, Report) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let report = stdout.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let stderr = String::from_utf8_lossy(&output.stderr);
    (output.status.success(), report.unwrap_or_else(|| panic!("no report but {stdout:?}; {stderr}")))
}
