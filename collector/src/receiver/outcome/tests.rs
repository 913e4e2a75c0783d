use std::time::Duration;

use laneway_storage::AppendError;
use tonic::Code;
use tonic_types::StatusExt;

use super::Refusal;
use crate::metrics::Signal;

fn every_refusal() -> Vec<Refusal> {
    vec![
        Refusal::Malformed("bad".to_owned()),
        Refusal::Protocol("bad frame"),
        Refusal::TooLarge { limit: 10 },
        Refusal::UnsupportedCoding("br".to_owned()),
        Refusal::UnsupportedMediaType("text/plain".to_owned()),
        Refusal::UnsupportedSignal(Signal::logs),
        Refusal::NotFound("/".to_owned()),
        Refusal::MethodNotAllowed("GET".to_owned()),
        Refusal::Overloaded { retry_after: Duration::from_millis(1500) },
        Refusal::Unavailable("disk full".to_owned()),
        Refusal::TooSlow { deadline: Duration::from_secs(1) },
        Refusal::Aborted,
        Refusal::Internal,
    ]
}

/// What OTLP 1.x lets a sender of OTLP/HTTP retry.
const RETRYABLE_HTTP: [u16; 4] = [429, 502, 503, 504];

#[test]
fn http_is_retryable_exactly_when_a_wait_is_named() {
    for refusal in every_refusal() {
        let retryable = RETRYABLE_HTTP.contains(&refusal.http_status().as_u16());
        assert_eq!(retryable, refusal.retry_after().is_some(), "{refusal:?}");
    }
}

#[test]
fn grpc_names_the_same_wait() {
    for refusal in every_refusal() {
        let status = refusal.to_grpc();
        let named = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert_eq!(named, refusal.retry_after(), "{refusal:?}");
        if refusal.retry_after().is_some() {
            assert_eq!(status.code(), Code::Unavailable, "{refusal:?}");
        }
    }
}

#[test]
fn what_is_final_is_final_over_grpc() {
    // RESOURCE_EXHAUSTED is final because it comes without RetryInfo.
    let retryable = [Code::Cancelled, Code::Aborted, Code::OutOfRange, Code::DataLoss];
    for refusal in every_refusal().into_iter().filter(|refusal| *refusal != Refusal::Aborted) {
        assert!(!retryable.contains(&refusal.to_grpc().code()), "{refusal:?}");
    }
}

#[test]
fn json_and_protobuf_say_the_same() {
    for refusal in every_refusal() {
        let json = refusal.to_json();
        let status = refusal.to_grpc();
        assert_eq!(json["code"], status.code() as i32, "{refusal:?}");
        assert_eq!(json["message"], status.message(), "{refusal:?}");
    }
    let json = Refusal::Overloaded { retry_after: Duration::from_millis(1500) }.to_json();
    assert_eq!(json["details"][0]["retryDelay"], "1.5s");
}

#[test]
fn a_stores_errors_keep_their_meaning() {
    let code = |error: AppendError| Refusal::from(error).to_grpc().code();
    assert_eq!(code(AppendError::Malformed("x".to_owned())), Code::InvalidArgument);
    assert_eq!(code(AppendError::Overloaded { retry_after: Duration::from_secs(1) }), Code::Unavailable);
    assert_eq!(code(AppendError::Unavailable("disk full".to_owned())), Code::Unavailable);
}
