use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http_body_util::{BodyExt, Full};
use tonic::{Request, Response};

use super::*;

/// Answers every message with the same message twice.
struct Doubling;

impl tonic::server::UnaryService<Bytes> for Doubling {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner().repeat(2).into())))
    }
}

/// Runs a future that never waits.
#[track_caller]
fn finish<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing to wait for"),
    }
}

/// A gRPC frame: not compressed, with this message.
fn frame(message: &[u8]) -> Bytes {
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame.into()
}

fn export(body: Bytes) -> (Option<String>, Bytes) {
    let request = http::Request::post(trace_service::EXPORT_PATH).body(Full::new(body)).unwrap();
    let response = finish(tonic::server::Grpc::new(RawCodec).unary(Doubling, request));
    let status = response.headers().get("grpc-status").map(|code| code.to_str().unwrap().to_owned());
    (status, finish(response.into_body().collect()).unwrap().to_bytes())
}

#[test]
fn messages_pass_as_they_are() {
    for len in [0, 1, RawCodec::DECODE_BUFFER_SIZE, 1_000_000] {
        let message: Vec<u8> = (0..len).map(|i| i as u8).collect();
        assert_eq!(export(frame(&message)), (None, frame(&message.repeat(2))), "{len} bytes");
    }
}

#[test]
fn the_limit_is_tonics() {
    let (status, body) = export(frame(&vec![0; 5 << 20]));
    assert_eq!((status.as_deref(), body.len()), (Some("11"), 0));
}

#[test]
fn the_path_is_that_of_the_service() {
    use trace_service::{EXPORT, EXPORT_PATH, NAME};
    assert_eq!(EXPORT_PATH, format!("/{NAME}/{EXPORT}"));
}
