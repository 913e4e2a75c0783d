use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use laneway_storage::{Accepted, AppendError, Compression};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::*;
use crate::config::{ByteSize, Limits};
use crate::testing::{
    Answer, Compress, ScriptedStore, deflate, export, gzip, options, options_with, send, zstd,
};

/// A message in its frame.
fn framed(compressed: bool, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[u8::from(compressed)], &length[..], message].concat()
}

fn request(path: &str, encoding: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/grpc");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    request.body(body.into()).unwrap()
}

async fn export_to(router: &Router, encoding: Option<&str>, body: impl Into<Body>) -> Answer {
    send(router, request(trace_service::EXPORT_PATH, encoding, body)).await
}

impl Answer {
    /// The gRPC status, from the trailers or, when there is nothing else, the headers.
    fn grpc_status(&self) -> Status {
        assert_eq!(self.status, 200);
        assert_eq!(self.header("content-type"), "application/grpc");
        Status::from_header_map(&self.trailers).or_else(|| Status::from_header_map(&self.headers)).unwrap()
    }

    /// The one message of a successful answer.
    fn message(&self) -> ExportTraceServiceResponse {
        assert_eq!(self.grpc_status().code(), Code::Ok);
        assert_eq!(self.body[..5], framed(false, &self.body[5..])[..5]);
        ExportTraceServiceResponse::decode(&self.body[5..]).unwrap()
    }
}

/// Asserts that a request is refused with this code, for good, and never reaches the store.
async fn assert_refused(encoding: Option<&str>, body: Vec<u8>, code: Code) {
    let store = ScriptedStore::accepting();
    let answer = export_to(&router(options(&store)), encoding, body).await;
    let status = answer.grpc_status();
    assert_eq!(status.code(), code, "{status:?}");
    assert!(status.get_details_retry_info().is_none());
    assert!(store.requests().is_empty());
}

#[tokio::test]
async fn a_full_success_is_an_empty_message() {
    let store = ScriptedStore::accepting();
    let answer = export_to(&router(options(&store)), None, framed(false, &export())).await;
    assert_eq!(answer.message(), ExportTraceServiceResponse { partial_success: None });
    assert_eq!(answer.body, [0; 5][..]);
    let received = store.request();
    assert_eq!(received.body.joined(), export());
    assert_eq!(received.compressed, None);
}

#[tokio::test]
async fn spans_that_were_refused_are_told() {
    let store = ScriptedStore::answering(Ok(Accepted { spans: 5, rejected_spans: 3 }));
    let answer = export_to(&router(options(&store)), None, framed(false, &export())).await;
    let partial = answer.message().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 3);
    assert!(partial.error_message.contains("3 spans"), "{}", partial.error_message);
}

#[tokio::test]
async fn an_empty_request_succeeds_without_the_store() {
    let store = ScriptedStore::accepting();
    let router = router(options(&store));
    for (encoding, body) in [
        (None, framed(false, b"")),
        (Some("gzip"), framed(true, &gzip(b""))),
        (Some("gzip"), framed(true, b"")),
    ] {
        assert_eq!(export_to(&router, encoding, body).await.message(), ExportTraceServiceResponse::default());
    }
    assert!(store.requests().is_empty());
}

