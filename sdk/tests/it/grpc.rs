//! gRPC calls: tonic to tonic.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::PathAndQuery;
use laneway::tonic::{ClientLayer, ClientService, ServerLayer};
use laneway::{Lane, with_lane};
use laneway_proto::grpc::RawCodec;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{NamedService, ServerStreamingService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tower::Layer;
use tracing::{Instrument, info_span};

use crate::collector::Bed;
use crate::tree::{int, is_error, status_message, text};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Says in which lane it was asked; fails when asked to fail; counts to three.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "test.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async {
            let mut grpc = tonic::server::Grpc::new(RawCodec);
            Ok(match request.uri().path() {
                "/test.Greeter/Greet" => grpc.unary(Greeter, request).await,
                "/test.Greeter/Count" => grpc.server_streaming(Greeter, request).await,
                _ => Status::unimplemented("no such method").into_http::<Body>(),
            })
        })
    }
}

impl UnaryService<Bytes> for Greeter {
    type Response = Bytes;
    type Future = BoxFuture<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let answer = async move {
            match request.into_inner().as_ref() {
                b"nobody" => Err(Status::not_found("no such person: é")),
                b"trouble" => Err(Status::internal("on fire")),
                _ => Ok(Response::new(laneway::current_lane().to_string().into())),
            }
        };
        Box::pin(answer.instrument(info_span!("greet")))
    }
}

impl ServerStreamingService<Bytes> for Greeter {
    type Response = Bytes;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
    type Future = BoxFuture<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let fails = request.into_inner().as_ref() == b"trouble";
        let count = tokio_stream::iter(0..3_u8).map(move |i| {
            info_span!("count").in_scope(|| {});
            if fails && i == 2 { Err(Status::data_loss("lost count")) } else { Ok(Bytes::from(vec![i])) }
        });
        Box::pin(async move { Ok(Response::new(Box::pin(count) as Self::ResponseStream)) })
    }
}

struct Client(tonic::client::Grpc<ClientService<Channel>>);

impl Client {
    async fn start(server: ServerLayer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder().layer(server).add_service(Greeter);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self::to(address, ClientLayer::new())
    }

    fn to(address: SocketAddr, layer: ClientLayer) -> Self {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        Self(tonic::client::Grpc::new(layer.server_address("greeter", 50051).layer(channel)))
    }

    async fn greet(&mut self, path: &'static str, name: &'static str) -> Result<Bytes, Status> {
        self.0.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let response =
            self.0.unary(Request::new(name.into()), PathAndQuery::from_static(path), RawCodec).await?;
        Ok(response.into_inner())
    }

    async fn count(&mut self, name: &'static str) -> tonic::Streaming<Bytes> {
        self.0.ready().await.unwrap();
        let path = PathAndQuery::from_static("/test.Greeter/Count");
        self.0.server_streaming(Request::new(name.into()), path, RawCodec).await.unwrap().into_inner()
    }
}

