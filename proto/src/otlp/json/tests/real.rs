//! Requests that were recorded.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use crate::otlp::json::{from_protobuf, to_protobuf};
use crate::otlp::reader::tests::rebuild;

macro_rules! testdata {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_bytes!(concat!("../../../../testdata/", $path)).as_slice())),*]
    };
}

#[test]
fn json_and_protobuf_of_a_request_mean_the_same() {
    let [(_, json), (_, protobuf)] = testdata!["parity/request.json", "parity/request.pb"];
    let expected = rebuild::request(protobuf).unwrap();
    assert_eq!(rebuild::request(&to_protobuf(json).unwrap()).unwrap(), expected);
    let back = to_protobuf(&from_protobuf(protobuf).unwrap()).unwrap();
    assert_eq!(rebuild::request(&back).unwrap(), expected);
}

#[test]
fn examples_read_as_the_official_structs_read_them() {
    for (path, json) in testdata![
        "otlp-examples/trace.json",
        "jaeger-fixtures/default.json",
        "jaeger-fixtures/example_trace.json",
        "jaeger-fixtures/link_attributes_trace.json",
        "jaeger-fixtures/multi_spot_tags_trace.json",
        "jaeger-fixtures/scope_attributes_trace.json",
        "jaeger-fixtures/span_tags_trace.json",
    ] {
        let mut expected: ExportTraceServiceRequest = serde_json::from_slice(json).unwrap();
        rebuild::normalise(&mut expected);
        let protobuf = to_protobuf(json).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(rebuild::request(&protobuf).unwrap(), expected, "{path}");
        let spans = expected.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
        assert!(spans.count() > 0, "{path}");
    }
}

#[test]
fn the_example_is_written_as_the_collector_writes_it() {
    let [(_, json)] = testdata!["otlp-examples/trace.json"];
    let written = from_protobuf(&to_protobuf(json).unwrap()).unwrap();
    let expected = concat!(
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},"#,
        r#""scopeSpans":[{"scope":{"name":"my.library","version":"1.0.0","attributes":[{"key":"my.scope.attribute","#,
        r#""value":{"stringValue":"some scope attribute"}}]},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","#,
        r#""spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","name":"I'm a server span","kind":2,"#,
        r#""startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","attributes":"#,
        r#"[{"key":"my.span.attr","value":{"stringValue":"some value"}}],"status":{}}]}]}]}"#,
    );
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}
