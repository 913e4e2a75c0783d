use std::sync::Arc;

use laneway_storage::testing::MemoryStore;

use crate::Api;
use crate::testing::Client;

#[tokio::test]
async fn ready_means_that_the_store_and_every_worker_are() {
    let store = Arc::new(MemoryStore::new());
    let client = Client::of(Api::new(Arc::<MemoryStore>::clone(&store)));
    assert_eq!(client.get("/readyz").await.json()["status"], "ok");

    store.set_not_ready(Some("the disk is full"));
    let (status, code, message, _) = client.get("/readyz").await.error();
    assert_eq!((status, code.as_str(), message.as_str()), (503, "not_ready", "not ready: the disk is full"));
    assert_eq!(client.get("/healthz").await.json()["status"], "ok", "it is alive all the same");

    let dead = Api::new(Arc::new(MemoryStore::new())).with_workers(|| Err("the compactor died".to_owned()));
    assert_eq!(Client::of(dead).get("/readyz").await.error().2, "not ready: the compactor died");
}

#[tokio::test]
async fn metrics_are_those_of_whoever_owns_them() {
    let api =
        Api::new(Arc::new(MemoryStore::new())).with_metrics(|queries| format!("limit {}\n", queries.limit));
    let answer = Client::of(api).get("/metrics").await;
    assert_eq!(answer.text(), "limit 16\n");
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
}

#[tokio::test]
async fn the_index_names_routes_that_exist() {
    let client = Client::of(Api::new(Arc::new(MemoryStore::new())));
    for entry in client.get("/").await.json()["entryPoints"].as_array().unwrap() {
        let path = entry["path"].as_str().unwrap();
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
}
