//! The whole collector over real sockets, with a store that answers as told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use laneway_proto::grpc::{RawCodec, trace_service};
use laneway_storage::{AppendError, Health};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{Bound, Collector, DrainError};
use crate::config::Config;
use crate::testing::{ScriptedStore, export};

const DEADLINE: Duration = Duration::from_secs(10);

async fn start(store: &Arc<ScriptedStore>) -> Collector {
    let mut config = Config::default();
    for address in [&mut config.general.http, &mut config.general.otlp_grpc, &mut config.general.otlp_http] {
        address.set_port(0);
    }
    let bound = Bound::new(&config).await.unwrap();
    Collector::start(&config, bound, Arc::<ScriptedStore>::clone(store))
}

async fn channel(collector: &Collector) -> Channel {
    let endpoint = format!("http://{}", collector.addresses().otlp_grpc);
    Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap()
}

/// Calls a unary method with a stock tonic client.
async fn call(channel: Channel, path: &'static str, message: Vec<u8>) -> Result<Bytes, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(path);
    Ok(client.unary(tonic::Request::new(Bytes::from(message)), path, RawCodec).await?.into_inner())
}

/// The status and body of a query.
async fn get(collector: &Collector, path: &str) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let uri = format!("http://{}{path}", collector.addresses().http).parse().unwrap();
    let response = client.get(uri).await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

/// A POST to OTLP/HTTP, under way.
fn post(collector: &Collector, body: Vec<u8>) -> tokio::task::JoinHandle<u16> {
    let request = http::Request::post(format!("http://{}/v1/traces", collector.addresses().otlp_http))
        .header("content-type", "application/x-protobuf")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    tokio::spawn(async move { client.request(request).await.unwrap().status().as_u16() })
}

#[tokio::test]
async fn a_stock_client_exports_over_grpc() {
    let store = ScriptedStore::accepting();
    let collector = start(&store).await;
    let answer = call(channel(&collector).await, trace_service::EXPORT_PATH, export()).await.unwrap();
    assert!(answer.is_empty());
    assert_eq!(store.request().body.joined(), export());
    collector.drain(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn a_stock_client_understands_every_refusal() {
    let overloaded = AppendError::Overloaded { retry_after: Duration::from_secs(2) };
    for (error, code, retry) in [
        (overloaded, Code::Unavailable, Some(Duration::from_secs(2))),
        (
            AppendError::Unavailable("the disk is full".to_owned()),
            Code::Unavailable,
            Some(Duration::from_secs(5)),
        ),
        (AppendError::Malformed("cut".to_owned()), Code::InvalidArgument, None),
    ] {
        let collector = start(&ScriptedStore::answering(Err(error))).await;
        let status = call(channel(&collector).await, trace_service::EXPORT_PATH, export()).await.unwrap_err();
        assert_eq!(status.code(), code);
        assert_eq!(status.get_details_retry_info().and_then(|info| info.retry_delay), retry);
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_exhausted_and_the_connection_lives_on() {
    let store = ScriptedStore::accepting();
    let collector = start(&store).await;
    let channel = channel(&collector).await;
    let status = call(channel.clone(), trace_service::EXPORT_PATH, vec![0; (4 << 20) + 1]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.get_details_retry_info().is_none());
    call(channel, trace_service::EXPORT_PATH, export()).await.unwrap();
}

#[tokio::test]
async fn one_connection_carries_many_exports_at_once() {
    let store = ScriptedStore::accepting();
    let collector = start(&store).await;
    let channel = channel(&collector).await;
    let exports: Vec<_> = (0..64)
        .map(|_| tokio::spawn(call(channel.clone(), trace_service::EXPORT_PATH, vec![b'x'; 100_000])))
        .collect();
    for export in exports {
        export.await.unwrap().unwrap();
    }
    assert_eq!(store.requests().len(), 64);
    assert!(store.requests().iter().all(|request| request.body.len() == 100_000));
}

#[tokio::test]
async fn readiness_follows_the_store() {
    let store = ScriptedStore::accepting();
    let collector = start(&store).await;
    let health =
        async || call(channel(&collector).await, "/grpc.health.v1.Health/Check", vec![]).await.unwrap();
    assert_eq!(get(&collector, "/healthz").await.0, 200);
    assert_eq!(get(&collector, "/readyz").await.0, 200);
    assert_eq!(health().await, [8, 1][..]);

    store.set_health(Health::NotReady("the disk is full".to_owned()));
    let (status, body) = get(&collector, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("the disk is full"), "{body}");
    assert_eq!(health().await, [8, 2][..]);
    assert_eq!(get(&collector, "/healthz").await.0, 200);
}

#[tokio::test]
async fn a_dead_worker_turns_readiness_red() {
    let collector = start(&ScriptedStore::accepting()).await;
    collector
        .workers
        .spawn("doomed", tokio_util::sync::CancellationToken::new(), async { panic!("as planned") });
    collector.workers.wait_for(&["doomed"]).await;
    let (status, body) = get(&collector, "/readyz").await;
    assert_eq!(status, 503);
    assert!(body.contains("doomed"), "{body}");
}

#[tokio::test]
async fn metrics_are_served() {
    let collector = start(&ScriptedStore::accepting()).await;
    call(channel(&collector).await, trace_service::EXPORT_PATH, export()).await.unwrap();
    let (status, body) = get(&collector, "/metrics").await;
    assert_eq!(status, 200);
    assert!(
        body.contains(r#"laneway_receiver_requests_total{protocol="otlp_grpc",outcome="accepted"} 1"#),
        "{body}"
    );
}

#[tokio::test]
async fn requests_in_flight_finish_before_the_store_closes() {
    let store = ScriptedStore::hanging();
    let collector = start(&store).await;
    let over_http = post(&collector, export());
    store.entered().await;
    let over_grpc = tokio::spawn(call(channel(&collector).await, trace_service::EXPORT_PATH, export()));
    store.entered().await;

    let drain = tokio::spawn(collector.drain(DEADLINE));
    let early = tokio::time::timeout(Duration::from_millis(100), store.closed()).await;
    assert!(early.is_err(), "the store was closed under a request");

    store.release();
    store.release();
    assert_eq!(over_http.await.unwrap(), 200);
    over_grpc.await.unwrap().unwrap();
    drain.await.unwrap().unwrap();
    store.closed().await;
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_store_open() {
    let store = ScriptedStore::hanging();
    let collector = start(&store).await;
    let stuck = post(&collector, export());
    store.entered().await;
    collector.drain(Duration::from_millis(200)).await.unwrap();
    store.closed().await;
    stuck.abort();
}

#[tokio::test]
async fn a_store_that_does_not_close_is_reported() {
    let store = ScriptedStore::accepting();
    store.never_close();
    let deadline = Duration::from_millis(100);
    assert_eq!(start(&store).await.drain(deadline).await, Err(DrainError { deadline }));
}
