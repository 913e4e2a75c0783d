//! One process of the shop, seen from the one that started it.

use std::fmt;
use std::io::Write;
use std::process::Stdio;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, timeout_at};

use super::DemoOptions;
use crate::discovery::{AddressBook, Instance};
use crate::services::Service;

/// A running instance. Dropping it kills the process; [`Child::stop`] lets it finish.
#[derive(Debug)]
pub(super) struct Child {
    name: String,
    process: tokio::process::Child,
    /// The child lives for as long as this is open. The system closes it however this process ends.
    pipe: ChildStdin,
}

impl Child {
    pub(super) fn spawn(
        options: &DemoOptions,
        service: Service,
        lane: &str,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let name = format!("{service} ({lane})");
        let mut command = Command::new(&options.exe);
        command
            .args(["demo-service", "--name", service.as_str(), "--lane", lane])
            .args(["--otlp-endpoint", &options.otlp_endpoint])
            .args(["--seed", &seed.to_string()])
            .args(["--requests-per-second", &options.requests_per_second.to_string()]);
        if !options.faults {
            command.arg("--no-faults");
        }
        // What configures the collector, or another traced program, is not meant for the shop.
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(|key| key.starts_with("LANEWAY_") || key.starts_with("OTEL_")) {
                command.env_remove(key);
            }
        }
        // What the shop breaks on purpose belongs into traces, not onto the terminal.
        command.env("RUST_LOG", "warn,laneway_shop=off");
        // A group of its own: Ctrl-C reaches the parent alone, which then ends the children in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name} from {}", options.exe.display()))?;
        let pipe = process.stdin.take().context("a child without standard input")?;
        Ok(Self { name, process, pipe })
    }

    /// The address that the child reports when it listens.
    pub(super) async fn read_address(&mut self, deadline: Instant) -> anyhow::Result<Instance> {
        let stdout = self.process.stdout.take().context("the address was read before")?;
        let mut line = String::new();
        timeout_at(deadline, BufReader::new(stdout).read_line(&mut line))
            .await
            .with_context(|| format!("{} did not start in time", self.name))??;
        line.trim_end().parse().with_context(|| format!("{} did not start", self.name))
    }

    /// Tells the child where everybody listens.
    pub(super) async fn send_addresses(&mut self, book: &AddressBook) -> anyhow::Result<()> {
        let sent = self.pipe.write_all(book.to_lines().as_bytes()).await;
        sent.with_context(|| format!("{} went away while the shop started", self.name))
    }

    /// Waits until the child ends by itself, and says so.
    pub(super) async fn report_death(&mut self) {
        match self.process.wait().await {
            Ok(status) => {
                complain(format_args!("{} died: {status}; the rest goes on without it", self.name));
            }
            Err(error) => complain(format_args!("{} is lost: {error}", self.name)),
        }
    }

    /// Closes the pipe, and waits for the child to finish; kills it at the deadline.
    pub(super) async fn stop(mut self, deadline: Instant) {
        drop(self.pipe);
        if timeout_at(deadline, self.process.wait()).await.is_err() {
            complain(format_args!("{} did not end in time and is killed", self.name));
            // It fails only when the child has just ended.
            let _ = self.process.kill().await;
        }
    }
}

/// Tells the user of the command what went wrong.
fn complain(what: fmt::Arguments<'_>) {
    // Where standard error is closed, nobody wants to know.
    let _ = writeln!(std::io::stderr(), "shop: {what}");
}
