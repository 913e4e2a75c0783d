//! Steps of a task: commands with a name, whose time is taken.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;

/// What takes longer hangs: it is ended, so that whoever waits learns which step it was. A slow machine takes half as long for the slowest.
const LIMIT: Duration = Duration::from_secs(40 * 60);

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

    /// Builds the binary as it is released; returns where it is.
    pub(crate) fn release_binary(&mut self) -> anyhow::Result<PathBuf> {
        self.cargo("build", "build --release --locked --package laneway-collector", |_| ())?;
        Ok(self.target.join("release").join(format!("laneway{}", std::env::consts::EXE_SUFFIX)))
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

    /// Runs a command that must succeed, and end within [`LIMIT`].
    pub(crate) fn run(&mut self, name: &str, mut command: Command) -> anyhow::Result<()> {
        say(&format!("\n==> {name}"));
        let began = Instant::now();
        let mut child = command
            .current_dir(&self.root)
            .spawn()
            .with_context(|| format!("{name}: cannot start {command:?}"))?;
        let (ended, watch) = mpsc::channel::<()>();
        let id = child.id();
        let watchdog = std::thread::spawn(move || match watch.recv_timeout(LIMIT) {
            Err(mpsc::RecvTimeoutError::Timeout) => end_with_descendants(id),
            _ => Ok(()),
        });
        let status = child.wait()?;
        drop(ended);
        watchdog.join().map_err(|_| anyhow::anyhow!("the watchdog died"))??;
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

/// Ends a process that hangs, and all that it started.
fn end_with_descendants(id: u32) -> anyhow::Result<()> {
    say(&format!("==> process {id} did not end within {} minutes", LIMIT.as_secs() / 60));
    let listed =
        Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().context("ps cannot be started")?;
    let listed = String::from_utf8(listed.stdout)?;
    let processes: Vec<(u32, u32)> = listed
        .lines()
        .filter_map(|line| {
            let mut columns = line.split_whitespace().map_while(|column| column.parse().ok());
            Some((columns.next()?, columns.next()?))
        })
        .collect();
    let mut family = vec![id];
    let mut seen = 0;
    while let Some(&parent) = family.get(seen) {
        family.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        seen += 1;
    }
    let ids = family.iter().map(u32::to_string);
    Command::new("kill").arg("-KILL").args(ids).status().context("kill cannot be started")?;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "a task runner tells its user what it does")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
