//! The load generator against the real server: what it is told was stored can be read back.

use laneway_e2e::{Laneway, load};
use serde_json::Value;
use tempfile::TempDir;

#[tokio::test]
async fn everything_acknowledged_is_found_over_both_protocols_compressed_or_not() {
    let dir = TempDir::new().unwrap();
    let server = Laneway::start(dir.path(), &[]).await;
    for (seed, (protocol, gzip)) in
        [("grpc", ""), ("grpc", "--gzip"), ("http", ""), ("http", "--gzip")].into_iter().enumerate()
    {
        let flags = format!("--spans 20000 --seed {seed} --sample-traces 300 --verify {gzip}");
        let (success, report) = load::run(&server, protocol, &flags).await;
        assert!(success, "{report:?}");
        assert_eq!((report.spans_sent, report.spans_acked), (20_000, 20_000), "{report:?}");
        assert!(report.traces_checked >= 300);
        assert_eq!((report.missing, report.partial, report.duplicate), (0, 0, 0), "{report:?}");
    }
    assert_stored(&server, 80_000).await;
}

/// OTLP allows that a client sends again what was stored already.
#[tokio::test]
async fn what_is_sent_twice_is_there_once() {
    let dir = TempDir::new().unwrap();
    let server = Laneway::start(dir.path(), &[]).await;
    let json = laneway_e2e::testdata("parity/request.json");
    server.export("application/json", json.clone()).await;
    assert_stored(&server, 36).await;
    server.export("application/json", json.clone()).await;
    assert_stored(&server, 36).await;
    let server = server.restart().await;
    assert_stored(&server, 36).await;
    // The first copy is on disk by now.
    server.export("application/json", json).await;
    assert_stored(&server, 36).await;
}

async fn assert_stored(server: &Laneway, spans: u64) {
    assert_eq!((found_spans(server).await, counted_spans(server).await), (spans, spans));
}

const ALWAYS: [(&str, &str); 2] = [("start", "0"), ("end", "2100-01-01T00:00:00Z")];

/// Spans in the store, by the traces of a search for everything.
async fn found_spans(server: &Laneway) -> u64 {
    let mut cursor = String::new();
    let mut spans = 0;
    loop {
        let page = [ALWAYS[0], ALWAYS[1], ("limit", "1000"), ("cursor", &cursor)];
        let page = server.get_ok("/api/v1/traces", &page).await;
        spans += sum(&page["traces"], "spanCount");
        match &page["nextCursor"] {
            Value::String(next) => cursor.clone_from(next),
            _ => return spans,
        }
    }
}

/// Spans in the store, by the operations that they are counted under.
pub(crate) async fn counted_spans(server: &Laneway) -> u64 {
    let services = server.get_ok("/api/v1/services", &ALWAYS).await;
    let mut spans = 0;
    for service in services["services"].as_array().unwrap() {
        let path = format!("/api/v1/services/{}/operations", service["name"].as_str().unwrap());
        spans += sum(&server.get_ok(&path, &ALWAYS).await["operations"], "requests");
    }
    spans
}

fn sum(list: &Value, key: &str) -> u64 {
    list.as_array().unwrap().iter().map(|item| item[key].as_u64().unwrap()).sum()
}
