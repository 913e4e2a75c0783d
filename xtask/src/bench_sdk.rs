//! What a span costs in the SDK: instructions counted by callgrind, which do not depend on what else the machine does.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::step::{Steps, say};

/// Instructions of the calling thread for one span, and how many more are taken for noise: compilers and libraries of the system
/// differ a little.
const BUDGET: [(&str, f64); 5] = [
    ("laneway", 480.0),
    ("laneway-unsampled", 153.0),
    ("laneway-unsampled-child", 100.0),
    ("laneway-subscriber", 890.0),
    ("laneway-layer", 1950.0),
];
const TOLERANCE: f64 = 0.05;

/// Fails when a span of ours costs more than its budget. Without valgrind there is nothing to count with.
pub(crate) fn gate(steps: &mut Steps) -> anyhow::Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        say("\n==> SDK instruction gate: skipped, valgrind is not installed");
        return Ok(());
    }
    let binary = build(steps, "")?;
    let mut over = Vec::new();
    for (subject, budget) in BUDGET {
        let counted = instructions(steps, &binary, subject)?;
        say(&format!("{counted:>8.0} of {budget:.0} instructions for a span  {subject}"));
        if counted > budget * (1.0 + TOLERANCE) {
            over.push(format!(
                "{subject}: {counted:.0}, more than {budget:.0} and {:.0} %",
                TOLERANCE * 100.0
            ));
        }
    }
    ensure!(over.is_empty(), "a span costs more instructions than it may: {}", over.join("; "));
    Ok(())
}

/// The table of `docs/benchmarks.md`.
pub(crate) fn table(steps: &mut Steps) -> anyhow::Result<()> {
    let binary = build(steps, " --features rivals")?;
    let subjects = output(Command::new(&binary).arg("list"))?;
    say("\n| subject | instructions | allocations | CPU ns, all threads |\n| --- | --- | --- | --- |");
    for subject in subjects.lines() {
        let counted = instructions(steps, &binary, subject)?;
        let allocations = number(Command::new(&binary).args(["allocations", subject]))?;
        let cpu_ns = number(Command::new(&binary).args(["cpu", subject]))?;
        say(&format!("| {subject} | {counted:.0} | {allocations:.2} | {cpu_ns:.0} |"));
    }
    Ok(())
}

fn build(steps: &mut Steps, features: &str) -> anyhow::Result<PathBuf> {
    let build = format!("build --locked --release --package laneway-bench-sdk{features}");
    steps.cargo("build the SDK's benchmark", &build, |_| ())?;
    Ok(steps.target().join("release/laneway-bench-sdk"))
}

/// Instructions for one span, of the function `measured` and what it calls on its thread.
fn instructions(steps: &Steps, binary: &Path, subject: &str) -> anyhow::Result<f64> {
    let out = steps.target().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--toggle-collect=*subject::measured*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(binary)
        .args(["run", subject]);
    let spans = number(&mut valgrind)?;
    let counted = std::fs::read_to_string(&out).context("cannot read what callgrind counted")?;
    let total =
        counted.lines().find_map(|line| line.strip_prefix("totals: ")).context("no totals of callgrind")?;
    Ok(total.trim().parse::<f64>()? / spans)
}

fn number(command: &mut Command) -> anyhow::Result<f64> {
    output(command)?.trim().parse().context("the benchmark did not print a number")
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
