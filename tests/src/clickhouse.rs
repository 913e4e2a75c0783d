//! ClickHouse's engine, for servers that store there.

use std::path::PathBuf;

use laneway_storage::testing::ClickHouseFront;
use tempfile::TempDir;

use crate::binary;

/// A running engine, and a configuration that names it.
#[derive(Debug)]
pub struct ClickHouse {
    /// The engine.
    pub front: ClickHouseFront,
    config: PathBuf,
    // Removed in the end.
    _dir: TempDir,
}

impl ClickHouse {
    /// Starts one with nothing in it.
    ///
    /// # Panics
    /// When it does not start, or there is no Python environment.
    pub fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let front =
            ClickHouseFront::start(dir.path(), 0).expect("`cargo xtask test` makes a Python environment");
        let config = dir.path().join("laneway.toml");
        let text = format!(
            "[clickhouse]\nurl = {:?}\ndatabase = \"laneway\"\nflush_interval = \"100ms\"\n",
            front.url()
        );
        std::fs::write(&config, text).unwrap();
        Self { front, config, _dir: dir }
    }

    /// Runs `laneway migrate` and returns what it prints.
    #[track_caller]
    pub fn migrate(&self, extra: &[&str]) -> String {
        let output = binary::run(&[&["migrate"], &self.flags()[..], extra].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Flags of a server that stores there.
    pub fn flags(&self) -> [&str; 2] {
        ["--config", self.config.to_str().expect("a path of letters")]
    }
}
