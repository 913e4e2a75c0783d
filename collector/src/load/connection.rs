//! One HTTP connection at a time, whose loss is seen at once and never papered over by a second attempt.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, Uri, Version};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = /* 64 MiB */ 64 * 1024 * 1024;

/// Where to connect to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    authority: String,
    /// Without a slash at the end.
    base_path: String,
}

impl Target {
    /// The target of an `http://` URL.
    pub(crate) fn parse(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url:?} is not a URL"))?;
        anyhow::ensure!(
            uri.scheme_str() == Some("http"),
            "{url:?} is not an http:// URL, and no other is supported"
        );
        let host = uri.host().with_context(|| format!("{url:?} names no host"))?;
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        Ok(Self { authority, base_path: uri.path().trim_end_matches('/').to_owned() })
    }

    /// The URL of a path below this target.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{}{path}", self.authority, self.base_path)
    }

    /// The host and port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

/// A connection on which one request at a time is sent.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: Sender,
    timeout: Duration,
    _driver: AbortOnDropHandle<()>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// No answer came: the request may or may not have been processed. The connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("connection lost: {0}")]
    Connection(#[from] hyper::Error),
    #[error("connection lost: {0}")]
    Answer(Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl Connection {
    /// Connects. `timeout` is that of every request as well.
    pub(crate) async fn open(target: &Target, version: Version, timeout: Duration) -> anyhow::Result<Self> {
        let connect = async {
            let stream = TcpStream::connect(&target.authority).await?;
            stream.set_nodelay(true)?;
            let io = TokioIo::new(stream);
            anyhow::Ok(if version == Version::HTTP_2 {
                let (sender, driver) = http2::Builder::new(TokioExecutor::new()).handshake(io).await?;
                // Why a connection ends is told to the request that is under way.
                (Sender::Http2(sender), tokio::spawn(async { drop(driver.await) }))
            } else {
                let (sender, driver) = http1::handshake(io).await?;
                (Sender::Http1(sender), tokio::spawn(async { drop(driver.await) }))
            })
        };
        let (sender, driver) = tokio::time::timeout(timeout, connect)
            .await
            .context("timed out")
            .flatten()
            .with_context(|| format!("cannot connect to {}", target.authority))?;
        Ok(Self { sender, timeout, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Collected<Bytes>>, Lost> {
        let timeout = self.timeout;
        let exchange = async {
            let response = match &mut self.sender {
                Sender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await?
                }
                Sender::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await?
                }
            };
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(Lost::Answer)?;
            Ok(Response::from_parts(parts, body))
        };
        tokio::time::timeout(timeout, exchange).await.map_err(|_| Lost::Timeout(timeout))?
    }
}
