use super::*;
use laneway_proto::otlp::wire;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use proptest::prelude::*;
use prost::Message;

#[test]
fn a_partial_success_is_read() {
    assert_eq!(partial_success(&ExportTraceServiceResponse::default().encode_to_vec()), None);
    let answer = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 300,
            error_message: "too old".to_owned(),
        }),
    };
    let expected = PartialSuccess { rejected_spans: 300, message: "too old".to_owned() };
    assert_eq!(partial_success(&answer.encode_to_vec()), Some(expected));
}

fn status_details(type_url: &str, seconds: i64, nanos: i64) -> Vec<u8> {
    let mut details = Vec::new();
    wire::int64(&mut details, 1, 14);
    wire::string(&mut details, 2, "busy");
    wire::message(&mut details, 3, |any| {
        wire::string(any, 1, type_url);
        wire::message(any, 2, |info| {
            wire::message(info, 1, |delay| {
                wire::int64(delay, 1, seconds);
                wire::int64(delay, 2, nanos);
            });
        });
    });
    details
}

#[test]
fn the_delay_of_a_retry_info_is_read() {
    let retry_info = "type.googleapis.com/google.rpc.RetryInfo";
    assert_eq!(retry_delay(&status_details(retry_info, 2, 500_000_000)), Some(Duration::from_millis(2500)));
    assert_eq!(retry_delay(&status_details(retry_info, -1, 0)), Some(Duration::ZERO));
    assert_eq!(retry_delay(&status_details("type.googleapis.com/google.rpc.Help", 2, 0)), None);
    assert_eq!(retry_delay(b""), None);
}

proptest! {
    #[test]
    fn garbage_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        partial_success(&bytes);
        retry_delay(&bytes);
    }
}
