//! One OTLP/gRPC export call.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http_body_util::{LengthLimitError, Limited};
use laneway_proto::grpc::{RawCodec, trace_service};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::Service;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::response::{PartialSuccess, partial_success, retry_delay};

/// A response of the trace service has a few dozen bytes: one beyond this is cut off, not read into memory.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Where exports go.
#[derive(Clone)]
pub(crate) enum Destination {
    Collector(Box<ClientSettings>),
    Function(Receiver),
}

/// A function that takes export requests in the place of a collector.
#[derive(Clone)]
pub(crate) struct Receiver(pub(crate) Arc<dyn Fn(Bytes) + Send + Sync>);

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

/// Where and how to send.
#[derive(Clone)]
pub(crate) struct ClientSettings {
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: MetadataMap,
    pub(crate) compression: Compression,
    /// For one attempt.
    pub(crate) timeout: Duration,
}

/// How a request is made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Compression {
    #[default]
    None,
    #[cfg(feature = "gzip")]
    Gzip,
}

/// Sends export requests over one connection, which it opens when there is something to send; or hands them over.
pub(crate) enum Client {
    Grpc(Box<GrpcClient>),
    Function(Receiver),
}

pub(crate) struct GrpcClient {
    settings: ClientSettings,
    channel: Channel,
}

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What to do next.
    pub(crate) reaction: Reaction,
    /// For the log; from the peer or the transport, never with our headers in it.
    pub(crate) message: String,
}

/// What a failure allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// The same bytes would fail again.
    GiveUp,
    /// The peer answered, and may take them later: after this time, when it gave one.
    Retry(Option<Duration>),
    /// The peer did not answer.
    Reconnect,
}

impl Client {
    /// Must be called within the runtime that will send.
    pub(crate) fn new(destination: Destination) -> Self {
        match destination {
            Destination::Collector(settings) => {
                let channel = settings.endpoint.connect_lazy();
                Self::Grpc(Box::new(GrpcClient { settings: *settings, channel }))
            }
            Destination::Function(receiver) => Self::Function(receiver),
        }
    }

    /// Makes one attempt. Cheap to repeat: the bytes are shared.
    pub(crate) async fn export(&mut self, body: Bytes) -> Result<Option<PartialSuccess>, Failure> {
        match self {
            Self::Grpc(client) => client.export(body).await,
            Self::Function(receiver) => {
                receiver.0(body);
                Ok(None)
            }
        }
    }

    /// Where it sends to, for the log.
    pub(crate) fn endpoint(&self) -> String {
        match self {
            Self::Grpc(client) => client.settings.endpoint.uri().to_string(),
            Self::Function(_) => "a function".to_owned(),
        }
    }
}

impl GrpcClient {
    async fn export(&mut self, body: Bytes) -> Result<Option<PartialSuccess>, Failure> {
        let mut request = Request::new(body);
        *request.metadata_mut() = self.settings.headers.clone();
        request.set_timeout(self.settings.timeout);
        let grpc = Grpc::new(BoundedChannel(self.channel.clone()));
        let mut grpc = match self.settings.compression {
            Compression::None => grpc,
            #[cfg(feature = "gzip")]
            Compression::Gzip => grpc.send_compressed(tonic::codec::CompressionEncoding::Gzip),
        };
        let call = async {
            grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
            grpc.unary(request, PathAndQuery::from_static(trace_service::EXPORT_PATH), RawCodec).await
        };
        match tokio::time::timeout(self.settings.timeout, call).await {
            Ok(Ok(response)) => Ok(partial_success(&response.into_inner())),
            Ok(Err(status)) => Err(Failure::from_status(&status)),
            Err(_) => {
                // A connection that swallows requests can stay "established" for a quarter of an hour.
                self.channel = self.settings.endpoint.connect_lazy();
                let message = format!("no answer within {:?}", self.settings.timeout);
                Err(Failure { reaction: Reaction::Reconnect, message })
            }
        }
    }
}

impl Failure {
    fn from_status(status: &Status) -> Self {
        let message = match status.source().map(innermost) {
            Some(source) => format!("{}: {source}", status.message()),
            None => format!("{:?}: {}", status.code(), status.message()),
        };
        Self { reaction: Reaction::to(status), message }
    }
}

impl Reaction {
    /// As the OTLP specification says, "Failures" of OTLP/gRPC.
    fn to(status: &Status) -> Self {
        // A status with a source was made here: the call never got an answer, or one that is too long.
        if status.source().is_some() {
            let too_long = chain(status).any(|error| error.is::<LengthLimitError>());
            return if too_long { Self::GiveUp } else { Self::Reconnect };
        }
        let retry_delay = retry_delay(status.details());
        match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => Self::Retry(retry_delay),
            Code::ResourceExhausted if retry_delay.is_some() => Self::Retry(retry_delay),
            _ => Self::GiveUp,
        }
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The root cause says more than "transport error".
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// A channel whose responses end with an error when they grow too long.
#[derive(Clone)]
struct BoundedChannel(Channel);

impl Service<http::Request<Body>> for BoundedChannel {
    type Response = http::Response<Limited<Body>>;
    type Error = tonic::transport::Error;
    type Future = std::pin::Pin<
        Box<dyn Future<Output = Result<http::Response<Limited<Body>>, tonic::transport::Error>> + Send>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let response = self.0.call(request);
        Box::pin(async { Ok(response.await?.map(|body| Limited::new(body, MAX_RESPONSE_BYTES))) })
    }
}
