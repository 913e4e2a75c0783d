use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use laneway_storage::testing::{MemoryStore, span};
use serde_json::json;

use crate::testing::Client;
use crate::{Api, Rights};

const ALL: Rights = Rights { deletion: true, snapshots: true };

fn client(rights: Rights) -> Client {
    let spans = [
        span("a").trace(1).service("cart"),
        span("b").trace(2).service("a/b"),
        span("c").trace(2).service("cart"),
    ];
    Client::of(Api::new(Arc::new(MemoryStore::of(spans))).with_rights(rights))
}

#[tokio::test]
async fn a_trace_and_a_service_are_deleted_once() {
    let client = client(ALL);
    for deleted in [2, 0] {
        let answer = client.call(Method::DELETE, "/api/v1/traces/0000000000000002").await;
        assert_eq!(answer.json(), json!({"deletedSpans": deleted}));
    }
    assert_eq!(client.get("/api/v1/traces/0000000000000002").await.error().0, 404);
    let answer = client.call(Method::DELETE, "/api/v1/services/a%2Fb").await;
    assert_eq!(answer.json(), json!({"deletedSpans": 0}), "it went with the trace");
    let answer = client.call(Method::DELETE, "/api/v1/services/cart").await;
    assert_eq!(answer.json(), json!({"deletedSpans": 1}));
    let (status, code, ..) = client.call(Method::DELETE, "/api/v1/traces/xyz").await.error();
    assert_eq!((status, code.as_str()), (400, "bad_parameter"));
}

#[tokio::test]
async fn nothing_is_done_that_the_configuration_does_not_allow() {
    let client = client(Rights { deletion: false, snapshots: false });
    for (method, path, option) in [
        (Method::DELETE, "/api/v1/traces/0000000000000002", "admin.deletion"),
        (Method::DELETE, "/api/v1/services/cart", "admin.deletion"),
        (Method::POST, "/api/v1/snapshots", "admin.snapshots"),
        (Method::GET, "/api/v1/snapshots", "admin.snapshots"),
        (Method::DELETE, "/api/v1/snapshots/x", "admin.snapshots"),
    ] {
        let (status, code, _, hint) = client.call(method, path).await.error();
        assert_eq!((status, code.as_str()), (403, "disabled"), "{path}");
        assert!(hint.contains(option), "{hint}");
    }
    assert_eq!(client.get("/api/v1/traces/0000000000000002").await.status, 200);
}

#[tokio::test]
async fn a_web_page_cannot_change_anything() {
    let client = client(ALL);
    for method in [Method::DELETE, Method::POST, Method::PUT] {
        let request = Request::builder().method(method).uri("/api/v1/traces/0000000000000002");
        let request = request.header("origin", "http://evil.example").body(Body::empty()).unwrap();
        let (status, code, ..) = client.send(request).await.error();
        assert_eq!((status, code.as_str()), (403, "from_browser"));
    }
    assert_eq!(client.get("/api/v1/traces/0000000000000002").await.status, 200);
}

#[tokio::test]
async fn a_store_without_snapshots_says_so() {
    let (status, code, message, _) = client(ALL).call(Method::POST, "/api/v1/snapshots").await.error();
    assert_eq!((status, code.as_str()), (400, "unsupported"));
    assert_eq!(message, "this store cannot take snapshots");
}

#[test]
fn names_of_snapshots_sort_by_time() {
    assert_eq!(super::snapshot_name(crate::testing::NOW_UNIX_NS), "20260101T001000-000");
    assert!(super::snapshot_name(1) < super::snapshot_name(1_000_000));
}
