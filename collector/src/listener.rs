//! Accepts connections and serves HTTP on them: the same for all three ports.
//!
//! Connections are bounded. Past the bound nothing is accepted, so further ones wait in the operating system's queue.
//! A connection that does not bring its first request in time is closed, whatever protocol it starts to speak.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::config::Limits;

/// Larger frames than the default 16 KiB save a read and an allocation each; clients that honour the setting send 1 MiB.
const HTTP2_FRAME_BYTES: u32 = 1024 * 1024;
/// What a peer may send on one stream before it is read. It is outside of the memory budget.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// The same for all streams of a connection together.
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Requests under way on one connection.
const HTTP2_STREAMS: u32 = 128;
const HTTP2_HEADER_BYTES: u32 = 16 * 1024;
const HTTP2_KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection that is told to go away may take when nothing is under way on it.
const FAREWELL: Duration = Duration::from_secs(1);
/// Pause after a failed accept, such as for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// An address that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({option})")]
pub struct BindError {
    /// The option that names the address.
    pub option: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What the operating system says.
    pub source: std::io::Error,
}

/// Names a connection, among all of the process. Every request carries the one of its connection as an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// A name that no connection had before. They ascend by one, so that whoever divides connections by number divides
    /// them evenly.
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What one listener speaks, and how long it waits.
#[derive(Debug, Clone)]
pub struct Options {
    /// HTTP/2 alone, as gRPC wants; else HTTP/1 and HTTP/2.
    pub http2_only: bool,
    /// Limits on connections and times.
    pub limits: Limits,
    /// Counts open connections.
    pub open: Gauge,
}

/// A bound address. Nothing is accepted before [`serve`](Self::serve).
#[derive(Debug)]
pub struct Listener {
    option: &'static str,
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds the address that an option names.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub async fn bind(option: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let bind_error = |source| BindError { option, address, source };
        let socket = TcpListener::bind(address).await.map_err(bind_error)?;
        let address = socket.local_addr().map_err(bind_error)?;
        Ok(Self { option, socket, address })
    }

    /// The address with its real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then stops accepting and returns when requests in flight are finished.
    pub async fn serve(self, router: Router, options: Options, shutdown: CancellationToken) {
        let permits = Arc::new(Semaphore::new(
            usize::try_from(options.limits.connections).unwrap_or(Semaphore::MAX_PERMITS),
        ));
        let builder = http_builder(&options);
        let connections = TaskTracker::new();
        let next = async || {
            // The semaphore is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (permit, self.socket.accept().await)
        };
        loop {
            let (permit, accepted) = tokio::select! {
                () = shutdown.cancelled() => break,
                next = next() => next,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(listener = self.option, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (builder, router, shutdown) = (builder.clone(), router.clone(), shutdown.clone());
            let (open, limit) = (OpenConnection::new(&options.open), options.limits.header_read_timeout);
            connections.spawn(async move {
                serve_connection(&builder, stream, router, limit, shutdown).await;
                drop((permit, open));
            });
        }
        drop(self.socket);
        connections.close();
        connections.wait().await;
    }
}

fn http_builder(options: &Options) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.limits.header_read_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(options.limits.http2_keepalive_interval)
        .keep_alive_timeout(HTTP2_KEEPALIVE_TIMEOUT)
        .max_frame_size(HTTP2_FRAME_BYTES)
        .initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HTTP2_HEADER_BYTES);
    if options.http2_only { builder.http2_only() } else { builder }
}

async fn serve_connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    router: Router,
    first_request_limit: Duration,
    shutdown: CancellationToken,
) {
    // Without it, small answers wait for the peer's delayed acknowledgement. A connection that just broke may refuse.
    let _ = stream.set_nodelay(true);
    let has_requested = Arc::new(AtomicBool::new(false));
    let service = {
        let (has_requested, id) = (Arc::clone(&has_requested), ConnectionId::next());
        hyper::service::service_fn(move |mut request: hyper::Request<_>| {
            has_requested.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(id);
            // A router is always ready.
            router.clone().call(request)
        })
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let first_request = async {
        tokio::time::sleep(first_request_limit).await;
        if has_requested.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = first_request => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        // Peers that go away, time out or talk nonsense are everyday events.
        tracing::debug!(%error, "connection ended with an error");
    }
}

/// Counts a connection while it is open.
struct OpenConnection(Gauge);

impl OpenConnection {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests;
