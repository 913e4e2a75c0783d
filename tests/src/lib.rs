//! The harness of the end-to-end tests: it runs the real binary and talks to it as its users do.
//!
//! - [`Laneway`]: a running server.
//! - [`ClickHouse`]: ClickHouse's engine, for servers that store there.
//! - [`load`]: `laneway load`, and what it reports.
//! - [`python`]: OpenTelemetry's own SDK, and engines that read Parquet.
//! - [`otlp`]: spans as the official structs have them, whatever grouped them on their way.
//!
//! Everything panics with what one needs to know, since nothing but tests uses it.

#![allow(clippy::unwrap_used, reason = "a harness panics where it cannot go on")]

pub mod binary;
mod clickhouse;
pub mod load;
pub mod otlp;
pub mod python;
mod server;

pub use clickhouse::ClickHouse;
pub use server::Laneway;

use std::path::PathBuf;

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The contents of a file below `testdata/`.
#[track_caller]
pub fn testdata(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
