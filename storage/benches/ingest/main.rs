//! What taking a request into the columns of the open segment costs: `cargo bench -p laneway-storage --bench ingest`.
//!
//! Prints CPU time and allocations per span, over segments of 262,144 spans that follow one another as in a running store. The time
//! is the thread's own, the median of the segments; expect it to vary by a fifth. Instructions do not vary: with `COUNT=1`
//! the bench takes some requests to warm up and then others within the function `counted`, for
//!
//! ```text
//! COUNT=1 valgrind --tool=callgrind --toggle-collect='*counted*' <the bench's binary> --bench
//! ```

#![allow(clippy::print_stdout, reason = "its output is the result")]

mod allocations;
#[allow(dead_code, reason = "other benches have other loads")]
mod load;

use std::hint::black_box;

use laneway_storage::embedded::probe::OpenSegment;
use laneway_storage::embedded::{EmbeddedStore, Options, SyncMode};
use laneway_storage::{IngestRequest, Store};
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Spans of a segment, as configured by default.
const SEGMENT_SPANS: u64 = 262_144;
const SEGMENTS: usize = 9;
/// Requests that are counted with `COUNT=1`, and as many before them that are not.
const COUNTED_REQUESTS: u64 = 48;

fn main() {
    // Cargo says so; `cargo test --all-targets` does not.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    if std::env::var_os("COUNT").is_some() { count() } else { measure() }
}

/// For a tool that counts instructions.
fn count() {
    let requests = load::requests(2 * COUNTED_REQUESTS, load::Calls::Random);
    let (warm_up, rest) = requests.split_at(COUNTED_REQUESTS as usize);
    let mut segment = OpenSegment::default();
    append(&mut segment, &requests);
    // Buffers that grew then do not grow below: so it is in a store that has run for a while.
    segment.begin_next();
    append(&mut segment, warm_up);
    let spans = counted(&mut segment, rest);
    println!("counted spans: {spans}");
}

#[inline(never)]
fn counted(segment: &mut OpenSegment, requests: &[Vec<u8>]) -> u64 {
    append(segment, requests)
}

fn measure() {
    let requests = load::requests(SEGMENT_SPANS / load::SPANS_PER_REQUEST, load::Calls::Random);
    let spans = requests.len() as u64 * load::SPANS_PER_REQUEST;
    let bytes: usize = requests.iter().map(Vec::len).sum();
    let mut segment = OpenSegment::default();
    let mut rounds = Vec::new();
    let mut allocated = 0;
    for _ in 0..SEGMENTS {
        segment.begin_next();
        let (cpu_before, allocated_before) = (thread_cpu_ns(), allocations::count());
        assert_eq!(append(&mut segment, &requests), spans);
        rounds.push((thread_cpu_ns() - cpu_before) as f64 / spans as f64);
        allocated = allocations::count() - allocated_before;
    }
    rounds.sort_unstable_by(f64::total_cmp);
    println!("OTLP bytes per span          {:>8}", bytes as u64 / spans);
    println!("CPU ns per span              {:>8.0}", rounds[rounds.len() / 2]);
    println!("  of the best segment        {:>8.0}", rounds[0]);
    println!("allocations per segment      {allocated:>8}");
    println!("memory bytes per span        {:>8}", segment.memory_bytes() as u64 / spans);
    println!("replay, CPU ns per span      {:>8.0}", replay_ns(&requests));
}

/// CPU time per span of opening a store whose log holds these requests: reading it back, checksums, decode and columns.
fn replay_ns(requests: &[Vec<u8>]) -> f64 {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory can be written");
    let options = || Options {
        wal_sync: SyncMode::Never,
        segment_max_spans: usize::MAX,
        segment_max_bytes: usize::MAX,
        ingest_threads: 1,
        ..Options::new(dir.path())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let store = EmbeddedStore::open(options()).expect("an empty directory opens");
    runtime.block_on(async {
        for body in requests {
            let request = IngestRequest { body: body.clone().into(), compressed: None, connection: 0 };
            store.append(request).await.expect("the request is well-formed");
        }
        store.close().await;
    });
    drop(store);
    // One log is replayed by the thread that opens the store.
    let cpu_before = thread_cpu_ns();
    let store = EmbeddedStore::open(options()).expect("what was closed opens");
    let cpu = thread_cpu_ns() - cpu_before;
    let recovered = store.stats().recovered_spans;
    runtime.block_on(store.close());
    assert_eq!(recovered, requests.len() as u64 * load::SPANS_PER_REQUEST);
    cpu as f64 / recovered as f64
}

fn append(segment: &mut OpenSegment, requests: &[Vec<u8>]) -> u64 {
    requests.iter().map(|request| segment.append(black_box(request)).unwrap_or_default()).sum()
}

fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
