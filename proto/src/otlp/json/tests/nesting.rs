//! Depth, in values and elsewhere.

use crate::otlp::json::{JsonError, from_protobuf, to_protobuf};
use crate::otlp::reader::TracesRequest;

/// A request whose only attribute is this `AnyValue`.
fn with_value(value: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"key":"k","value":{value}}}]}}]}}]}}]}}"#
    )
}

/// A string in this many values of the kind that `before` and `after` wrap around it.
fn nested(levels: usize, before: &str, after: &str) -> String {
    [&before.repeat(levels), r#"{"stringValue":"x"}"#, &after.repeat(levels)].concat()
}

const ARRAY: (&str, &str) = (r#"{"arrayValue":{"values":["#, "]}}");
const MAP: (&str, &str) = (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}");

/// Runs with half of the stack that a thread of tokio has.
fn on_small_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn_scoped(scope, run).unwrap();
        thread.join().unwrap()
    })
}

#[track_caller]
fn check_too_deep(result: Result<Vec<u8>, JsonError>) {
    let error = result.unwrap_err();
    assert!(error.to_string().contains("nesting deeper than 64 levels"), "{error}");
    assert!(
        error.path().starts_with("resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value."),
        "{error}"
    );
}

#[test]
fn values_nest_64_levels_and_no_more() {
    for (before, after) in [ARRAY, MAP] {
        let deepest = with_value(&nested(63, before, after));
        let too_deep = with_value(&nested(64, before, after));
        on_small_stack(|| {
            let protobuf = to_protobuf(deepest.as_bytes()).unwrap();
            TracesRequest::new(&protobuf).validate().unwrap();
            let json = from_protobuf(&protobuf).unwrap();
            assert_eq!(from_protobuf(&to_protobuf(&json).unwrap()).unwrap(), json);
            check_too_deep(to_protobuf(too_deep.as_bytes()));
        });
    }
}

#[test]
fn ten_thousand_levels_are_an_error_and_not_a_stack_overflow() {
    for (before, after) in [ARRAY, MAP] {
        check_too_deep(on_small_stack(|| to_protobuf(with_value(&nested(10_000, before, after)).as_bytes())));
        // Without its end.
        check_too_deep(on_small_stack(|| {
            to_protobuf(with_value(&before.repeat(10_000)).trim_end_matches('}').as_bytes())
        }));
    }
    let brackets = "[".repeat(10_000);
    let error =
        on_small_stack(|| to_protobuf(format!(r#"{{"resourceSpans":{brackets}"#).as_bytes())).unwrap_err();
    assert_eq!(error.path(), "resourceSpans[0]");
}

#[test]
fn unknown_fields_nest_as_deep_as_they_like() {
    let json = format!(r#"{{"unknown":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(on_small_stack(|| to_protobuf(json.as_bytes())), Ok(vec![]));
}
