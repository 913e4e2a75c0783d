use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use laneway_storage::testing::span;

use crate::testing::{Broken, Client, client};
use crate::{Api, Limits};

fn broken(store: Broken) -> Client {
    let limits = Limits { timeout: Duration::from_millis(20), ..Limits::default() };
    Client::of(Api::new(Arc::new(store)).with_limits(limits))
}

#[tokio::test]
async fn each_failure_has_a_status_in_each_dialect() {
    for (store, status, message) in [
        (Broken::Panics, 500, "the request failed within the server"),
        (Broken::Hangs, 504, "no answer within 20 ms"),
        (Broken::Corrupt, 500, "stored data could not be read"),
        (Broken::Closing, 503, "the store is closing"),
        (Broken::TooLarge, 400, "the query takes more than the 1000 bytes of memory that one may have"),
    ] {
        let client = broken(store);
        let native = client.get("/api/v1/services").await.error();
        assert_eq!((native.0, native.2.as_str()), (status, message));
        let jaeger = client.get("/api/traces?service=x").await.jaeger_error();
        assert_eq!((jaeger.0, jaeger.1.as_str()), (status, message));
    }
}

#[tokio::test]
async fn queries_beyond_the_limit_wait_and_whoever_gives_up_frees_the_place() {
    let limits = Limits { concurrent_queries: 1, timeout: Duration::from_secs(60), ..Limits::default() };
    let client = Client::of(Api::new(Arc::new(Broken::Hangs)).with_limits(limits));
    let mut first = Box::pin(client.get("/api/v1/services"));
    let mut second = Box::pin(client.get("/api/v1/nothing"));
    // Each is polled until it can go no further; then something that needs no place is answered.
    for _ in 0..3 {
        tokio::select! {
            biased;
            _ = &mut first => panic!("the store hangs"),
            _ = &mut second => panic!("there is no place"),
            alive = client.get("/healthz") => assert_eq!(alive.status, 200),
        }
    }
    drop(first);
    assert_eq!(second.await.error().0, 404);
}

#[tokio::test]
async fn answers_carry_security_headers_whatever_they_are() {
    let client = client([span("x")]);
    for path in ["/", "/api/v1/services", "/api/services", "/metrics", "/nothing", "/api/v1/services?x=y"] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
    let failed = broken(Broken::Panics).get("/api/v1/services").await;
    assert_eq!(failed.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn long_requests_are_refused() {
    let client = client([span("x")]);
    let error = client.get(&format!("/api/v1/traces?service={}", "a".repeat(16 * 1024))).await.error();
    assert_eq!((error.0, error.1.as_str()), (414, "uri_too_long"));
    let with_body = |length: usize| {
        Request::get("/api/v1/services").header("content-length", length).body(Body::from(vec![b'x'; length]))
    };
    assert_eq!(client.send(with_body(16 * 1024).unwrap()).await.status, 200);
    let error = client.send(with_body(16 * 1024 + 1).unwrap()).await.error();
    assert_eq!((error.0, error.1.as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn an_unknown_route_or_method_is_answered_in_the_dialect_of_its_path() {
    let client = client([span("x")]);
    assert_eq!(client.get("/api/nothing").await.jaeger_error().0, 404);
    assert_eq!(client.get("/api/v1nothing").await.jaeger_error().0, 404);
    assert_eq!(client.get("/api/v1").await.error().0, 404);
    assert_eq!(client.call(Method::DELETE, "/api/traces").await.jaeger_error().0, 405);
    assert_eq!(client.call(Method::HEAD, "/api/v1/traces").await.status, 200);
}
