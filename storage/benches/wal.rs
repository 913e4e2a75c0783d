//! What the write-ahead log costs: `cargo bench -p laneway-storage --bench wal`.
//!
//! Per group size, in new files, in spare ones, and in spare ones through the page cache: CPU time of the writing thread and what checksums have of it,
//! latency of append with sync, throughput with a sync per group, and CPU time of reading the log back from the page cache.
//! Files go to the target directory, so that it is a real disk that syncs.

#![allow(clippy::print_stdout, reason = "its output is the result")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use laneway_storage::embedded::SyncMode;
use laneway_storage::embedded::wal::{OsFs, Record, WalDir, WalError, WalFile, WalOptions};

/// Most that is written per measurement, in bytes and in groups.
const LOG_BYTES: usize = 128 /* MiB */ * 1024 * 1024;
const MAX_GROUPS: usize = 400;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo says so; `cargo test --all-targets` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    println!("                               CPU µs/MB        append+sync µs");
    println!("request bytes x group  file   write   crc  replay     p50      p99      max     MB/s");
    for request_bytes in [80_000, 700_000] {
        for group in [1, 4, 16] {
            // Only what is synced always is written past the page cache; here every group is synced in any mode.
            let cached = SyncMode::Interval(Duration::from_secs(3600));
            for (file, spare_files, sync) in
                [("new", 0, SyncMode::Always), ("spare", 1, SyncMode::Always), ("cached", 1, cached)]
            {
                let options = WalOptions { spare_files, spare_bytes: LOG_BYTES as u64, sync };
                measure(home.path(), request_bytes, group, file, options)?;
            }
        }
    }
    Ok(())
}

fn measure(
    home: &Path,
    request_bytes: usize,
    group: usize,
    file: &str,
    options: WalOptions,
) -> Result<(), Box<dyn Error>> {
    let dir = WalDir::open(OsFs, home, options)?;
    dir.prepare()?;
    let mut log = dir.create(1)?;
    let payloads: Vec<Vec<u8>> = (0..group).map(|seed| payload(seed, request_bytes)).collect();
    let records: Vec<_> = payloads
        .iter()
        .map(|payload| Record { compression: None, uncompressed_len: payload.len() as u32, payload })
        .collect();

    let mut latencies = Vec::new();
    let cpu_before = thread_cpu()?;
    let before = Instant::now();
    while (log.bytes() as usize) < LOG_BYTES && latencies.len() < MAX_GROUPS {
        latencies.push(append(&mut log, &records)?);
    }
    let (cpu, wall, megabytes) = (thread_cpu()? - cpu_before, before.elapsed(), log.bytes() as f64 / 1e6);
    log.close()?;

    let cpu_before = thread_cpu()?;
    for payload in payloads.iter().cycle().take(latencies.len() * group) {
        std::hint::black_box(crc32c::crc32c(payload));
    }
    let crc = thread_cpu()? - cpu_before;

    let cpu_before = thread_cpu()?;
    let mut replay = dir.replay(1)?;
    replay.by_ref().try_for_each(|record| record.map(drop))?;
    let replayed = thread_cpu()? - cpu_before;
    if replay.end().records as usize != latencies.len() * group {
        return Err("the log was not read back whole".into());
    }
    dir.release(1)?;
    WalDir::open(OsFs, home, WalOptions { spare_files: 0, ..options })?;

    latencies.sort_unstable();
    let at = |quantile: f64| latencies[((latencies.len() - 1) as f64 * quantile) as usize].as_micros();
    let per_megabyte = |cpu: Duration| cpu.as_secs_f64() * 1e6 / megabytes;
    println!(
        "{request_bytes:>13} x {group:<5}  {:<6} {:>5.0} {:>5.0} {:>7.0} {:>7} {:>8} {:>8} {:>8.0}",
        file,
        per_megabyte(cpu),
        per_megabyte(crc),
        per_megabyte(replayed),
        at(0.5),
        at(0.99),
        at(1.0),
        megabytes / wall.as_secs_f64(),
    );
    Ok(())
}

fn append(log: &mut WalFile, records: &[Record<'_>]) -> Result<Duration, WalError> {
    let before = Instant::now();
    log.append(records)?;
    log.sync()?;
    Ok(before.elapsed())
}

fn payload(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|position| (position * 31 + seed * 7) as u8).collect()
}

/// CPU time of this thread so far, where Linux tells it.
fn thread_cpu() -> Result<Duration, Box<dyn Error>> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(statistics.split(' ').next().ok_or("no figure in schedstat")?.parse()?))
}
