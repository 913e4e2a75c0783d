//! What writing a part costs: `cargo bench -p laneway-storage --bench seal`.
//!
//! Segments of 131,072 spans of the load of the bench `ingest` are ordered and written as parts, without figures: see the bench `figures` for
//! those. Prints CPU time and bytes per span. With `COUNT=1` one segment is written to warm up and one within the function `counted`, for
//! callgrind; see the bench `ingest`.

#![allow(clippy::print_stdout, reason = "its output is the result")]

#[allow(dead_code, reason = "other benches have other loads")]
#[path = "ingest/load.rs"]
mod load;

use std::io;

use laneway_storage::embedded::probe::OpenSegment;
use load::Calls;
use rustix::time::{ClockId, clock_gettime};

// That of the collector.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Spans of a segment, as configured by default.
const SEGMENT_SPANS: u64 = 131_072;
const SEGMENTS: usize = 9;

fn main() -> io::Result<()> {
    // Cargo says so; `cargo test --all-targets` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    if std::env::var_os("COUNT").is_some() {
        let segments = segments(2);
        write(&segments[0].0)?;
        counted(&segments[1].0)?;
        println!("counted spans: {}", segments[1].1);
        return Ok(());
    }
    let (mut rounds, mut bytes, mut all_spans) = (Vec::new(), 0, 0);
    for (segment, spans) in segments(SEGMENTS) {
        let before = thread_cpu_ns();
        bytes += write(&segment)?;
        rounds.push((thread_cpu_ns() - before) as f64 / spans as f64);
        all_spans += spans;
    }
    rounds.sort_unstable_by(f64::total_cmp);
    println!("CPU ns per span              {:>8.0}", rounds[rounds.len() / 2]);
    println!("  of the best segment        {:>8.0}", rounds[0]);
    println!("bytes per span               {:>8.1}", bytes as f64 / all_spans as f64);
    Ok(())
}

fn segments(count: usize) -> Vec<(OpenSegment, u64)> {
    let requests_per_segment = (SEGMENT_SPANS / load::SPANS_PER_REQUEST) as usize;
    let requests = load::requests((requests_per_segment * count) as u64, Calls::Fixed);
    let segments = requests.chunks(requests_per_segment).map(|requests| {
        let mut segment = OpenSegment::default();
        let spans = requests.iter().map(|request| segment.append(request).unwrap_or_default()).sum();
        (segment, spans)
    });
    segments.collect()
}

/// Returns how many bytes the part has.
fn write(segment: &OpenSegment) -> io::Result<u64> {
    let dir = tempfile::tempdir()?;
    segment.write_part(&segment.order(), dir.path())?;
    std::fs::read_dir(dir.path())?.map(|file| Ok(file?.metadata()?.len())).sum()
}

#[inline(never)]
fn counted(segment: &OpenSegment) -> io::Result<u64> {
    write(segment)
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
