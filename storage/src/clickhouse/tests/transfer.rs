//! Copying a data directory to ClickHouse and back, however often it is cut short.

use super::*;
use crate::store::Store;

const SEGMENT: usize = 40;
const SPANS: u64 = 1_000;

/// Spans of ten minutes, five to a trace.
fn spans() -> Vec<Span> {
    let one = |i: u64| {
        let start_unix_ns = crate::testing::EPOCH_UNIX_NS + i * 600_000_000;
        span("GET /")
            .trace(u128::from(i / 5) + 1)
            .id(i + 1)
            .start(start_unix_ns)
            .attribute("n", i as i64)
            .build()
    };
    (0..SPANS).map(one).collect()
}

fn embedded(dir: &Path) -> Options {
    Options {
        segment_max_spans: SEGMENT,
        wal_spare_bytes: 64 * 1024,
        ingest_threads: 1,
        merge: MergeOptions { enabled: false, ..MergeOptions::default() },
        ..Options::new(dir)
    }
}

/// A closed data directory that holds the spans, in many parts and a log.
async fn filled(dir: &Path) {
    let store = EmbeddedStore::open(embedded(dir)).unwrap();
    for some in spans().chunks(SEGMENT / 2) {
        store.append(request(some)).await.unwrap();
    }
    store.close().await;
}

/// All spans of a data directory, as they are in its parts: each as often as it is there.
async fn spans_of(dir: &Path) -> Vec<Span> {
    let store = open_unlocked(dir).await;
    let mut spans = Vec::new();
    for part in store.spooled() {
        let collected = part.each_span(|span| {
            spans.push(span);
            Ok(())
        });
        collected.unwrap();
    }
    store.close().await;
    spans.sort_by_key(|span| span.span_id);
    spans
}

/// Drops an export when so many spans are left; `false` when threads of the one before were still ending.
async fn export_until(options: &ClickHouseOptions, spans_left: u64) -> bool {
    let (reached, cut) = tokio::sync::oneshot::channel();
    let mut reached = Some(reached);
    let run = export(options.clone(), move |progress| {
        if progress.spans_left <= spans_left
            && let Some(reached) = reached.take()
        {
            let _ = reached.send(());
        }
    });
    tokio::select! {
        ended = run => {
            assert!(is_locked(&ended), "it came to its end: {ended:?}");
            false
        }
        _ = cut => true,
    }
}

fn is_locked(ended: &Result<u64, ExportError>) -> bool {
    let locked = |error: &OpenError| matches!(error, OpenError::Locked { .. });
    match ended {
        Err(ExportError::Open(error)) | Err(ExportError::Spool(ClickHouseOpenError::Spool(error))) => {
            locked(error)
        }
        _ => false,
    }
}

async fn export_to_its_end(options: &ClickHouseOptions) -> u64 {
    loop {
        let ended = export(options.clone(), |_| ()).await;
        if !is_locked(&ended) {
            return ended.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_cut_short_goes_on_where_it_was() {
    let Some(place) = Place::apart("export") else { return };
    let front = place.front;
    filled(place.dir.path()).await;
    let options = ClickHouseOptions { spool: embedded(place.dir.path()), ..place.options() };
    migrate(&options).await.unwrap();
    for stored in [100, 500] {
        // It is dropped in the midst of whatever it does; what was lost with it may have been stored or not.
        front.fail(Fault::Lose, 3, "INSERT INTO `otel_traces`");
        while !export_until(&options, SPANS - stored).await {
            tokio::task::yield_now().await;
        }
    }
    assert!(export_to_its_end(&options).await < SPANS, "it began where it was");
    // Once more, from the beginning: ClickHouse knows all of it.
    assert_eq!(export_to_its_end(&options).await, SPANS);
    for query in [
        "count() FROM $db.otel_traces",
        "uniqExact(SpanId) FROM $db.otel_traces",
        "sum(Spans) FROM $db.laneway_red",
    ] {
        assert_eq!(place.run(&format!("SELECT {query}")), SPANS.to_string(), "{query}");
    }
    assert_eq!(spans_of(place.dir.path()).await, spans(), "the directory is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_cut_short_goes_on_where_it_was() {
    let Some(place) = Place::new() else { return };
    filled(place.dir.path()).await;
    export_to_its_end(&ClickHouseOptions { spool: embedded(place.dir.path()), ..place.options() }).await;
    place.run("INSERT INTO $db.otel_traces (Timestamp, TraceId, SpanId) SELECT min(Timestamp), 'no id', 'none' FROM $db.otel_traces");

    let copy = TempDir::new().unwrap();
    let options = ClickHouseOptions { spool: embedded(copy.path()), ..place.options() };
    let (reached, cut) = tokio::sync::oneshot::channel();
    let mut reached = Some(reached);
    let run = import::import_in_slices(options.clone(), 150, |_| {
        if let Some(reached) = reached.take() {
            let _ = reached.send(());
        }
    });
    tokio::select! {
        ended = run => panic!("it came to its end: {ended:?}"),
        _ = cut => {}
    }
    // Part of the next slice, in parts and in the log: what a process leaves that is killed in the midst of it.
    let store = open_unlocked(copy.path()).await;
    let known = store.spooled().iter().map(|part| part.spans()).sum::<u64>() as usize;
    assert!((100..900).contains(&known), "{known} spans after one slice or some more");
    store.append(request(&spans()[known..known + SEGMENT + 3])).await.unwrap();
    store.close().await;
    drop(store);
    let done = loop {
        match import::import_in_slices(options.clone(), 150, |_| ()).await {
            Err(ImportError::Open(OpenError::Locked { .. })) => tokio::task::yield_now().await,
            done => break done.unwrap(),
        }
    };
    assert_eq!((done.spans, done.skipped_rows, done.rows), (SPANS, 1, SPANS + 1));
    assert!(!copy.path().join("IMPORT").exists());
    assert_eq!(spans_of(copy.path()).await, spans());
    let refused = import(options, |_| ()).await;
    assert!(matches!(refused, Err(ImportError::NotEmpty { .. })), "{refused:?}");
}

/// Threads of a run that was cut short may still be ending.
async fn open_unlocked(dir: &Path) -> Arc<EmbeddedStore> {
    loop {
        match EmbeddedStore::open(embedded(dir)) {
            Err(OpenError::Locked { .. }) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}
