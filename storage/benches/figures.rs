//! What RED figures and edges cost: `cargo bench -p laneway-storage --bench figures`.
//!
//! Segments of 131,072 spans of the load of the bench `ingest`, whose traces come in four exports each, are sealed one after another: what
//! their spans add to figures is derived and encoded, and their traces are remembered. Prints CPU time and bytes per span, for a fleet whose
//! calls are fixed, and for one in which any operation calls any, where hardly two spans are counted together.
//! With `COUNT=1` one segment of the former is sealed to warm up and one within the function `counted`, for callgrind; see the bench `ingest`.

#![allow(clippy::print_stdout, reason = "its output is the result")]

#[allow(dead_code, reason = "other benches have other loads")]
#[path = "ingest/load.rs"]
mod load;

use laneway_storage::embedded::probe::{FiguresOfSegments, OpenSegment};
use load::Calls;
use rustix::time::{ClockId, clock_gettime};

// That of the collector.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Spans of a segment, as configured by default.
const SEGMENT_SPANS: u64 = 131_072;
const SEGMENTS: usize = 9;

fn main() {
    // Cargo says so; `cargo test --all-targets` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if std::env::var_os("COUNT").is_some() {
        let segments = segments(2, Calls::Fixed);
        let mut figures = FiguresOfSegments::default();
        seal(&mut figures, &segments[0]);
        counted(&mut figures, &segments[1]);
        println!("counted spans: {}", segments[1].spans);
        return;
    }
    for (what, calls) in [("fixed calls", Calls::Fixed), ("random calls", Calls::Random)] {
        let mut figures = FiguresOfSegments::default();
        let (mut rounds, mut bytes, mut spans) = (Vec::new(), 0, 0);
        for segment in segments(SEGMENTS, calls) {
            let before = thread_cpu_ns();
            bytes += seal(&mut figures, &segment);
            rounds.push((thread_cpu_ns() - before) as f64 / segment.spans as f64);
            spans += segment.spans as usize;
        }
        rounds.sort_unstable_by(f64::total_cmp);
        println!("{what}");
        println!("  CPU ns per span              {:>8.0}", rounds[rounds.len() / 2]);
        println!("    of the best segment        {:>8.0}", rounds[0]);
        println!("  bytes per 1000 spans         {:>8}", bytes * 1000 / spans);
    }
}

struct Filled {
    segment: OpenSegment,
    order: Vec<u32>,
    spans: u64,
}

fn segments(count: usize, calls: Calls) -> Vec<Filled> {
    let requests_per_segment = (SEGMENT_SPANS / load::SPANS_PER_REQUEST) as usize;
    let requests = load::requests((requests_per_segment * count) as u64, calls);
    let segments = requests.chunks(requests_per_segment).map(|requests| {
        let mut segment = OpenSegment::default();
        let spans = requests.iter().map(|request| segment.append(request).unwrap_or_default()).sum();
        Filled { order: segment.order(), segment, spans }
    });
    segments.collect()
}

fn seal(figures: &mut FiguresOfSegments, filled: &Filled) -> usize {
    figures.seal(&filled.segment, &filled.order)
}

#[inline(never)]
fn counted(figures: &mut FiguresOfSegments, filled: &Filled) -> usize {
    seal(figures, filled)
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
