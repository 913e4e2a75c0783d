//! What each task runs.

use std::path::{Path, PathBuf};

use crate::bench_sdk;
use crate::gate;
use crate::page;
use crate::python;
use crate::step::Steps;

/// Crates that others may use without the rest of the workspace: each must build with only the features it asks for.
const LIBRARIES: [&str; 4] = ["laneway-proto", "laneway", "laneway-storage", "laneway-ui-api"];

pub(crate) fn ci(steps: &mut Steps) -> anyhow::Result<()> {
    fmt(steps, true)?;
    clippy(steps)?;
    libraries_alone(steps)?;
    doc(steps)?;
    test(steps)?;
    gate::run(steps)?;
    bench_sdk::gate(steps)
}

pub(crate) fn fmt(steps: &mut Steps, check: bool) -> anyhow::Result<()> {
    steps.cargo("fmt", if check { "fmt --all --check" } else { "fmt --all" }, |_| ())
}

pub(crate) fn clippy(steps: &mut Steps) -> anyhow::Result<()> {
    steps.cargo("clippy", "clippy --locked --workspace --all-targets -- -D warnings", |_| ())
}

pub(crate) fn doc(steps: &mut Steps) -> anyhow::Result<()> {
    steps.cargo("doc", "doc --locked --workspace --no-deps", |cargo| {
        cargo.env("RUSTDOCFLAGS", "-D warnings");
    })
}

/// In the workspace, features that one member asks for are there for all; a user of one library has only its own.
fn libraries_alone(steps: &mut Steps) -> anyhow::Result<()> {
    for library in LIBRARIES {
        let check = format!("check --locked --package {library}");
        steps.cargo(&format!("{library} alone"), &check, |_| ())?;
    }
    steps.cargo(
        "laneway-proto without features",
        "check --locked --package laneway-proto --no-default-features",
        |_| (),
    )
}

pub(crate) fn test_page(steps: &mut Steps) -> anyhow::Result<()> {
    page::check(steps)?;
    steps.cargo("build the binary", "build --locked --package laneway-collector", |_| ())?;
    page::browse(steps, &debug_binary(steps))
}

fn debug_binary(steps: &Steps) -> PathBuf {
    steps.target().join("debug").join(format!("laneway{}", std::env::consts::EXE_SUFFIX))
}

pub(crate) fn test(steps: &mut Steps) -> anyhow::Result<()> {
    let python = python::install(steps)?;
    page::check(steps)?;
    // The same options as the tests, or Cargo would build the dependencies of the binary once more.
    steps.cargo("build the binary", "build --locked --workspace --all-targets", |_| ())?;
    let binary = debug_binary(steps);
    let has_servers = has_servers();
    steps.cargo("test", "test --locked --workspace --no-fail-fast", |cargo| {
        cargo.env("LANEWAY_BIN", &binary).env("LANEWAY_TEST_PYTHON", python);
        if has_servers {
            cargo.env("LANEWAY_TEST_SERVERS", "1");
        }
    })?;
    test_tokio_unstable(steps)?;
    page::browse(steps, &binary)
}

/// The servers without which the SDK is tested against doubles alone.
fn has_servers() -> bool {
    // Debian has the programs of each version of PostgreSQL in a directory of its own, which is not on the path. RabbitMQ's would start a
    // server if it were asked for its version.
    let has_postgres =
        || std::fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some());
    ["redis-server", "nats-server"].map(gate::is_there) == [true; 2]
        && gate::has_package("postgresql", has_postgres)
        && gate::has_package("rabbitmq-server", || {
            Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server").exists()
        })
}

/// The SDK's module for tokio's unstable hooks, for which everything below it is compiled once more: as fast as that goes.
fn test_tokio_unstable(steps: &mut Steps) -> anyhow::Result<()> {
    let target = steps.target().join("tokio-unstable");
    steps.cargo("test with tokio_unstable", "test --locked --package laneway-automatic", |cargo| {
        cargo
            .env("RUSTFLAGS", "--cfg tokio_unstable")
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "false");
    })
}
