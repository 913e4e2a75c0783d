use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::request::Builder;
use laneway_storage::{AppendError, Compression};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use super::*;
use crate::config::{ByteSize, Limits};
use crate::testing::{
    Answer, Compress, ScriptedStore, deflate, export, gzip, options, options_with, send, zstd,
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const JSON_EXPORT: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
    {"traceId":"01010101010101010101010101010101","spanId":"0202020202020202","name":"GET /"}]}]}]}"#;

fn router_over(store: &std::sync::Arc<ScriptedStore>) -> Router {
    router(options(store), &Cors::default())
}

fn post(content_type: &str) -> Builder {
    Request::post("/v1/traces").header("content-type", content_type)
}

async fn post_body(router: &Router, content_type: &str, body: impl Into<Body>) -> Answer {
    send(router, post(content_type).body(body.into()).unwrap()).await
}

async fn post_compressed(router: &Router, coding: &str, body: Vec<u8>) -> Answer {
    send(router, post(PROTOBUF).header("content-encoding", coding).body(body.into()).unwrap()).await
}

/// Everything of an answer that a sender looks at, as text; protobuf bodies are decoded.
fn show(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    for name in ["content-type", "retry-after", "allow"] {
        if !answer.header(name).is_empty() {
            text += &format!("{name}: {}\n", answer.header(name));
        }
    }
    if answer.header("content-type") == PROTOBUF {
        let status = tonic_types::pb::Status::decode(answer.body.clone()).unwrap();
        let details: Vec<_> = status.details.iter().map(|detail| detail.type_url.as_str()).collect();
        text + &format!("{} {:?} {details:?}", status.code, status.message)
    } else {
        text + std::str::from_utf8(&answer.body).unwrap()
    }
}

/// The answer to an export that the store refuses.
async fn refused(error: AppendError, content_type: &str, body: &'static str) -> String {
    show(&post_body(&router_over(&ScriptedStore::answering(Err(error))), content_type, body).await)
}

#[tokio::test]
async fn a_full_success_says_nothing_in_either_encoding() {
    let store = ScriptedStore::accepting();
    let answer = post_body(&router_over(&store), PROTOBUF, export()).await;
    assert_eq!(
        (answer.status, answer.header("content-type"), &answer.body[..]),
        (StatusCode::OK, PROTOBUF, &b""[..])
    );
    assert_eq!(store.request().body.joined(), export());

    let answer = post_body(&router_over(&store), "application/json; charset=utf-8", JSON_EXPORT).await;
    assert_eq!(
        (answer.status, answer.header("content-type"), &answer.body[..]),
        (StatusCode::OK, JSON, &b"{}"[..])
    );
}

#[tokio::test]
async fn json_reaches_the_store_as_protobuf() {
    let store = ScriptedStore::accepting();
    post_body(&router_over(&store), JSON, JSON_EXPORT).await;
    let request = store.request();
    let decoded = ExportTraceServiceRequest::decode(request.body.joined()).unwrap();
    assert_eq!(decoded, ExportTraceServiceRequest::decode(&export()[..]).unwrap());
    assert_eq!(request.compressed, None);
}

#[tokio::test]
async fn spans_that_were_refused_are_told() {
    let store = ScriptedStore::answering(Ok(Accepted { spans: 5, rejected_spans: 3 }));
    let router = router_over(&store);
    let answer = post_body(&router, PROTOBUF, export()).await;
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 3);
    insta::assert_snapshot!(show(&post_body(&router, JSON, JSON_EXPORT).await), @r#"
    200 OK
    content-type: application/json
    {"partialSuccess":{"errorMessage":"3 spans were refused: their trace id or span id is absent or zero","rejectedSpans":"3"}}
    "#);
}

#[tokio::test]
async fn an_empty_request_succeeds_without_the_store() {
    let store = ScriptedStore::accepting();
    let router = router_over(&store);
    assert_eq!(post_body(&router, PROTOBUF, "").await.status, 200);
    assert_eq!(post_body(&router, JSON, "{}").await.status, 200);
    assert_eq!(post_compressed(&router, "gzip", gzip(b"")).await.status, 200);
    assert!(store.requests().is_empty());
}

#[tokio::test]
async fn compressed_bodies_are_inflated_and_kept_as_received() {
    let received: [(_, Compress, _); 3] = [
        ("gzip", gzip, Some(Compression::Gzip)),
        ("zstd", zstd, Some(Compression::Zstd)),
        ("deflate", deflate, None),
    ];
    for (name, compress, compression) in received {
        let store = ScriptedStore::accepting();
        let compressed = compress(&export());
        assert_eq!(post_compressed(&router_over(&store), name, compressed.clone()).await.status, 200);
        let request = store.request();
        assert_eq!(request.body.joined(), export(), "{name}");
        assert_eq!(
            request.compressed,
            compression.map(|compression| (compression, Bytes::from(compressed))),
            "{name}"
        );
    }
}

