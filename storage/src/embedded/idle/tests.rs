use laneway_proto::TraceId;
use tempfile::TempDir;

use super::*;
use crate::embedded::EmbeddedStore;
use crate::embedded::tests::append;
use crate::embedded::tests::lifecycle::{store_of, unmerged};
use crate::store::Store;
use crate::testing::span;

#[tokio::test]
async fn what_was_used_since_the_last_look_stays() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 2).await;
    let (shared, mut idle) = (&store.shared, Idle::new());
    let query = async || store.trace(TraceId::from_bytes(1u128.to_be_bytes()).unwrap(), None).await.unwrap();
    assert!(query().await.is_some());
    let cached = shared.cache.len();
    assert!(cached > 0);

    idle.give_up_unused(shared);
    assert_eq!(shared.cache.len(), cached);
    query().await;
    idle.give_up_unused(shared);
    assert_eq!(shared.cache.len(), cached);
    idle.give_up_unused(shared);
    assert_eq!(shared.cache.len(), 0);
    assert!(query().await.is_some());
}

#[tokio::test]
async fn it_is_quiet_until_a_span_comes() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 2).await;
    let (shared, mut idle) = (&store.shared, Idle::new());
    idle.give_up_unused(shared);
    assert!(!shared.is_quiet(), "spans have come since the begin");
    idle.give_up_unused(shared);
    assert!(shared.is_quiet());
    append(&store, &[span("late").build()]).await;
    assert!(!shared.is_quiet());
}

#[tokio::test]
async fn a_large_segment_is_sealed_when_it_is_quiet() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(unmerged(dir.path())).unwrap();
    let (shared, mut idle) = (&store.shared, Idle::new());
    append(&store, &[span("small").build()]).await;
    let parts = |shared: &Shared| shared.view().parts.len();
    (0..3).for_each(|_| idle.give_up_unused(shared));
    assert!(!shared.maintenance.must_seal(shared.view().live[0].number), "it takes little");

    let text = "x".repeat(2 * MAX_QUIET_SEGMENT_BYTES);
    append(&store, &[span("large").id(2).attribute("text", text.as_str()).build()]).await;
    assert_eq!(parts(shared), 0);
    (0..2).for_each(|_| idle.give_up_unused(shared));
    let sealed =
        shared.wait_for_view(Instant::now() + Duration::from_secs(60), |view| !view.parts.is_empty());
    assert!(sealed);
    store.close().await;
}
