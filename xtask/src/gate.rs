//! Ceilings on instructions: what must not become slower unnoticed.
//!
//! Time on a shared machine says little; instructions are the same on every run. They are counted by callgrind.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::step::{Steps, say};

/// A bench with a function `counted`, and how many instructions it may take per span.
struct Ceiling {
    package: &'static str,
    bench: &'static str,
    what: &'static str,
    instructions_per_span: f64,
}

/// As measured when last changed. To be lowered by whoever makes it faster, and raised only with a reason.
const CEILINGS: [Ceiling; 3] = [
    Ceiling {
        package: "laneway-storage",
        bench: "ingest",
        what: "decode and columns",
        instructions_per_span: 3625.0,
    },
    Ceiling {
        package: "laneway-storage",
        bench: "figures",
        what: "rates, errors, durations and edges",
        instructions_per_span: 1520.0,
    },
    Ceiling {
        package: "laneway-storage",
        bench: "seal",
        what: "encoding parts",
        instructions_per_span: 4370.0,
    },
];

/// How far above its ceiling a figure may be: another compiler and another C library differ by that much.
const TOLERANCE: f64 = 0.05;

pub(crate) fn run(steps: &mut Steps) -> anyhow::Result<()> {
    if !is_there("valgrind") {
        say(
            "gate: skipped, because valgrind is not installed and could not be (Debian: apt-get install valgrind)",
        );
        return Ok(());
    }
    for ceiling in &CEILINGS {
        check(steps, ceiling)?;
    }
    Ok(())
}

fn check(steps: &mut Steps, ceiling: &Ceiling) -> anyhow::Result<()> {
    let Ceiling { package, bench, what, instructions_per_span } = *ceiling;
    let build = format!("bench --locked --package {package} --bench {bench} --no-run");
    steps.cargo(&format!("build the bench {bench}"), &build, |_| ())?;
    let measured = count(steps, package, bench)?;
    let limit = instructions_per_span * (1.0 + TOLERANCE);
    say(&format!(
        "gate: {what}: {measured:.0} instructions a span, ceiling {instructions_per_span:.0}, with tolerance {limit:.0}"
    ));
    ensure!(measured <= limit, "{what} takes {measured:.0} instructions a span; {limit:.0} is the limit");
    Ok(())
}

/// Instructions per span.
fn count(steps: &Steps, package: &str, bench: &str) -> anyhow::Result<f64> {
    let binary = bench_binary(steps, package, bench)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted*"])
        .arg(binary)
        .arg("--bench")
        .env("COUNT", "1")
        .output()
        .context("cannot start valgrind")?;
    let (report, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "valgrind failed: {log}");
    let number_behind = |text: &str, label: &str| -> anyhow::Result<f64> {
        let (_, behind) = text.split_once(label).with_context(|| format!("no {label:?} in {text:?}"))?;
        Ok(behind.split_whitespace().next().unwrap_or_default().parse()?)
    };
    Ok(number_behind(&log, "Collected :")? / number_behind(&report, "counted spans:")?)
}

/// The binary that Cargo built; Cargo itself knows its name.
fn bench_binary(steps: &Steps, package: &str, bench: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "bench",
            "--locked",
            "--package",
            package,
            "--bench",
            bench,
            "--no-run",
            "--message-format=json",
        ])
        .current_dir(steps.root())
        .stderr(Stdio::null())
        .output()
        .context("cannot start cargo")?;
    let messages = String::from_utf8(output.stdout)?;
    let executable = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_bench = message.pointer("/target/name")? == bench;
        is_bench.then(|| message.get("executable")?.as_str().map(PathBuf::from)).flatten()
    });
    executable.with_context(|| format!("cargo built no bench {bench}"))
}

/// Whether a program is installed, or can be: the Debian package has its name.
pub(crate) fn is_there(program: &str) -> bool {
    has_package(program, || is_installed(program))
}

/// Whether a Debian package is installed, or can be, as this tells.
pub(crate) fn has_package(package: &str, is_installed: impl Fn() -> bool) -> bool {
    is_installed() || (install(package) && is_installed())
}

fn is_installed(program: &str) -> bool {
    let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    started.is_ok_and(|status| status.success())
}

/// Installs a Debian package, where that is possible.
fn install(package: &str) -> bool {
    let apt = |args: &[&str]| {
        Command::new("apt-get").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    apt(&["install", "--yes", package]).is_ok_and(|status| status.success())
}