#[tokio::test]
async fn compressed_json_is_taken() {
    let store = ScriptedStore::accepting();
    let request =
        post(JSON).header("content-encoding", "gzip").body(gzip(JSON_EXPORT.as_bytes()).into()).unwrap();
    assert_eq!(send(&router_over(&store), request).await.status, 200);
    assert!(!store.request().body.is_empty());
}

#[tokio::test]
async fn malformed_requests_are_told_in_their_own_encoding() {
    let malformed = || AppendError::Malformed("resource_spans[0]: cut".to_owned());
    insta::assert_snapshot!(refused(malformed(), PROTOBUF, "x").await, @r#"
    400 Bad Request
    content-type: application/x-protobuf
    3 "resource_spans[0]: cut" ["type.googleapis.com/google.rpc.BadRequest"]
    "#);
    insta::assert_snapshot!(refused(malformed(), JSON, JSON_EXPORT).await, @r#"
    400 Bad Request
    content-type: application/json
    {"code":3,"details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"description":"resource_spans[0]: cut","field":"body"}]}],"message":"resource_spans[0]: cut"}
    "#);
    let answer = post_body(&router_over(&ScriptedStore::accepting()), JSON, "[").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn overload_asks_for_a_retry() {
    let overloaded = || AppendError::Overloaded { retry_after: Duration::from_millis(1500) };
    insta::assert_snapshot!(refused(overloaded(), PROTOBUF, "x").await, @r#"
    429 Too Many Requests
    content-type: application/x-protobuf
    retry-after: 2
    14 "ingest is over its memory budget" ["type.googleapis.com/google.rpc.RetryInfo"]
    "#);
    insta::assert_snapshot!(refused(overloaded(), JSON, JSON_EXPORT).await, @r#"
    429 Too Many Requests
    content-type: application/json
    retry-after: 2
    {"code":14,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}],"message":"ingest is over its memory budget"}
    "#);
}

#[tokio::test]
async fn a_store_that_cannot_write_asks_for_a_retry() {
    insta::assert_snapshot!(refused(AppendError::Unavailable("the disk is full".to_owned()), PROTOBUF, "x").await, @r#"
    503 Service Unavailable
    content-type: application/x-protobuf
    retry-after: 5
    14 "the disk is full" ["type.googleapis.com/google.rpc.RetryInfo"]
    "#);
}

#[tokio::test]
async fn unknown_media_types_and_codings_get_415() {
    let router = router_over(&ScriptedStore::accepting());
    insta::assert_snapshot!(show(&post_body(&router, "text/plain", "x").await), @r#"
    415 Unsupported Media Type
    content-type: application/json
    {"code":3,"message":"content type \"text/plain\" is not supported; use application/x-protobuf or application/json"}
    "#);
    insta::assert_snapshot!(show(&post_compressed(&router, "br", b"x".to_vec()).await), @r#"
    415 Unsupported Media Type
    content-type: application/x-protobuf
    12 "content encoding \"br\" is not supported; use gzip, zstd or none" []
    "#);
}

#[tokio::test]
async fn other_methods_paths_and_telemetry_are_refused_for_good() {
    let options = options(&ScriptedStore::accepting());
    let (metrics, router) = (options.metrics.clone(), router(options, &Cors::default()));
    let answer = send(&router, Request::get("/v1/traces").body(Body::empty()).unwrap()).await;
    insta::assert_snapshot!(show(&answer), @r#"
    405 Method Not Allowed
    content-type: application/json
    allow: POST, OPTIONS
    {"code":12,"message":"method GET is not allowed; use POST"}
    "#);
    let answer = send(
        &router,
        Request::post("/v1/spans").header("content-type", PROTOBUF).body(Body::empty()).unwrap(),
    )
    .await;
    insta::assert_snapshot!(show(&answer), @r#"
    404 Not Found
    content-type: application/x-protobuf
    5 "there is nothing at /v1/spans; traces are taken at /v1/traces" []
    "#);
    let answer = send(
        &router,
        Request::post("/v1/metrics").header("content-type", PROTOBUF).body("x".into()).unwrap(),
    )
    .await;
    insta::assert_snapshot!(show(&answer), @r#"
    501 Not Implemented
    content-type: application/x-protobuf
    12 "laneway stores traces only; do not send metrics to it" []
    "#);
    assert!(metrics.render().contains(r#"unsupported_requests_total{signal="metrics"} 1"#));
}

#[tokio::test]
async fn a_body_over_the_limit_gets_413() {
    let store = ScriptedStore::accepting();
    let limits = Limits { http_body_bytes: ByteSize(1000), ..Limits::default() };
    let router = router(options_with(&store, limits), &Cors::default());
    let announced = post_body(&router, PROTOBUF, vec![b'x'; 1001]).await;
    insta::assert_snapshot!(show(&announced), @r#"
    413 Payload Too Large
    content-type: application/x-protobuf
    8 "the request exceeds the limit of 1000 bytes" []
    "#);
    let pieces: Vec<_> = vec![Ok::<_, Infallible>(Bytes::from(vec![b'x'; 400])); 3];
    let chunked = Body::from_stream(tokio_stream::iter(pieces));
    assert_eq!(post_body(&router, PROTOBUF, chunked).await.status, 413);
    assert!(store.requests().is_empty());
}

#[tokio::test]
async fn bombs_get_413() {
    let store = ScriptedStore::accepting();
    let zeros = vec![0; 64 << 20];
    for (name, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros)), ("deflate", deflate(&zeros))] {
        assert_eq!(post_compressed(&router_over(&store), name, bomb).await.status, 413, "{name}");
    }
    assert!(store.requests().is_empty());
}

#[tokio::test]
async fn a_chunked_body_arrives_whole_whatever_its_pieces() {
    const LARGE: usize = 100_000;
    let body: Vec<u8> = (0..400_000_u32).map(|at| ((at * 31) >> 5) as u8).collect();
    for sizes in [&[7_000][..], &[LARGE], &[LARGE, 1, 2, LARGE], &[1, LARGE, 1], &[0, 400_000]] {
        let mut sizes = sizes.iter().cycle();
        let mut left = &body[..];
        let pieces = std::iter::from_fn(|| {
            let (piece, rest) = left.split_at(left.len().min(*sizes.next()?));
            let is_over = left.is_empty();
            left = rest;
            (!is_over).then(|| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
        });
        let store = ScriptedStore::accepting();
        let pieces: Vec<_> = pieces.collect();
        let stream = Body::from_stream(tokio_stream::iter(pieces));
        assert_eq!(post_body(&router_over(&store), PROTOBUF, stream).await.status, 200);
        assert!(store.request().body.joined() == body, "{sizes:?}");
    }
}

#[tokio::test]
async fn an_announced_body_is_refused_before_it_is_read_when_the_budget_is_used_up() {
    let store = ScriptedStore::hanging();
    let limits = Limits { ingest_memory_bytes: ByteSize(100), ..Limits::default() };
    let options = options_with(&store, limits);
    let (admission, router) = (options.admission.clone(), router(options, &Cors::default()));
    let first = tokio::spawn({
        let router = router.clone();
        async move { post_body(&router, PROTOBUF, vec![b'x'; 60]).await }
    });
    store.entered().await;
    assert_eq!(admission.in_use(), 60);

    let refused = post_body(&router, PROTOBUF, vec![b'x'; 60]).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));

    store.release();
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(admission.in_use(), 0);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let limits = Limits { body_read_timeout: Duration::from_millis(20), ..Limits::default() };
    let router = router(options_with(&ScriptedStore::accepting(), limits), &Cors::default());
    let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, Infallible>>());
    // A sender that waits for 100 Continue spares the test the time that other bodies get to be discarded in.
    let request = post(PROTOBUF).header("expect", "100-continue").body(body).unwrap();
    assert_eq!(send(&router, request).await.status, 408);
}

mod browsers {
    use super::*;

    async fn preflight(cors: &Cors, origin: &str) -> Answer {
        let request = Request::options("/v1/traces")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,x-team")
            .body(Body::empty())
            .unwrap();
        send(&router(options(&ScriptedStore::accepting()), cors), request).await
    }

    #[tokio::test]
    async fn a_page_on_loopback_may_send_spans() {
        let answer = preflight(&Cors::default(), "http://localhost:3000").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:3000");
        assert_eq!(answer.header("access-control-allow-methods"), "POST");
        assert_eq!(answer.header("access-control-allow-headers"), "content-type,x-team");
    }

    #[tokio::test]
    async fn a_foreign_page_may_not_unless_it_is_named() {
        let answer = preflight(&Cors::default(), "https://shop.example.com").await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
        let cors = Cors { allowed_origins: vec!["https://shop.example.com".to_owned()] };
        let answer = preflight(&cors, "https://shop.example.com").await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example.com");
    }
}
