use crate::model::{SpanKind, Trace, from_otlp};
use crate::testing::{SpanBuilder, attribute, span};
use laneway_proto::otlp::reader::TracesRequest;

use super::*;

fn trace(spans: impl IntoIterator<Item = SpanBuilder>) -> Trace {
    Trace::new(spans.into_iter().map(SpanBuilder::build).collect()).unwrap()
}

/// A span with something in every field.
fn full() -> SpanBuilder {
    let values = vec![Value::Int(i64::MIN), Value::Empty, Value::Array(vec![Value::Bool(false)])];
    span("full")
        .parent(9)
        .kind(SpanKind::Consumer)
        .lane("grey-v2")
        .error("no tea")
        .scope("lib", "1.2")
        .scope_attribute("s", "t")
        .attribute("text", "")
        .attribute("bool", false)
        .attribute("int", -1)
        .attribute("double", -0.0)
        .attribute("bytes", &[0, 255][..])
        .attribute("empty", Value::Empty)
        .attribute("array", Value::Array(values))
        .attribute("map", Value::KvList(vec![attribute("k", 1), attribute("", Value::Array(vec![]))]))
        .event("e", vec![attribute("a", 1)])
        .event("", vec![])
        .link(7, 8, vec![attribute("b", 2)])
        .link(0, 0, vec![])
        .resource_attribute("r", u64::MAX as f64)
        .with(|span| {
            span.trace_state = "laneway=x".to_owned();
            span.flags = 0x301;
            span.end_unix_ns = span.start_unix_ns - 1;
            span.dropped_attributes_count = 1;
            span.dropped_events_count = 2;
            span.dropped_links_count = u32::MAX;
            span.events[0].dropped_attributes_count = 3;
            span.links[0].dropped_attributes_count = 4;
            span.links[0].trace_state = "t".to_owned();
            span.links[0].flags = 0x100;
        })
}

#[test]
fn what_is_written_is_read_back_unchanged() {
    let mut full = full().build();
    Arc::make_mut(&mut full.resource).schema_url = "https://example.com/1".to_owned();
    Arc::make_mut(&mut full.resource).dropped_attributes_count = 5;
    Arc::make_mut(&mut full.scope).schema_url = "https://example.com/2".to_owned();
    Arc::make_mut(&mut full.scope).dropped_attributes_count = 6;
    let written = Trace::new(vec![full, span("plain").build()]).unwrap();
    let bytes = traces_data(&written.spans);
    let request = TracesRequest::new(&bytes);
    request.validate().unwrap();
    assert_eq!(Trace::new(from_otlp::spans(request).unwrap()), Some(written));
}

#[test]
fn equal_resources_and_scopes_meet_however_they_arrived() {
    let odd = |name| span(name).service("b").attribute("x", f64::NAN).resource_attribute("nan", f64::NAN);
    let trace = trace([
        span("1").service("a").scope("s", "1"),
        odd("2").after(1),
        span("3").service("a").scope("s", "2").after(2),
        span("4").service("a").scope("s", "1").after(3),
        odd("5").after(4),
    ]);
    let bytes = traces_data(&trace.spans);
    let mut shape = Vec::new();
    for resource_spans in TracesRequest::new(&bytes).resource_spans() {
        let scopes = resource_spans.unwrap().scope_spans();
        shape.push(scopes.map(|scope| scope.unwrap().spans().count()).collect::<Vec<_>>());
    }
    assert_eq!(shape, [vec![2, 1], vec![2]]);
}
