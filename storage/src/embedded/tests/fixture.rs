//! Data directories as this version and earlier ones write them: part formats 2 to 5, log format 1. They stay in the repository, and are
//! opened, for as long as these formats are read.

use std::path::PathBuf;

use super::lifecycle::{copy_dir, killed, merge_all, part_dirs, seal, unmerged};
use super::*;
use crate::model::{SpanKind, StatusCode, Value};
use crate::testing::{SpanBuilder, attribute};

/// Their spans are in the merged part, in the part that was only sealed, and in the log. (A restart in between took a number.)
const MERGED: u64 = 8;
const SEALED: u64 = 9;
const LOGGED: u64 = 10;
const SPANS_PER_SEGMENT: u64 = 12;
const REQUESTS_IN_LOG: usize = 3;

/// The data directory of a format of parts.
fn testdata(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/data-v{format}"))
}

/// What a span may say: all of it occurs, in changing combinations.
fn decorated(one: SpanBuilder, i: u64) -> SpanBuilder {
    match i % 6 {
        0 => one.kind(SpanKind::Server).attribute("user.id", &*format!("u-{i}")).lane("grey-v2"),
        1 => {
            one.kind(SpanKind::Client).attribute("retries", i as i64 - 50).attribute("ratio", i as f64 / 3.0)
        }
        2 => one.error("card declined").attribute("cached", true).attribute("odd#key", "größe \u{1f980}"),
        3 => one.event("exception", vec![attribute("line", i as i64)]).link(
            7,
            8,
            vec![attribute("why", "test")],
        ),
        4 => {
            let list = Value::Array(vec![Value::Int(1), Value::Empty, Value::String("x".to_owned())]);
            let map = Value::KvList(vec![attribute("inner", false)]);
            one.attribute("list", list).attribute("map", map).attribute("raw", &[0, 1, 255][..])
        }
        // A negative duration, and everything that is a number or a text of its own.
        _ => one.status(StatusCode::Ok).with(|span| {
            span.end_unix_ns = span.start_unix_ns - 5;
            span.trace_state = "vendor=a:b".to_owned();
            span.flags = 0x101;
            span.dropped_attributes_count = 1;
            span.dropped_events_count = 2;
            span.dropped_links_count = 3;
        }),
    }
}

/// The spans of a segment: two traces of its own, and one that lies across all segments.
fn spans_of(segment: u64) -> Vec<Span> {
    let one = |i: u64| {
        let id = segment * 100 + i;
        let one = span(&format!("op-{}", i % 4)).id(id).after(id * 1_000).duration(i * 1_000_003);
        let one =
            one.service(&format!("service-{}", i % 3)).instance("i-1").resource_attribute("cores", 4_i64);
        let one = one.scope("tracer", "1.2").scope_attribute("scope.kind", "test");
        let one = match i % 3 {
            0 => one.trace(999).parent(segment * 100 + 77),
            place if i < 3 => one.trace(u128::from(segment * 10 + place)),
            place => one.trace(u128::from(segment * 10 + place)).parent(id - 3),
        };
        decorated(one, segment + i).build()
    };
    (0..SPANS_PER_SEGMENT).map(one).collect()
}

fn all_spans() -> Vec<Span> {
    (1..=LOGGED).flat_map(spans_of).collect()
}

#[track_caller]
fn assert_same(mut found: Vec<Span>, mut sent: Vec<Span>) {
    for spans in [&mut found, &mut sent] {
        spans.sort_by_key(|span| (span.trace_id, span.span_id));
    }
    assert_eq!(found, sent);
}

/// What the store has of the traces that were written.
async fn found(store: &EmbeddedStore) -> Vec<Span> {
    let mut trace_ids: Vec<TraceId> = all_spans().iter().map(|span| span.trace_id).collect();
    trace_ids.sort_unstable();
    trace_ids.dedup();
    let mut found = Vec::new();
    for trace_id in trace_ids {
        found.extend(store.trace(trace_id, None).await.unwrap().unwrap().spans);
    }
    found
}

#[tokio::test]
async fn a_data_directory_of_format_2_is_read_and_deleted_from() {
    is_read_and_deleted_from(2).await;
}

#[tokio::test]
async fn a_data_directory_of_format_3_is_read_and_deleted_from() {
    is_read_and_deleted_from(3).await;
}

#[tokio::test]
async fn a_data_directory_of_format_4_is_read_and_deleted_from() {
    is_read_and_deleted_from(4).await;
}

#[tokio::test]
async fn a_data_directory_of_format_5_is_read_and_deleted_from() {
    is_read_and_deleted_from(5).await;
}

async fn is_read_and_deleted_from(format: u32) {
    let dir = TempDir::new().unwrap();
    copy_dir(&testdata(format), dir.path());
    let store = EmbeddedStore::open(unmerged(dir.path())).unwrap();
    let stats = store.stats();
    assert_eq!(stats.recovered_spans, SPANS_PER_SEGMENT);
    assert_eq!(stats.part_spans, MERGED * SPANS_PER_SEGMENT + SPANS_PER_SEGMENT);
    assert_eq!(stats.maintenance.parts_in_quarantine, 0);
    assert_same(found(&store).await, all_spans());
    // What finds spans is read too, and tells the same as a scan.
    let filters = [SpanFilter::All(Vec::new())];
    let oracle = MemoryStore::new();
    oracle.append(request(&all_spans())).await.unwrap();
    assert_alike(&*store, &oracle, &filters, TimeRange::ALL).await;
    seal(&store).await;
    let deleted = store.delete(crate::Deletion::Service("service-1".to_owned())).await.unwrap();
    assert_eq!(deleted, LOGGED * SPANS_PER_SEGMENT / 3);
    store.close().await;
}

#[tokio::test]
#[ignore = "writes the fixture; to be run once for a new version of the format, into a new directory"]
async fn write_the_fixture() {
    let dir = TempDir::new().unwrap();
    let options = |merge| Options { wal_spare_bytes: 16 * 1024, segment_max_spans: 1_000, ..merge };
    let store = EmbeddedStore::open(options(unmerged(dir.path()))).unwrap();
    for segment in 1..=MERGED {
        append(&store, &spans_of(segment)).await;
        seal(&store).await;
    }
    store.close().await;
    drop(store);
    // Joined: before format 5, rows were merged.
    let merge = MergeOptions { full_group_spans: 1, ..MergeOptions::default() };
    let store = EmbeddedStore::open(options(Options { merge, ..super::options(dir.path()) })).unwrap();
    merge_all(&store);
    append(&store, &spans_of(SEALED)).await;
    seal(&store).await;
    let logged = spans_of(LOGGED);
    for spans in logged.chunks(logged.len() / REQUESTS_IN_LOG) {
        append(&store, spans).await;
    }
    let killed = killed(dir.path());
    assert_eq!(part_dirs(killed.path()).len(), 2);
    for kept in ["parts", "wal", "FORMAT"] {
        let (from, to) = (killed.path().join(kept), testdata(5).join(kept));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
