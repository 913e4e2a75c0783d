//! Several collectors over one ClickHouse.

use std::time::{Duration, Instant};

use laneway_e2e::{ClickHouse, Laneway};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Spans and figures come within seconds; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request with one span of a service in the lane `grey-v2`.
fn request(service: &str, kind: u32, id: &str, parent: &str, start_unix_ns: u128) -> Vec<u8> {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let span = json!({
        "traceId": "000000000000000000000000000000a1", "spanId": id, "parentSpanId": parent, "name": "GET /",
        "kind": kind, "startTimeUnixNano": start_unix_ns.to_string(),
        "endTimeUnixNano": (start_unix_ns + 5_000_000).to_string(), "attributes": [text("lane", "grey-v2")],
    });
    let resource = json!({"attributes": [text("service.name", service), text("service.instance.id", "1")]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})
        .to_string()
        .into_bytes()
}

/// Asks until the answer is as wanted.
async fn wait_for(server: &Laneway, path: &str, is_it: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let (status, body) = server.get(path, &[]).await;
        if status.is_success() && is_it(&body) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{path}: {status} {body:#}\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn halves_of_a_call_that_reach_different_collectors_meet() {
    let clickhouse = ClickHouse::start();
    assert!(clickhouse.migrate(&["--print"]).contains("CREATE TABLE IF NOT EXISTS otel_traces"));
    assert_eq!(
        clickhouse.migrate(&[]),
        "applied: tables\napplied: spans\napplied: operations\napplied: figures\napplied: codecs\n"
    );
    assert_eq!(clickhouse.migrate(&[]), "the schema is up to date\n");

    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let one = Laneway::start(dirs[0].path(), &clickhouse.flags()).await;
    let other = Laneway::start(dirs[1].path(), &clickhouse.flags()).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let (call, served) = ("00000000000000c1", "00000000000000c2");
    one.export("application/json", request("cart", 3, call, "", now)).await;
    other.export("application/json", request("payment", 2, served, call, now + 1_000_000)).await;

    for server in [&one, &other] {
        let trace = "/api/v1/traces/000000000000000000000000000000a1";
        wait_for(server, trace, |trace| {
            trace.to_string().contains(call) && trace.to_string().contains(served)
        })
        .await;
        wait_for(server, "/api/v1/topology", |topology| {
            let edges = topology["edges"].as_array().unwrap();
            edges.len() == 1
                && edges[0]["source"] == "service:cart"
                && edges[0]["target"] == "service:payment"
                && edges[0]["requests"] == 1
                && edges[0]["provenance"]["matched"] == 1
                && edges[0]["verdicts"]["fallback"] == 1
        })
        .await;
    }
    assert_eq!(clickhouse.front.run("SELECT count() FROM laneway.otel_traces"), "2");
    // What a collector has is in ClickHouse: another directory finds it too.
    assert!(one.terminate().await.success() && other.terminate().await.success());
    let fresh = TempDir::new().unwrap();
    let third = Laneway::start(fresh.path(), &clickhouse.flags()).await;
    wait_for(&third, "/api/v1/services", |services| services.to_string().contains("payment")).await;
}
