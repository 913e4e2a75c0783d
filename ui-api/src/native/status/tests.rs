use std::sync::Arc;
use std::time::Duration;

use insta::assert_json_snapshot;
use laneway_storage::testing::{EPOCH_UNIX_NS, MemoryStore};
use laneway_storage::{MaintenanceStats, Retention, RetentionOptions, Space, StoreStats};
use serde_json::Value;

use crate::testing::{Broken, Client};
use crate::{Api, Limits};

#[tokio::test]
async fn how_long_spans_are_kept_and_how_queries_fare() {
    let store = MemoryStore::new();
    let options = RetentionOptions {
        max_age: Some(Duration::from_secs(7 * 86_400)),
        figures_max_age: None,
        max_bytes: Some(5_000),
        min_free_bytes: 1,
        min_free_percent: 5,
    };
    let space = Some(Space { free_bytes: 400, total_bytes: 10_000 });
    let maintenance =
        MaintenanceStats { expired_spans: 30, early_expired_spans: 10, ..MaintenanceStats::default() };
    store.set_kept(
        Retention { options, oldest_unix_ns: Some(EPOCH_UNIX_NS), space },
        StoreStats { part_bytes: 4_900, maintenance, ..StoreStats::default() },
    );
    let client = Client::of(Api::new(Arc::new(store)));
    for uri in ["/api/v1/services", "/api/v1/services?bogus=1", "/api/traces/beef", "/api/nothing"] {
        client.get(uri).await;
    }
    let mut status = client.get("/api/v1/status").await.json();
    for quantile in ["p50_ms", "p95_ms", "p99_ms"] {
        let took = status["queries"]["recent"][quantile].take();
        assert!(took.as_f64().is_some_and(|ms| 0.0 < ms && ms < 10_000.0), "{quantile}: {took}");
        status["queries"]["recent"][quantile] = "some".into();
    }
    assert_json_snapshot!(status);
}

async fn queries(client: &Client) -> Value {
    client.get("/api/v1/status").await.json()["queries"].take()
}

#[tokio::test]
async fn each_failure_is_counted_in_its_place_in_each_dialect() {
    for (store, place) in [
        (Broken::Panics, "failed"),
        (Broken::Corrupt, "failed"),
        (Broken::Hangs, "timed_out"),
        (Broken::Closing, "unavailable"),
        (Broken::TooLarge, "too_large"),
    ] {
        let limits = Limits { timeout: Duration::from_millis(20), ..Limits::default() };
        let client = Client::of(Api::new(Arc::new(store)).with_limits(limits));
        client.get("/api/v1/services").await;
        client.get("/api/traces?service=x").await;
        let queries = queries(&client).await;
        assert_eq!((&queries[place], &queries["recent"]["count"]), (&2.into(), &2.into()), "{queries}");
    }
}

#[tokio::test]
async fn it_is_answered_when_all_places_are_taken_and_says_why_nothing_is_accepted() {
    let limits = Limits { concurrent_queries: 1, timeout: Duration::from_secs(60), ..Limits::default() };
    let client = Client::of(Api::new(Arc::new(Broken::Hangs)).with_limits(limits));
    let mut hanging = [Box::pin(client.get("/api/v1/services")), Box::pin(client.get("/api/v1/lanes"))];
    let [first, second] = &mut hanging;
    let status = tokio::select! {
        biased;
        _ = first => panic!("the store hangs"),
        _ = second => panic!("there is no place"),
        answer = client.get("/api/v1/status") => answer.json(),
    };
    assert_eq!((&status["ready"], &status["reason"]), (&false.into(), &"the disk is full".into()));
    let places = ["running", "waiting", "limit"].map(|name| status["queries"][name].as_u64());
    assert_eq!(places, [Some(1), Some(1), Some(1)]);
    drop(hanging);
    let queries = queries(&client).await;
    assert_eq!(
        (&queries["running"], &queries["waiting"], &queries["cancelled"]),
        (&0.into(), &0.into(), &2.into())
    );
}
