//! The embedded store against the reference store: whatever was appended, sealed or recovered, both answer alike.

use std::ops::Range;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

mod floods;

use super::view::LiveSegment;
use super::*;
use crate::model::{Span, to_otlp};
use crate::query::SpanFilter;
use crate::testing::suite::{assert_alike, distinct, request};
use crate::testing::{MemoryStore, arbitrary, span};

mod damage;
mod disk_full;
mod faults;
mod fixture;
pub(super) mod lifecycle;
mod model;
mod queries;

pub(super) fn options(dir: &Path) -> Options {
    Options { segment_max_spans: 12, wal_spare_bytes: 64 * 1024, ingest_threads: 1, ..Options::new(dir) }
}

pub(super) async fn append(store: &EmbeddedStore, spans: &[Span]) -> Accepted {
    store.append(request(spans)).await.unwrap()
}

/// Waits until all full segments are parts.
async fn sealed(store: &EmbeddedStore) {
    let waits = |segment: &Arc<LiveSegment>| {
        !segment.is_open() || segment.visible_rows() >= store.shared.options.segment_max_spans
    };
    while store.shared.view().live.iter().any(waits) {
        tokio::task::yield_now().await;
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Span>),
    Resend,
    Reopen,
    Seal,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => arbitrary::spans(1..10).prop_map(Step::Append),
        1 => Just(Step::Resend),
        1 => Just(Step::Reopen),
        1 => Just(Step::Seal),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn answers_are_those_of_the_reference_store(
        steps in vec(step(), 1..10),
        filters in vec(arbitrary::filter(), 4),
        (from, length) in (0..5_000_000u64, 0..5_000_000u64),
        ingest_threads in 1..4usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let dir = TempDir::new().unwrap();
            let oracle = MemoryStore::new();
            let options = || Options { ingest_threads, ..options(dir.path()) };
            let mut store = EmbeddedStore::open(options()).unwrap();
            let (mut last, mut sent) = (Vec::new(), 0);
            for (step, connection) in steps.into_iter().zip(0..) {
                match step {
                    Step::Append(mut spans) => {
                        distinct(&mut spans, &mut sent);
                        store.append(IngestRequest { connection, ..request(&spans) }).await.unwrap();
                        oracle.append(request(&spans)).await.unwrap();
                        last = spans;
                    }
                    Step::Resend => {
                        append(&store, &last).await;
                    }
                    Step::Reopen => {
                        store.close().await;
                        drop(store);
                        store = EmbeddedStore::open(options()).unwrap();
                    }
                    Step::Seal => sealed(&store).await,
                }
            }
            let start_unix_ns = crate::testing::EPOCH_UNIX_NS + from;
            let range = TimeRange { start_unix_ns, end_unix_ns: start_unix_ns + length };
            assert_alike(&*store, &oracle, &filters, range).await;
            store.close().await;
        });
    }
}

#[tokio::test]
async fn a_malformed_request_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    append(&store, &[span("kept").build()]).await;
    let whole = to_otlp::traces_data(&[span("a").id(2).build(), span("b").id(3).error("late").build()]);
    for cut in 1..whole.len() {
        let body = whole[..cut].to_vec().into();
        match store.append(IngestRequest { body, compressed: None, connection: 0 }).await {
            Err(AppendError::Malformed(_)) => {}
            // A cut between two fields of the outermost message is a shorter request.
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    let trace = store.trace(span("kept").build().trace_id, None).await.unwrap().unwrap();
    assert_eq!(trace.spans.iter().map(|span| &span.name).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(store.stats().malformed_requests, whole.len() as u64 - 1);
}

#[tokio::test]
async fn spans_without_ids_are_rejected_and_counted() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    let mut bytes = to_otlp::traces_data(&[span("good").id(0x1122_3344_5566_7788).build()]);
    let mut zeroed = bytes.clone();
    let at = zeroed.windows(8).position(|window| window == 0x1122_3344_5566_7788u64.to_be_bytes()).unwrap();
    zeroed[at..at + 8].fill(0);
    bytes.extend(zeroed);
    let accepted =
        store.append(IngestRequest { body: bytes.into(), compressed: None, connection: 0 }).await.unwrap();
    assert_eq!(accepted, Accepted { spans: 1, rejected_spans: 1 });
}

#[tokio::test]
async fn compressed_requests_are_logged_as_received_and_recovered() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    let body = to_otlp::traces_data(&[span("zipped").build()]);
    let compressed = zstd::encode_all(&body[..], 1).unwrap();
    let request = IngestRequest {
        body: body.into(),
        compressed: Some((crate::Compression::Zstd, compressed.into())),
        connection: 0,
    };
    store.append(request).await.unwrap();
    store.close().await;
    drop(store);
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    assert_eq!(store.stats().recovered_spans, 1);
    assert!(store.trace(span("zipped").build().trace_id, None).await.unwrap().is_some());
}

