//! What merging costs: `cargo bench -p laneway-storage --bench merge`.
//!
//! Eight sealed segments become one part: joined, which is what happens to segments of this size, or row by row where the variable `ROWS` is set.
//! Prints CPU time of the thread that merges, memory that it takes, and bytes on disk, all by span. The time varies by a fifth from run to run;
//! instructions do not. To count them, small segments are written first, and merged by a second run on one thread that does nothing else:
//!
//! ```text
//! COUNT=<a new directory> <the bench's binary> --bench
//! COUNT=<the same> [ROWS=1] valgrind --tool=callgrind <the bench's binary> --bench
//! ```

#![allow(clippy::print_stdout, reason = "its output is the result")]

#[allow(dead_code, reason = "other benches have other loads")]
#[path = "ingest/load.rs"]
mod load;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use laneway_storage::embedded::probe::merge_parts;
use laneway_storage::embedded::{EmbeddedStore, MergeOptions, Options};
use laneway_storage::{IngestRequest, Store, StoreStats};
use tokio::runtime::Runtime;

/// Spans of a segment, as configured by default.
const SEGMENT_SPANS: u64 = 262_144;
/// The same for a tool that counts instructions, which takes fifty times as long.
const COUNTED_SEGMENT_SPANS: u64 = 16_384;
const SEGMENTS: u64 = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo says so; `cargo test --all-targets` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    if let Some(dir) = std::env::var_os("COUNT").map(PathBuf::from) {
        return count(&dir, &runtime);
    }
    let (how, full_group_spans) = if row_by_row() { ("row by row", usize::MAX) } else { ("joined", 0) };
    let dir = tempfile::tempdir()?;
    runtime.block_on(async {
        let before = fill(dir.path(), SEGMENT_SPANS).await?;
        let resident = reset_peak();
        let after = merge(dir.path(), full_group_spans).await?;
        let peak = proc_status("VmHWM:");
        println!("{how}");
        report(before, after, peak.saturating_sub(resident));
        Ok(())
    })
}

fn row_by_row() -> bool {
    std::env::var_os("ROWS").is_some()
}

fn count(dir: &Path, runtime: &Runtime) -> Result<(), Box<dyn std::error::Error>> {
    if !dir.exists() {
        runtime.block_on(fill(dir, COUNTED_SEGMENT_SPANS))?;
        return Ok(());
    }
    let merged = tempfile::tempdir()?;
    println!("{} spans merged", merge_parts(dir, merged.path(), !row_by_row())?);
    Ok(())
}

async fn fill(dir: &Path, segment_spans: u64) -> Result<StoreStats, Box<dyn std::error::Error>> {
    let store = open(dir, unmerged())?;
    let requests = load::requests(SEGMENTS * segment_spans / load::SPANS_PER_REQUEST, load::Calls::Fixed);
    for (i, segment) in requests.chunks(requests.len().div_ceil(SEGMENTS as usize)).enumerate() {
        for body in segment {
            let body = body.clone().into();
            store.append(IngestRequest { connection: 0, body, compressed: None }).await?;
        }
        // Seals what is open.
        store.take_snapshot(&i.to_string()).await?;
    }
    let stats = store.stats();
    store.close().await;
    Ok(stats)
}

async fn merge(dir: &Path, full_group_spans: usize) -> Result<StoreStats, Box<dyn std::error::Error>> {
    let store = open(dir, MergeOptions { full_group_spans, ..MergeOptions::default() })?;
    while store.stats().maintenance.merges == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let stats = store.stats();
    store.close().await;
    Ok(stats)
}

/// Parts are written as those that will be merged.
fn unmerged() -> MergeOptions {
    MergeOptions { max_part_spans: 1, ..MergeOptions::default() }
}

fn open(dir: &Path, merge: MergeOptions) -> Result<Arc<EmbeddedStore>, Box<dyn std::error::Error>> {
    let merge = MergeOptions { max_cpu_percent: 100, ..merge };
    Ok(EmbeddedStore::open(Options { merge, segment_max_spans: usize::MAX, ..Options::new(dir) })?)
}

fn report(before: StoreStats, after: StoreStats, memory: u64) {
    let merged = after.maintenance;
    let spans = merged.merged_spans.max(1) as f64;
    println!("{} parts of {} spans -> {}", before.parts, before.part_spans, after.parts);
    println!("CPU time      {:8.3} us/span", merged.merge_cpu_ns as f64 / 1e3 / spans);
    println!("disk before   {:8.2} bytes/span", before.part_bytes as f64 / before.part_spans.max(1) as f64);
    println!("disk after    {:8.2} bytes/span", after.part_bytes as f64 / spans);
    println!("memory        {:8.1} MiB above the idle store", memory as f64 / 1024.0);
}

/// Forgets the peak of resident memory; returns what is resident now, in KiB. 0 where there is no /proc.
fn reset_peak() -> u64 {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    proc_status("VmRSS:")
}

fn proc_status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value =
        status.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next()?.parse().ok());
    value.unwrap_or_default()
}