#[tokio::test]
async fn trace_and_lane_go_through_tonic() {
    let bed = Bed::start().await;
    let mut client = Client::start(ServerLayer::new()).await;
    let call = async { client.greet("/test.Greeter/Greet", "you").await.unwrap() };
    assert_eq!(with_lane(Lane::new("grey").unwrap(), call).await, "grey");
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         client test.Greeter/Greet [grey]
           server test.Greeter/Greet [grey]
             internal greet [grey]",
    );
    for span in &spans.0[..2] {
        assert_eq!(text(&span.attributes, "rpc.system.name"), Some("grpc"));
        assert_eq!(text(&span.attributes, "rpc.method"), Some("test.Greeter/Greet"));
        assert_eq!(text(&span.attributes, "rpc.response.status_code"), Some("OK"));
    }
    assert_eq!(text(&spans.0[0].attributes, "server.address"), Some("greeter"));
    assert_eq!(int(&spans.0[0].attributes, "server.port"), Some(50051));
    assert_eq!(text(&spans.0[1].attributes, "server.address"), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_status_is_an_error_at_the_end_that_is_to_blame() {
    for (path, name, code, message, blames_server) in [
        ("/test.Greeter/Greet", "nobody", "NOT_FOUND", "no such person: é", false),
        ("/test.Greeter/Greet", "trouble", "INTERNAL", "on fire", true),
        ("/test.Greeter/Sing", "you", "UNIMPLEMENTED", "no such method", true),
    ] {
        let bed = Bed::start().await;
        Client::start(ServerLayer::new()).await.greet(path, name).await.unwrap_err();
        let spans = bed.finish().await;
        let (client, server) = (&spans.0[0], &spans.0[1]);
        assert_eq!((is_error(client), is_error(server)), (true, blames_server), "{code}");
        assert_eq!(status_message(client), message);
        assert_eq!(text(&client.attributes, "error.type"), Some(code));
        assert_eq!(text(&server.attributes, "rpc.response.status_code"), Some(code));
    }
}

#[tokio::test]
async fn a_streaming_call_ends_with_its_trailers() {
    let bed = Bed::start().await;
    let mut client = Client::start(ServerLayer::new()).await;
    let mut answers = client.count("").await;
    let mut count = 0;
    while let Some(answer) = answers.next().await {
        answer.unwrap();
        count += 1;
    }
    assert_eq!(count, 3);
    let spans = bed.finish().await;
    spans.assert_tree(
        "
         client test.Greeter/Count
           server test.Greeter/Count
             internal count
             internal count
             internal count",
    );
    assert_eq!(text(&spans.0[0].attributes, "rpc.response.status_code"), Some("OK"));
}

#[tokio::test]
async fn a_stream_that_breaks_off_has_its_status_from_the_trailers() {
    let bed = Bed::start().await;
    let mut client = Client::start(ServerLayer::new()).await;
    let answers: Vec<_> = client.count("trouble").await.collect().await;
    assert!(answers.len() == 3 && answers[2].is_err());
    let spans = bed.finish().await;
    for span in &spans.0[..2] {
        assert!(is_error(span) && status_message(span) == "lost count", "{span:?}");
        assert_eq!(text(&span.attributes, "rpc.response.status_code"), Some("DATA_LOSS"));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_counts_as_cancelled() {
    let bed = Bed::start().await;
    let mut client = Client::start(ServerLayer::new()).await;
    let mut answers = client.count("").await;
    answers.next().await.unwrap().unwrap();
    drop(answers);
    assert!(bed.guard.flush().await);
    let spans = bed.collector.spans();
    let call = spans.0.iter().find(|span| span.kind == 3).unwrap();
    assert_eq!(text(&call.attributes, "rpc.response.status_code"), Some("CANCELLED"));
    assert!(is_error(call));
}

#[tokio::test]
async fn untrusted_callers_and_external_callees_see_no_lane() {
    let bed = Bed::start().await;
    let mut client = Client::start(ServerLayer::new().untrusted()).await;
    let call = async { client.greet("/test.Greeter/Greet", "you").await.unwrap() };
    assert_eq!(with_lane(Lane::new("grey").unwrap(), call).await, "base");
    bed.finish().await.assert_tree(
        "
         client test.Greeter/Greet [grey]
           server test.Greeter/Greet
             internal greet",
    );

    let bed = Bed::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(ServerLayer::new()).add_service(Greeter);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let mut client = Client::to(address, ClientLayer::new().external());
    let call = async { client.greet("/test.Greeter/Greet", "you").await.unwrap() };
    assert_eq!(with_lane(Lane::new("grey").unwrap(), call).await, "base");
    assert_eq!(bed.finish().await.0.len(), 3);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let bed = Bed::start().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    Client::to(nobody, ClientLayer::new()).greet("/test.Greeter/Greet", "you").await.unwrap_err();
    let spans = bed.finish().await;
    assert!(is_error(spans.named("test.Greeter/Greet")));
}
