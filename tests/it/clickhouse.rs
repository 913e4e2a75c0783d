//! Several collectors over one ClickHouse, and moving to it and back.

use std::time::{Duration, Instant};

use laneway_e2e::{ClickHouse, Laneway, binary, load};
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

const EXPORTED_SPANS: u64 = 40_000;

/// Starts a command that copies, kills it when `is_it` says that it is in the midst of it, and runs it to its end.
fn kill9_and_repeat(args: &[&str], is_it: impl Fn() -> bool) -> String {
    let mut killed = binary::command(args).spawn().unwrap();
    let began = Instant::now();
    while !is_it() {
        assert!(began.elapsed() < PATIENCE, "{args:?} does nothing");
        assert!(killed.try_wait().unwrap().is_none(), "{args:?} came to its end");
        std::thread::sleep(Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let output = binary::run(args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_data_directory_is_copied_to_clickhouse_and_back_although_both_are_killed() {
    let clickhouse = ClickHouse::start();
    clickhouse.migrate(&[]);
    let (dir, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (data, back) = (dir.path().join("data"), copy.path().join("data"));
    let small = dir.path().join("small.toml");
    std::fs::write(&small, "[segment]\nmax_spans = 1000\n[merge]\nenabled = false\n").unwrap();
    let server = Laneway::start(&data, &["--config", small.to_str().unwrap()]).await;
    let samples = dir.path().join("samples");
    let flags = format!("--spans {EXPORTED_SPANS} --seed 5 --samples {}", samples.display());
    assert!(load::run(&server, "http", &flags).await.0);
    assert!(server.terminate().await.success());

    let stored = || clickhouse.front.run("SELECT count() FROM laneway.otel_traces").parse::<u64>().unwrap();
    let [config, file] = clickhouse.flags();
    let args = |command, dir: &std::path::Path| {
        [command, config, file, "--data-dir", dir.to_str().unwrap()].map(str::to_owned)
    };
    let export = args("export", &data);
    let export = export.each_ref().map(String::as_str);
    let said = kill9_and_repeat(&export, || stored() > 0);
    assert!(said.starts_with("exported "), "{said}");
    assert_eq!(stored(), EXPORTED_SPANS);
    for what in ["uniqExact(TraceId, SpanId) FROM laneway.otel_traces", "sum(Spans) FROM laneway.laneway_red"]
    {
        assert_eq!(clickhouse.front.run(&format!("SELECT {what}")), EXPORTED_SPANS.to_string(), "{what}");
    }

    let import = args("import", &back);
    let import = import.each_ref().map(String::as_str);
    let said = kill9_and_repeat(&import, || back.join("IMPORT").exists());
    assert!(said.starts_with(&format!("imported {EXPORTED_SPANS} spans")), "{said}");
    let inspected = binary::run(&["inspect", "--json", "--verify", "--data-dir", back.to_str().unwrap()]);
    let inspected: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    let spans = |part: &Value| part["spans"].as_u64().unwrap();
    let parts = inspected["parts"].as_array().unwrap();
    assert_eq!(parts.iter().map(spans).sum::<u64>(), EXPORTED_SPANS, "{inspected:#}");
    let server = Laneway::start(&back, &[]).await;
    let flags = format!("--spans 0 --verify --samples {}", samples.display());
    let (complete, found) = load::run(&server, "http", &flags).await;
    assert!(complete && found.traces_checked > 0 && found.duplicate == 0, "{found:?}");
}
