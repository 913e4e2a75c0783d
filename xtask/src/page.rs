//! The page: built, checked, and tested in a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::files::{differences, same_contents};
use crate::step::Steps;

/// Where Debian puts its Chromium.
const CHROMIUM: &str = "/usr/bin/chromium";

fn source(steps: &Steps) -> PathBuf {
    steps.root().join("ui-api/web")
}

fn npm(
    steps: &mut Steps,
    name: &str,
    args: &[&str],
    prepare: impl FnOnce(&mut Command),
) -> anyhow::Result<()> {
    let mut command = Command::new("npm");
    command.arg("--prefix").arg(source(steps)).args(args);
    prepare(&mut command);
    steps.run(name, command)
}

/// Installs what the page is built with, unless it is there.
fn install(steps: &mut Steps) -> anyhow::Result<()> {
    let lock = source(steps).join("package-lock.json");
    // What is installed is what this copy of the lock file says.
    let installed = source(steps).join("node_modules/.installed-lock.json");
    if !same_contents(&installed, &lock)? {
        npm(steps, "install the packages of the page", &["ci"], |_| ())?;
        std::fs::copy(&lock, &installed).with_context(|| format!("cannot write {}", installed.display()))?;
    }
    Ok(())
}

/// Builds the page into the files that are committed, and embedded into the binary.
pub(crate) fn build(steps: &mut Steps) -> anyhow::Result<()> {
    install(steps)?;
    npm(steps, "build the page", &["run", "build"], |_| ())
}

/// The types of the page, its unit tests, and whether the committed files are those that it builds into.
pub(crate) fn check(steps: &mut Steps) -> anyhow::Result<()> {
    install(steps)?;
    npm(steps, "types of the page", &["run", "check"], |_| ())?;
    npm(steps, "unit tests of the page", &["run", "unit"], |_| ())?;
    let built = steps.target().join("page");
    npm(steps, "build the page", &["run", "build", "--", "--emptyOutDir", "--outDir"], |command| {
        command.arg(&built);
    })?;
    let differences = differences(&source(steps).join("dist"), &built)?;
    anyhow::ensure!(
        differences.is_empty(),
        "ui-api/web/dist is not what ui-api/web builds into; run `cargo xtask page`:\n{}",
        differences.join("\n")
    );
    Ok(())
}

/// Tests the page in Chromium against this binary.
pub(crate) fn browse(steps: &mut Steps, binary: &Path) -> anyhow::Result<()> {
    if !Path::new(CHROMIUM).exists() {
        for args in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium"]] {
            let mut command = Command::new("apt-get");
            command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
            steps.run(&format!("apt-get {}", args[0]), command)?;
        }
    }
    npm(steps, "the page in a browser", &["run", "browser"], |command| {
        command.env("LANEWAY_BIN", binary).env("LANEWAY_CHROMIUM", CHROMIUM);
    })
}
