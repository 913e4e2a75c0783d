//! Programs of others in Python, as the scripts in `tests/python` use them: OpenTelemetry's SDK, DuckDB, ClickHouse.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs a script of `tests/python` and returns its standard output.
#[track_caller]
pub fn run(script: &str, args: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
    let output = Command::new(interpreter()).arg(path).args(args).output().expect("Python can be started");
    assert!(
        output.status.success(),
        "{script} {args:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn interpreter() -> PathBuf {
    std::env::var_os("LANEWAY_TEST_PYTHON")
        .expect("LANEWAY_TEST_PYTHON names a Python that has the packages of tests/python/requirements.txt; `cargo xtask test` makes one")
        .into()
}
