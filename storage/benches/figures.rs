//! What RED figures and edges cost: `cargo bench -p laneway-storage --bench figures`.
//!
//! Segments of 131,072 spans of the load of the bench `ingest`, whose traces come in four exports each, are sealed one after another: what
//! their spans add to figures is derived, encoded at each resolution, and their traces are remembered. Prints CPU time and bytes per span.
//! With `COUNT=1` one segment is sealed to warm up and one within the function `counted`, for callgrind; see the bench `ingest`.

#![allow(clippy::print_stdout, reason = "its output is the result")]

#[allow(dead_code, reason = "this bench does not measure requests")]
#[path = "ingest/load.rs"]
mod load;

use laneway_storage::embedded::probe::{FiguresOfSegments, OpenSegment};
use rustix::time::{ClockId, clock_gettime};

/// Spans of a segment, as configured by default.
const SEGMENT_SPANS: u64 = 131_072;
const SEGMENTS: usize = 9;

fn main() {
    // Cargo says so; `cargo test --all-targets` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let is_counting = std::env::var_os("COUNT").is_some();
    let segments = if is_counting { 2 } else { SEGMENTS };
    let requests_per_segment = (SEGMENT_SPANS / load::SPANS_PER_REQUEST) as usize;
    let requests = load::requests((requests_per_segment * segments) as u64);
    let mut figures = FiguresOfSegments::default();
    let mut rounds = Vec::new();
    let (mut bytes, mut all_spans) = (0, 0);
    for (number, requests) in requests.chunks(requests_per_segment).enumerate() {
        let mut segment = OpenSegment::default();
        let spans: u64 = requests.iter().map(|request| segment.append(request).unwrap_or_default()).sum();
        let order = segment.order();
        if is_counting {
            let is_counted = number + 1 == segments;
            if is_counted {
                counted(&mut figures, &segment, &order)
            } else {
                figures.seal(&segment, &order).unwrap_or_default()
            };
            println!("counted spans: {spans}");
            continue;
        }
        let before = thread_cpu_ns();
        bytes += figures.seal(&segment, &order).unwrap_or_default();
        rounds.push((thread_cpu_ns() - before) as f64 / spans as f64);
        all_spans += spans as usize;
    }
    if is_counting {
        return;
    }
    rounds.sort_unstable_by(f64::total_cmp);
    println!("CPU ns per span              {:>8.0}", rounds[rounds.len() / 2]);
    println!("  of the best segment        {:>8.0}", rounds[0]);
    println!("bytes per 1000 spans         {:>8}", bytes * 1000 / all_spans);
}

#[inline(never)]
fn counted(figures: &mut FiguresOfSegments, segment: &OpenSegment, order: &[u32]) -> usize {
    figures.seal(segment, order).unwrap_or_default()
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
