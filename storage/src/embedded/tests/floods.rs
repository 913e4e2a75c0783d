//! Senders who mean harm, or do harm: memory stays within what the options allow, and nothing accepted is lost.

use laneway_proto::otlp::{attribute, field, wire};

use super::*;

const SEGMENT_MAX_BYTES: usize = 2 /* MiB */ * 1024 * 1024;
/// What one request may add to a segment that was not yet full: several times its own size, since a span takes more memory than its
/// shortest encoding.
const LAST_REQUEST_BYTES: usize = 2 * SEGMENT_MAX_BYTES;

fn options(dir: &Path) -> Options {
    Options { segment_max_bytes: SEGMENT_MAX_BYTES, ingest_threads: 1, ..Options::new(dir) }
}

/// Appends requests one by one, and looks after each how much memory segments take.
async fn flood(store: &EmbeddedStore, requests: impl Iterator<Item = Vec<u8>>) -> u64 {
    let mut accepted = 0;
    for body in requests {
        assert!(body.len() < SEGMENT_MAX_BYTES);
        let request = IngestRequest { body: body.into(), compressed: None, connection: 0 };
        accepted += store.append(request).await.unwrap().spans;
        let view = store.shared.view();
        assert!(view.live.len() <= 2, "more than one waits to be sealed");
        for segment in &view.live {
            let bytes = segment.spans.read().memory_bytes();
            assert!(bytes < SEGMENT_MAX_BYTES + LAST_REQUEST_BYTES, "a segment takes {bytes} bytes");
        }
    }
    accepted
}

/// A request of one resource, named so, with a span for each number, which `write` adds to.
fn request(resource: &str, numbers: Range<u64>, write: impl Fn(&mut Vec<u8>, u64)) -> Vec<u8> {
    let mut out = Vec::new();
    wire::message(&mut out, field::request::RESOURCE_SPANS, |out| {
        wire::message(out, field::resource_spans::RESOURCE, |out| {
            attribute::string(out, field::resource::ATTRIBUTES, "service.name", resource);
        });
        wire::message(out, field::resource_spans::SCOPE_SPANS, |out| {
            for number in numbers.clone() {
                wire::message(out, field::scope_spans::SPANS, |out| {
                    wire::bytes(out, field::span::TRACE_ID, &[7; 16]);
                    wire::bytes(out, field::span::SPAN_ID, &(number + 1).to_be_bytes());
                    wire::fixed64(out, field::span::START_TIME_UNIX_NANO, number);
                    write(out, number);
                });
            }
        });
    });
    out
}

async fn check(spans: u64, requests: impl Iterator<Item = Vec<u8>>) {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    assert_eq!(flood(&store, requests).await, spans);
    let stats = store.stats();
    assert_eq!(stats.unsealed_spans + stats.part_spans, spans);
    store.close().await;
}

#[tokio::test]
async fn a_million_distinct_keys() {
    let key = |out: &mut Vec<u8>, number: u64| {
        for i in 0..1_000 {
            attribute::int(out, field::span::ATTRIBUTES, &format!("key-{number}-{i}"), 1);
        }
    };
    check(1_000, (0..200).map(|n| request("one", n * 5..n * 5 + 5, key))).await;
}

#[tokio::test]
async fn values_of_a_megabyte() {
    let value = |out: &mut Vec<u8>, number: u64| {
        let text = format!("{number}-{}", "x".repeat(1_000_000));
        attribute::string(out, field::span::ATTRIBUTES, "large", &text);
    };
    check(60, (0..60).map(|n| request("one", n..n + 1, value))).await;
}

#[tokio::test]
async fn names_that_never_repeat() {
    let name =
        |out: &mut Vec<u8>, number: u64| wire::string(out, field::span::NAME, &format!("GET /{number}"));
    check(60_000, (0..60).map(|n| request("one", n * 1_000..(n + 1) * 1_000, name))).await;
}

#[tokio::test]
async fn a_trace_of_many_spans() {
    check(200_000, (0..20).map(|n| request("one", n * 10_000..(n + 1) * 10_000, |_, _| ()))).await;
}

#[tokio::test]
async fn a_resource_for_every_span() {
    let requests = (0..30u64).map(|n| {
        (n * 1_000..(n + 1) * 1_000)
            .flat_map(|span| {
                request(&format!("service-{span}-{}", "x".repeat(100)), span..span + 1, |_, _| ())
            })
            .collect()
    });
    check(30_000, requests).await;
}

#[tokio::test]
async fn requests_that_are_refused_after_they_brought_new_text() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    for n in 0..40u64 {
        let name = |out: &mut Vec<u8>, number: u64| {
            wire::string(out, field::span::NAME, &format!("{number}-{}", "x".repeat(500_000)));
        };
        let mut body = request("one", n..n + 1, name);
        // A resource that ends too early.
        body.extend([0x0a, 0x7f]);
        let refused =
            store.append(IngestRequest { body: body.into(), compressed: None, connection: 0 }).await;
        assert!(matches!(refused, Err(AppendError::Malformed(_))), "{refused:?}");
        for segment in &store.shared.view().live {
            assert!(segment.spans.read().memory_bytes() < SEGMENT_MAX_BYTES + LAST_REQUEST_BYTES);
        }
    }
    assert_eq!(store.stats().malformed_requests, 40);
    store.close().await;
}

#[tokio::test]
async fn a_thousand_connections_at_once() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(Options { ingest_threads: 4, ..options(dir.path()) }).unwrap();
    let appends: Vec<_> = (0..1_000u64)
        .map(|connection| {
            let (store, body) = (Arc::clone(&store), request("one", connection..connection + 1, |_, _| ()));
            tokio::spawn(async move {
                store.append(IngestRequest { body: body.into(), compressed: None, connection }).await
            })
        })
        .collect();
    for append in appends {
        assert_eq!(append.await.unwrap().unwrap().spans, 1);
    }
    assert_eq!(store.stats().pending_bytes, 0);
    assert!(store.stats().wal_syncs < 1_000, "connections share syncs");
    store.close().await;
}
