//! `laneway inspect`: what a data directory holds.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;
use laneway_storage::embedded::{ColumnInspection, Inspection, PartInspection, inspect};

#[cfg(test)]
mod tests;

/// Flags of `laneway inspect`.
#[derive(Debug, Clone, clap::Args)]
pub struct InspectArgs {
    /// The data directory; it is only read, and a server may be using it
    #[arg(long, value_name = "DIR", default_value = "./laneway-data")]
    pub data_dir: PathBuf,
    /// Print everything as JSON, with the columns of each part
    #[arg(long)]
    pub json: bool,
    /// Read every page of every part, to find damage
    #[arg(long)]
    pub verify: bool,
}

/// Prints what was found; the exit code is 1 when something is damaged.
///
/// # Errors
/// When there is no such directory.
#[allow(clippy::print_stdout, reason = "what was found is the output of this command")]
pub fn run(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let found = inspect(&args.data_dir, args.verify)
        .with_context(|| format!("cannot read {}", args.data_dir.display()))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    } else {
        print!("{}", report(&found));
    }
    Ok(if is_damaged(&found) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn is_damaged(found: &Inspection) -> bool {
    let damaged_logs = found.logs.iter().any(|log| log.problem.is_some() || log.damaged_places > 0);
    damaged_logs || !found.quarantine.is_empty() || found.parts.iter().any(|part| part.problem.is_some())
}

/// For people.
fn report(found: &Inspection) -> String {
    let mut out = String::new();
    let format = found.format.as_deref().unwrap_or("no data directory: it has no FORMAT");
    let remark = if found.readable { "" } else { " (this version does not read it)" };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{format}{remark}");
    parts(&mut out, "parts", &found.parts);
    parts(&mut out, "in quarantine", &found.quarantine);
    columns(&mut out, &found.parts);
    if !found.logs.is_empty() {
        let _ = writeln!(
            out,
            "\n{:>20} {:>12} {:>12} {:>14}",
            "log of segment", "file bytes", "requests", "their bytes"
        );
    }
    for log in &found.logs {
        let _ = write!(
            out,
            "{:>20} {:>12} {:>12} {:>14}",
            log.segment, log.file_bytes, log.requests, log.request_bytes
        );
        if log.cut_bytes > 0 {
            let _ = write!(out, "  {} bytes at the end were never acknowledged", log.cut_bytes);
        }
        if log.damaged_places > 0 {
            let _ = write!(out, "  DAMAGED at {} places", log.damaged_places);
        }
        if let Some(problem) = &log.problem {
            let _ = write!(out, "  DAMAGED: {problem}");
        }
        out.push('\n');
    }
    for name in &found.snapshots {
        let _ = writeln!(out, "\nsnapshot {name}");
    }
    out
}

fn parts(out: &mut String, title: &str, parts: &[PartInspection]) {
    if parts.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{title}\n{:>12} {:>12} {:>5} {:>12} {:>12} {:>10}  {:<24} {:<24}",
        "segments", "to", "level", "spans", "bytes", "per span", "first start", "last start"
    );
    for part in parts {
        match (&part.content, &part.problem) {
            (Some(content), _) => {
                let _ = writeln!(
                    out,
                    "{:>12} {:>12} {:>5} {:>12} {:>12} {:>10.1}  {:<24} {:<24}",
                    content.first_segment,
                    content.last_segment,
                    content.level,
                    content.spans,
                    part.bytes,
                    content.bytes_per_span,
                    time(content.first_start_unix_ns),
                    time(content.last_start_unix_ns),
                );
            }
            (None, problem) => {
                let _ = writeln!(out, "{}  DAMAGED: {}", part.name, problem.as_deref().unwrap_or_default());
            }
        }
    }
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    let spans: usize = parts.iter().filter_map(|part| Some(part.content.as_ref()?.spans)).sum();
    let per_span = bytes as f64 / spans.max(1) as f64;
    let _ = writeln!(out, "{:>12} {:>12} {:>5} {spans:>12} {bytes:>12} {per_span:>10.1}", "all", "", "");
}

/// The columns of all parts together, the largest first.
fn columns(out: &mut String, parts: &[PartInspection]) {
    let spans: usize = parts.iter().filter_map(|part| Some(part.content.as_ref()?.spans)).sum();
    let mut columns = BTreeMap::<&str, ColumnInspection>::new();
    for column in parts.iter().flat_map(|part| &part.columns) {
        let all = columns.entry(&column.name).or_insert_with(|| ColumnInspection {
            encoded_bytes: 0,
            raw_bytes: 0,
            encodings: Vec::new(),
            ..column.clone()
        });
        all.encoded_bytes += column.encoded_bytes;
        all.raw_bytes += column.raw_bytes;
        all.dictionary_values = all.dictionary_values.max(column.dictionary_values);
        all.encodings.extend(column.encodings.iter().cloned());
        all.encodings.sort();
        all.encodings.dedup();
    }
    let mut columns: Vec<_> = columns.into_values().collect();
    columns.sort_by_key(|column| std::cmp::Reverse(column.encoded_bytes));
    if !columns.is_empty() {
        let _ = writeln!(
            out,
            "\n{:<36} {:>12} {:>10} {:>10} {:>10}  encodings",
            "column", "bytes", "per span", "raw", "dictionary"
        );
    }
    for column in columns {
        let per_span = |bytes: u64| bytes as f64 / spans.max(1) as f64;
        let _ = writeln!(
            out,
            "{:<36} {:>12} {:>10.2} {:>10.2} {:>10}  {}",
            column.name,
            column.encoded_bytes,
            per_span(column.encoded_bytes),
            per_span(column.raw_bytes),
            column.dictionary_values.map_or_else(|| "-".to_owned(), |values| values.to_string()),
            column.encodings.join(" "),
        );
    }
}

fn time(unix_ns: u64) -> String {
    Timestamp::from_nanosecond(unix_ns.into())
        .map_or_else(|_| unix_ns.to_string(), |time| format!("{time:.3}"))
}
