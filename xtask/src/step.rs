//! Steps of a task: commands with a name, whose time is taken.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Runs steps from the root of the workspace.
#[derive(Debug)]
pub(crate) struct Steps {
    root: PathBuf,
    target: PathBuf,
    done: Vec<(String, Duration)>,
}

impl Steps {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().context("xtask is not inside a workspace")?.to_owned();
        // Cargo resolves a relative target directory against where it was started; here that is the root.
        let target = root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        Ok(Self { root, target, done: Vec::new() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where Cargo puts what it builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Runs `cargo` with these arguments; `prepare` may add to them.
    pub(crate) fn cargo(
        &mut self,
        name: &str,
        args: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args.split_whitespace());
        prepare(&mut command);
        self.run(name, command)
    }

    /// Runs a command that must succeed.
    pub(crate) fn run(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        say(&format!("\n==> {name}"));
        let began = Instant::now();
        let status = command
            .current_dir(&self.root)
            .status()
            .with_context(|| format!("{name}: cannot start {command:?}"))?;
        let took = began.elapsed();
        let verdict = if status.success() { "ok" } else { "FAILED" };
        say(&format!("==> {name}: {verdict} in {:.1} s", took.as_secs_f64()));
        self.done.push((format!("{name}: {verdict}"), took));
        anyhow::ensure!(status.success(), "{name} failed: {command:?} ended with {status}");
        Ok(())
    }

    pub(crate) fn print_summary(&self) {
        if self.done.len() > 1 {
            say("\n==> summary");
            for (name, took) in &self.done {
                say(&format!("{:>8.1} s  {name}", took.as_secs_f64()));
            }
        }
    }
}

#[allow(clippy::print_stdout, reason = "a task runner tells its user what it does")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