#[tokio::test]
async fn compressed_messages_are_inflated_and_kept_as_received() {
    let received: [(_, Compress, _); 3] = [
        ("gzip", gzip, Some(Compression::Gzip)),
        ("zstd", zstd, Some(Compression::Zstd)),
        ("deflate", deflate, None),
    ];
    for (name, compress, compression) in received {
        let store = ScriptedStore::accepting();
        let compressed = compress(&export());
        export_to(&router(options(&store)), Some(name), framed(true, &compressed)).await.message();
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
async fn a_large_compressed_message_is_inflated_elsewhere() {
    let store = ScriptedStore::accepting();
    let noise: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let compressed = gzip(&noise);
    assert!(compressed.len() > super::super::OFFLOAD_BYTES);
    export_to(&router(options(&store)), Some("gzip"), framed(true, &compressed)).await.message();
    assert_eq!(store.request().body.joined(), noise);
}

#[tokio::test]
async fn an_uncompressed_message_may_announce_an_encoding() {
    let store = ScriptedStore::accepting();
    export_to(&router(options(&store)), Some("gzip"), framed(false, &export())).await.message();
    assert_eq!(store.request().compressed, None);
}

#[tokio::test]
async fn a_message_may_arrive_in_any_pieces() {
    let whole = framed(true, &gzip(&export()));
    for size in [1, 3, 5, 6, whole.len() - 1] {
        let store = ScriptedStore::accepting();
        let pieces: Vec<_> = whole
            .chunks(size)
            .map(|piece| Ok::<_, Infallible>(http_body::Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let body = Body::new(StreamBody::new(tokio_stream::iter(pieces)));
        export_to(&router(options(&store)), Some("gzip"), body).await.message();
        assert_eq!(store.request().body.joined(), export(), "pieces of {size}");
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_by_its_length_alone() {
    let store = ScriptedStore::accepting();
    let limits = Limits { grpc_message_bytes: ByteSize(1000), ..Limits::default() };
    let options = options_with(&store, limits);
    let prefix = [&[0][..], &1001_u32.to_be_bytes()].concat();
    // The message itself never comes.
    let unending = StreamBody::new(tokio_stream::iter([Ok::<_, Infallible>(http_body::Frame::data(
        Bytes::from(prefix),
    ))]))
    .into_data_stream();
    let body = Body::from_stream(tokio_stream::StreamExt::chain(unending, tokio_stream::pending()));
    let status = export_to(&router(options), None, body).await.grpc_status();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().is_none());
}

#[tokio::test]
async fn bombs_are_refused() {
    let zeros = vec![0; 64 << 20];
    assert_refused(Some("gzip"), framed(true, &gzip(&zeros)), Code::ResourceExhausted).await;
    assert_refused(Some("zstd"), framed(true, &zstd(&zeros)), Code::ResourceExhausted).await;
}

#[tokio::test]
async fn broken_frames_are_refused() {
    assert_refused(None, vec![], Code::Internal).await;
    assert_refused(None, vec![0, 0, 0], Code::Internal).await;
    assert_refused(None, framed(false, &export())[..20].to_vec(), Code::Internal).await;
    assert_refused(None, [framed(false, b"a"), framed(false, b"b")].concat(), Code::Internal).await;
    assert_refused(None, [&[2][..], &framed(false, b"a")[1..]].concat(), Code::Internal).await;
    assert_refused(None, framed(true, &gzip(b"a")), Code::Internal).await;
}

#[tokio::test]
async fn bytes_that_do_not_decompress_are_malformed() {
    assert_refused(Some("gzip"), framed(true, b"not gzip at all"), Code::InvalidArgument).await;
}

#[tokio::test]
async fn an_unknown_encoding_is_refused_with_the_known_ones() {
    assert_refused(Some("snappy"), framed(true, b"x"), Code::Unimplemented).await;
    let answer =
        export_to(&router(options(&ScriptedStore::accepting())), Some("snappy"), framed(true, b"x")).await;
    assert_eq!(answer.header("grpc-accept-encoding"), "identity,gzip,zstd,deflate");
}

#[tokio::test]
async fn what_the_store_cannot_read_is_malformed() {
    let store = ScriptedStore::answering(Err(AppendError::Malformed("resource_spans[0]: cut".to_owned())));
    let status = export_to(&router(options(&store)), None, framed(false, b"x")).await.grpc_status();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "resource_spans[0]: cut");
}

#[tokio::test]
async fn an_overloaded_store_asks_for_a_retry() {
    let store =
        ScriptedStore::answering(Err(AppendError::Overloaded { retry_after: Duration::from_secs(3) }));
    let status = export_to(&router(options(&store)), None, framed(false, b"x")).await.grpc_status();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn the_budget_is_held_until_the_store_answers() {
    let store = ScriptedStore::hanging();
    let limits = Limits { ingest_memory_bytes: ByteSize(100), ..Limits::default() };
    let options = options_with(&store, limits);
    let (admission, router) = (options.admission.clone(), router(options));
    let first = tokio::spawn({
        let router = router.clone();
        async move { export_to(&router, None, framed(false, &[b'x'; 60])).await }
    });
    store.entered().await;
    assert_eq!(admission.in_use(), 60);

    let refused = export_to(&router, None, framed(false, &[b'x'; 60])).await.grpc_status();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.get_details_retry_info().is_some());

    store.release();
    first.await.unwrap().message();
    assert_eq!(admission.in_use(), 0);
}

#[tokio::test]
async fn a_sender_that_goes_away_is_counted_and_frees_its_budget() {
    let store = ScriptedStore::hanging();
    let options = options(&store);
    let (admission, metrics, router) = (options.admission.clone(), options.metrics.clone(), router(options));
    let request = tokio::spawn(async move { export_to(&router, None, framed(false, b"x")).await });
    store.entered().await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(admission.in_use(), 0);
    assert!(metrics.render().contains(r#"{protocol="otlp_grpc",outcome="aborted"} 1"#));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let limits = Limits { body_read_timeout: Duration::from_millis(20), ..Limits::default() };
    let body = Body::from_stream(tokio_stream::pending::<Result<Bytes, Infallible>>());
    let answer = export_to(&router(options_with(&ScriptedStore::accepting(), limits)), None, body).await;
    assert_eq!(answer.grpc_status().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn other_telemetry_is_refused_for_good_and_counted() {
    let options = options(&ScriptedStore::accepting());
    let (metrics, router) = (options.metrics.clone(), router(options));
    for (path, signal) in [(METRICS, "metrics"), (LOGS, "logs"), (PROFILES, "profiles")] {
        let status = send(&router, request(path, None, framed(false, b"x"))).await.grpc_status();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains(signal), "{}", status.message());
        assert!(metrics.render().contains(&format!(r#"unsupported_requests_total{{signal="{signal}"}} 1"#)));
    }
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let router = router(options(&ScriptedStore::accepting()));
    let status = send(&router, request("/some.Service/Method", None, framed(false, b""))).await.grpc_status();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("/some.Service/Method"));
}

#[tokio::test]
async fn what_is_not_grpc_gets_415() {
    let router = router(options(&ScriptedStore::accepting()));
    let request = Request::post(trace_service::EXPORT_PATH).body(Body::from("{}")).unwrap();
    assert_eq!(send(&router, request).await.status, 415);
}

mod health_check {
    use super::*;

    async fn check(serving: bool, service: &[u8]) -> Answer {
        let request = request("/grpc.health.v1.Health/Check", None, framed(false, service));
        send(&health::router(move || serving), request).await
    }

    #[tokio::test]
    async fn it_says_whether_spans_are_taken() {
        assert_eq!(check(true, b"").await.body, framed(false, &[8, 1]));
        assert_eq!(check(false, b"").await.body, framed(false, &[8, 2]));
        let service = [&[10, trace_service::NAME.len() as u8], trace_service::NAME.as_bytes()].concat();
        assert_eq!(check(true, &service).await.body, framed(false, &[8, 1]));
    }

    #[tokio::test]
    async fn an_unknown_service_is_not_found() {
        assert_eq!(check(true, &[10, 1, b'x']).await.grpc_status().code(), Code::NotFound);
    }
}
