use laneway_proto::TraceId;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use super::*;

/// The verdict on a trace of which spans 1, 2 and 3 were acknowledged, and these are stored.
fn verdict(stored: &[u8]) -> (u64, u64, u64) {
    let id = |n: u8| SpanId::from_bytes([n; 8]).unwrap();
    let sample =
        Sample { trace_id: TraceId::from_bytes([1; 16]).unwrap(), acked: [1, 2, 3].map(id).to_vec() };
    let span = |n: &u8| Span { span_id: id(*n).to_bytes().to_vec(), ..Default::default() };
    // One scope per span: where a span stands does not matter.
    let scope_spans =
        stored.iter().map(|n| ScopeSpans { spans: vec![span(n)], ..Default::default() }).collect();
    let data = TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] };
    let found = compare(&sample, &data);
    assert_eq!(found.traces_checked, 1);
    (found.missing, found.partial, found.duplicate)
}

#[test]
fn every_acknowledged_span_is_looked_for_by_its_id() {
    assert_eq!(verdict(&[3, 1, 2]), (0, 0, 0));
    // A span that was sent but not acknowledged may be there.
    assert_eq!(verdict(&[3, 1, 2, 9]), (0, 0, 0));
    assert_eq!(verdict(&[1, 2, 9]), (0, 1, 0));
    assert_eq!(verdict(&[9]), (1, 0, 0));
    assert_eq!(verdict(&[]), (1, 0, 0));
    assert_eq!(verdict(&[1, 2, 3, 3]), (0, 0, 1));
    assert_eq!(verdict(&[1, 1, 2]), (0, 1, 1));
}
