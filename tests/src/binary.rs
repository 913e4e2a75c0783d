//! The binary under test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use cargo_metadata::MetadataCommand;

/// The path of `laneway`: `LANEWAY_BIN`, or else what Cargo builds of this checkout, once per run.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::var_os("LANEWAY_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--package", "laneway-collector", "--bin", "laneway"])
        .current_dir(crate::workspace())
        .status()
        .expect("cargo can be started");
    assert!(built.success(), "the binary does not build");
    let metadata = MetadataCommand::new().current_dir(crate::workspace()).no_deps().exec().unwrap();
    metadata.target_directory.join("debug/laneway").into()
}

/// A command that runs the binary, with nothing of the tester's own configuration.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(path());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LANEWAY_") {
            command.env_remove(name);
        }
    }
    // The fixtures of other projects are years old.
    command.env("LANEWAY_RETENTION_MAX_AGE", "0s");
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs the binary to its end, which must come by itself.
pub fn run(args: &[&str]) -> Output {
    command(args).output().expect("the binary can be started")
}
