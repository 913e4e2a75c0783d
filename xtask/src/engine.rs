//! ClickHouse's engine behind its HTTP front, as a process of its own that a benchmark measures.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::server::{Client, cpu_of};

/// A running engine, which ends and whose data goes when this is dropped.
pub(crate) struct Engine {
    process: Child,
    dir: PathBuf,
    address: String,
    client: Client,
}

impl Engine {
    /// Starts one with nothing in it.
    pub(crate) fn start(interpreter: &Path, script: &Path, dir: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let mut command = Command::new(interpreter);
        command.arg(script).arg(dir.join("data")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot start the engine")?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("no output of the engine")?).read_line(&mut line)?;
        let address =
            line.trim().strip_prefix("ready ").with_context(|| format!("it says {line:?}"))?.to_owned();
        let client = Client::connect(&address)?;
        Ok(Self { process, dir: dir.to_owned(), address, client })
    }

    /// Writes a configuration that names a database of it, which need not be there.
    pub(crate) fn config(&self, database: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(format!("{database}.toml"));
        let text = format!("[clickhouse]\nurl = \"http://{}\"\ndatabase = \"{database}\"\n", self.address);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Runs a statement, and returns the answer as it is.
    pub(crate) fn run(&mut self, database: &str, statement: &str) -> anyhow::Result<Vec<u8>> {
        let (status, body) = self.client.post(&format!("/?database={database}"), statement)?;
        ensure!(status == 200, "{statement}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// Runs a statement whose answer is tab-separated text.
    pub(crate) fn text(&mut self, database: &str, statement: &str) -> anyhow::Result<String> {
        Ok(String::from_utf8(self.run(database, statement)?)?.trim_end().to_owned())
    }

    /// One number.
    pub(crate) fn number(&mut self, database: &str, statement: &str) -> anyhow::Result<u64> {
        let text = self.text(database, statement)?;
        text.parse().with_context(|| format!("{statement}: {text:?} is no number"))
    }

    /// CPU time of the process so far, user and system.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.process.id())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Nothing of it is wanted any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