#[tokio::test]
async fn a_data_directory_serves_one_process_at_a_time_and_one_format() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    assert!(matches!(EmbeddedStore::open(options(dir.path())), Err(OpenError::Locked { .. })));
    store.close().await;
    drop(store);
    std::fs::write(dir.path().join("FORMAT"), "laneway data directory, format 99\n").unwrap();
    assert!(matches!(EmbeddedStore::open(options(dir.path())), Err(OpenError::Format { .. })));
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    assert!(matches!(EmbeddedStore::open(options(&blocked)), Err(OpenError::DataDir { .. })));
}

#[tokio::test]
async fn what_a_crash_leaves_between_commit_and_release_is_not_counted_twice() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    let spans: Vec<Span> = (1..=12).map(|id| span("x").id(id).build()).collect();
    append(&store, &spans).await;
    // The log as it was while its segment was open.
    let log = dir.path().join("wal").join(format!("{:020}.wal", 1));
    let copy = std::fs::read(&log).unwrap();
    sealed(&store).await;
    store.close().await;
    drop(store);
    std::fs::write(&log, copy).unwrap();
    std::fs::create_dir_all(dir.path().join("tmp/half-written")).unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    let stats = store.stats();
    assert_eq!((stats.parts, stats.part_spans, stats.recovered_spans), (1, 12, 0));
    assert!(!log.exists() && !dir.path().join("tmp/half-written").exists());
}

#[tokio::test]
async fn a_store_over_its_budget_refuses_and_says_when_to_retry() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(Options { ingest_memory_bytes: 1, ..options(dir.path()) }).unwrap();
    let spans = [span("x").build()];
    // The first is alone, so it is let in although it is larger than the budget.
    let (first, second) = tokio::join!(store.append(request(&spans)), store.append(request(&spans)));
    assert!(first.is_ok());
    assert!(matches!(second, Err(AppendError::Overloaded { .. })), "{second:?}");
    assert_eq!(store.stats().overloaded_requests, 1);
    assert_eq!(store.stats().pending_bytes, 0);
}

#[tokio::test]
async fn a_closed_store_refuses() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    assert_eq!(store.health(), Health::Ready);
    store.close().await;
    let refused = store.append(request(&[span("x").build()])).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn requests_that_nobody_will_take_are_answered() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    // The ingest thread waits for this lock, so that the second request stays in the queue.
    let segment = Arc::clone(store.shared.view().live.last().unwrap());
    let locked = segment.spans.read();
    let first = store.shared.enqueue(request(&[span("first").build()])).unwrap();
    let second = store.shared.enqueue(request(&[span("second").build()])).unwrap();
    store.shared.abandon_jobs(0);
    drop(locked);
    let (first, second) = tokio::join!(first, second);
    // Whichever had been taken is stored; whichever had not learns that it is not.
    let stored = [&first, &second].into_iter().filter(|answer| matches!(answer, Ok(Ok(_)))).count();
    assert_eq!(stored as u64, store.stats().accepted_spans);
    let refused = store.append(request(&[span("third").build()])).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn threads_share_the_connections_and_lose_nothing() {
    let dir = TempDir::new().unwrap();
    let options = || Options { ingest_threads: 3, segment_max_spans: 4, ..options(dir.path()) };
    let store = EmbeddedStore::open(options()).unwrap();
    for n in 0..60u64 {
        let one = span("x").trace(u128::from(n) + 1).id(n + 1).build();
        store.append(IngestRequest { connection: n % 7, ..request(&[one]) }).await.unwrap();
    }
    // Each thread has a segment of its own, but for the moment in which it begins the next one.
    while store.shared.view().live.iter().filter(|segment| segment.is_open()).count() != 3 {
        tokio::task::yield_now().await;
    }
    let visible = |store: &EmbeddedStore| store.stats().unsealed_spans + store.stats().part_spans;
    assert_eq!(visible(&store), 60);
    store.close().await;
    drop(store);
    let store = EmbeddedStore::open(options()).unwrap();
    assert_eq!(visible(&store), 60);
    for n in 0..60u128 {
        let trace = store.trace(TraceId::from_bytes((n + 1).to_be_bytes()).unwrap(), None).await.unwrap();
        assert!(trace.is_some_and(|trace| trace.spans.len() == 1), "trace {n}");
    }
}
