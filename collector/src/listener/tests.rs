use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Listener, Options};
use crate::config::Limits;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    open: Gauge,
}

async fn running(limits: Limits, http2_only: bool) -> Running {
    let listener = Listener::bind("--test", "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, stop, open) = (listener.address(), CancellationToken::new(), Gauge::default());
    let router = Router::new().route("/", get(async || "hello"));
    let options = Options { http2_only, limits, open: open.clone() };
    Running { address, stop: stop.clone(), task: tokio::spawn(listener.serve(router, options, stop)), open }
}

/// Sends a request on a connection and reads the head and body of its answer.
async fn exchange(connection: &mut TcpStream) -> String {
    connection.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0, "closed");
    }
    String::from_utf8(answer).unwrap()
}

/// Asserts that the peer closes a connection.
async fn assert_closed(mut connection: TcpStream) {
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(10), connection.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "still open");
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    for http2_only in [false, true] {
        let limits = Limits { header_read_timeout: Duration::from_millis(50), ..Limits::default() };
        let running = running(limits, http2_only).await;
        assert_closed(TcpStream::connect(running.address).await.unwrap()).await;
        // The beginning of HTTP/2's preface is a beginning of nothing else.
        let mut hesitant = TcpStream::connect(running.address).await.unwrap();
        hesitant.write_all(b"PRI * HT").await.unwrap();
        assert_closed(hesitant).await;
    }
}

#[tokio::test]
async fn a_request_whose_head_does_not_end_is_given_up() {
    let limits = Limits { header_read_timeout: Duration::from_millis(50), ..Limits::default() };
    let running = running(limits, false).await;
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
    assert_closed(slow).await;
}

#[tokio::test]
async fn connections_past_the_bound_wait() {
    let running = running(Limits { connections: 1, ..Limits::default() }, false).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut first).await;
    assert_eq!(running.open.get(), 1);

    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(REQUEST).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(early.is_err(), "the second connection was served beside the first");

    drop(first);
    assert_eq!(second.read_u8().await.unwrap(), b'H');
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_the_port() {
    let Running { address, stop, task, open } = running(Limits::default(), false).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    exchange(&mut idle).await;
    stop.cancel();
    task.await.unwrap();
    assert_closed(idle).await;
    assert_eq!(open.get(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_busy_port_names_its_option() {
    let running = running(Limits::default(), false).await;
    let error = Listener::bind("--otlp-grpc", running.address).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {} (--otlp-grpc)", running.address));
}
