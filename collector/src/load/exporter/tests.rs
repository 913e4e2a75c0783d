use bytes::BytesMut;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;
use tonic_types::ErrorDetails;

use super::*;

async fn response(
    status: u16,
    headers: HeaderMap,
    body: &[u8],
    trailers: HeaderMap,
) -> Response<Collected<Bytes>> {
    let body = Full::new(Bytes::copy_from_slice(body)).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(body.collect().await.unwrap());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    *response.headers_mut() = headers;
    response
}

/// The answer of a gRPC server with this status, in words.
async fn grpc(status: tonic::Status) -> String {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).unwrap();
    // A status stands in the trailers, or in the headers of an answer that has no body.
    let in_trailers = grpc_answer(response(200, HeaderMap::new(), b"", trailers.clone()).await);
    let in_headers = grpc_answer(response(200, trailers, b"", HeaderMap::new()).await);
    assert_eq!(format!("{in_trailers:?}"), format!("{in_headers:?}"));
    format!("{in_trailers:?}")
}

async fn http(status: u16, retry_after: Option<&str>, body: &[u8]) -> String {
    let headers = retry_after.map(|after| (RETRY_AFTER, after.parse().unwrap())).into_iter().collect();
    format!("{:?}", http_answer(response(status, headers, body, HeaderMap::new()).await))
}

#[tokio::test]
async fn grpc_codes_are_retried_as_the_specification_lists_them() {
    for code in [
        Code::Cancelled,
        Code::DeadlineExceeded,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unavailable,
        Code::DataLoss,
    ] {
        let answer = grpc(tonic::Status::new(code, "later please")).await;
        assert_eq!(answer, format!("TryAgain {{ after: None, reason: \"{code:?}: later please\" }}"));
    }
    for code in
        [Code::InvalidArgument, Code::Unimplemented, Code::ResourceExhausted, Code::Internal, Code::Unknown]
    {
        let answer = grpc(tonic::Status::new(code, "no")).await;
        assert_eq!(answer, format!("Refused {{ reason: \"{code:?}: no\" }}"));
    }
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(Duration::from_millis(1500)));
    let status = tonic::Status::with_error_details(Code::ResourceExhausted, "busy", details);
    assert_eq!(grpc(status).await, "TryAgain { after: Some(1.5s), reason: \"ResourceExhausted: busy\" }");
    let garbled = HeaderMap::from_iter(
        [("grpc-status", "8"), ("grpc-status-details-bin", "%%%")]
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())),
    );
    let answer = grpc_answer(response(200, garbled, b"", HeaderMap::new()).await);
    assert_eq!(format!("{answer:?}"), "Refused { reason: \"ResourceExhausted: \" }");
    let nothing = grpc_answer(response(404, HeaderMap::new(), b"", HeaderMap::new()).await);
    assert_eq!(
        format!("{nothing:?}"),
        "Refused { reason: \"HTTP status 404 Not Found without a gRPC status\" }"
    );
}

#[tokio::test]
async fn http_statuses_are_retried_as_the_specification_lists_them() {
    for status in [429, 502, 503, 504] {
        assert!(http(status, None, b"").await.starts_with("TryAgain { after: None"));
    }
    for status in [400, 401, 404, 413, 415, 500, 501] {
        assert!(http(status, Some("3"), b"").await.starts_with("Refused"));
    }
    let body = tonic_types::pb::Status { message: "memory".to_owned(), ..Default::default() }.encode_to_vec();
    let answer = http(503, Some("3"), &body).await;
    assert_eq!(answer, "TryAgain { after: Some(3s), reason: \"503 Service Unavailable: memory\" }");
}

#[tokio::test]
async fn a_partial_success_says_how_many_spans_were_rejected() {
    let partial_success =
        Some(ExportTracePartialSuccess { rejected_spans: 3, error_message: "zero ids".to_owned() });
    let message = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    assert_eq!(http(200, None, &message).await, "Accepted { rejected_spans: 3 }");
    assert_eq!(http(200, None, b"").await, "Accepted { rejected_spans: 0 }");

    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    let trailers: HeaderMap = [("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect();
    let answer = grpc_answer(response(200, HeaderMap::new(), &framed, trailers).await);
    assert!(matches!(answer, Answer::Accepted { rejected_spans: 3 }), "{answer:?}");
}
