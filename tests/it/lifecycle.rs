//! The life of parts in a running server: merging, deletion, snapshots, quarantine, and a look at the directory.

use std::path::Path;
use std::time::Duration;

use laneway_e2e::{Laneway, binary, load};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use crate::load::counted_spans;

/// A server with small segments and everything allowed.
async fn start(dir: &Path, more: &str) -> Laneway {
    let config = dir.join("laneway.toml");
    let text = format!(
        "[segment]\nmax_spans = 2000\n[admin]\ndeletion = true\n[merge]\nmax_cpu_percent = 100\n{more}"
    );
    std::fs::write(&config, text).unwrap();
    Laneway::start(&dir.join("data"), &["--config", config.to_str().unwrap()]).await
}

/// Waits until a metric is as wished.
async fn wait_for(server: &Laneway, metric: &str, is_wished: impl Fn(f64) -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(60), async {
        while !is_wished(server.metric(metric).await) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{metric} stays {}: {}", server.metric(metric).await, server.log());
}

fn inspected(data_dir: &Path, flags: &[&str]) -> (bool, Value) {
    let args = [&["inspect", "--json", "--data-dir", data_dir.to_str().unwrap()], flags].concat();
    let output = binary::run(&args);
    let report = serde_json::from_slice(&output.stdout);
    (
        output.status.success(),
        report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))),
    )
}

#[tokio::test]
async fn merged_parts_hold_what_was_sent_and_inspect_shows_them() {
    let dir = TempDir::new().unwrap();
    let server = start(dir.path(), "").await;
    let (success, report) =
        load::run(&server, "http", "--spans 40000 --seed 1 --sample-traces 1000 --verify").await;
    assert!(success, "{report:?}");
    wait_for(&server, "laneway_store_merges_total", |merges| merges >= 1.0).await;
    assert_eq!(counted_spans(&server).await, 40_000);
    assert!(server.metric("laneway_store_merge_cpu_seconds_total").await > 0.0);
    let (is_whole, found) = inspected(&dir.path().join("data"), &["--verify"]);
    assert!(is_whole, "{found:#}");
    let parts = found["parts"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["level"] == 1), "{parts:#?}");
    assert!(parts.iter().all(|part| part["columns"].as_array().unwrap().len() > 20));
}

#[tokio::test]
async fn a_snapshot_under_load_is_complete_and_can_be_served() {
    let dir = TempDir::new().unwrap();
    let server = start(dir.path(), "").await;
    let samples = dir.path().join("samples");
    let flags = format!("--spans 20000 --seed 2 --sample-traces 100000 --samples {}", samples.display());
    let (success, report) = load::run(&server, "grpc", &flags).await;
    assert!(success, "{report:?}");
    // More arrives while the copy is made.
    let loading = load::command(&server, "grpc", "--spans 200000 --seed 3 --rate 20000").spawn().unwrap();
    let copy = dir.path().join("copy");
    let http = format!("--http=http://{}", server.http);
    let output = binary::run(&["snapshot", &http, copy.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    drop(loading);
    assert_eq!(server.get_ok("/api/v1/snapshots", &[]).await["snapshots"], serde_json::json!([]));
    let again = binary::run(&["snapshot", &http, copy.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
    server.kill9().await;

    let restored = Laneway::start(&copy, &[]).await;
    let flags = format!("--spans 0 --verify --samples {}", samples.display());
    let (complete, found) = load::run(&restored, "grpc", &flags).await;
    assert!(complete && found.traces_checked > 100 && found.duplicate == 0, "{found:?}");
    assert!(counted_spans(&restored).await >= 20_000);
}

#[tokio::test]
async fn what_is_deleted_stays_deleted_over_a_kill() {
    let dir = TempDir::new().unwrap();
    let server = start(dir.path(), "").await;
    server.export("application/json", laneway_e2e::testdata("parity/request.json")).await;
    let services = server.get_ok("/api/v1/services", &[("start", "0"), ("end", "now")]).await;
    let service = services["services"][0]["name"].as_str().unwrap().to_owned();
    let before = counted_spans(&server).await;
    let path = format!("/api/v1/services/{service}");
    let (status, answer) = server.call(Method::DELETE, &path).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let deleted = answer["deletedSpans"].as_u64().unwrap();
    assert!(deleted > 0 && deleted < before, "{deleted} of {before}");
    let server = server.kill9().await.start().await;
    assert_eq!(counted_spans(&server).await, before - deleted);
    assert_eq!(server.call(Method::DELETE, &path).await.1["deletedSpans"], 0);
}

#[tokio::test]
async fn a_damaged_part_is_set_aside_and_the_rest_serves() {
    let dir = TempDir::new().unwrap();
    let server = start(dir.path(), "enabled = false\n").await;
    let (success, _) = load::run(&server, "http", "--spans 10000 --seed 4").await;
    assert!(success);
    wait_for(&server, "laneway_store_parts", |parts| parts >= 2.0).await;
    let stopped = server.kill9().await;
    let data_dir = dir.path().join("data");
    let part = std::fs::read_dir(data_dir.join("parts")).unwrap().next().unwrap().unwrap().path();
    let file = part.join("part.idx");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(!inspected(&data_dir, &[]).0, "damage is an exit code");
    let server = stopped.start().await;
    assert_eq!(server.metric("laneway_store_parts_in_quarantine").await, 1.0);
    let left = counted_spans(&server).await;
    assert!(left > 0 && left < 10_000, "{left}");
    assert_eq!(server.log().matches("moved into quarantine").count(), 1);
}

#[tokio::test]
async fn parts_beyond_the_limit_expire_the_oldest_first() {
    let dir = TempDir::new().unwrap();
    let server = start(dir.path(), "[retention]\nmax_bytes = '2 MiB'\n").await;
    let (success, _) = load::run(&server, "http", "--spans 40000 --seed 5").await;
    assert!(success);
    wait_for(&server, "laneway_store_expired_parts_total", |parts| parts >= 1.0).await;
    wait_for(&server, "laneway_store_part_bytes", |bytes| bytes <= 2.0 * 1024.0 * 1024.0).await;
    let expired = server.metric("laneway_store_expired_spans_total").await;
    assert!(expired > 0.0 && expired < 40_000.0, "{expired}");
}
