//! The rules of the mapping, one by one.

use crate::otlp::json::{from_protobuf, to_protobuf};
use crate::otlp::reader::{Span, TracesRequest};

/// A request whose only span has these members.
fn with_span(members: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{members}}}]}}]}}]}}"#)
}

fn with_value(value: &str) -> String {
    with_span(&format!(r#""attributes":[{{"value":{value}}}]"#))
}

/// Asserts what the span with these members reads as.
#[track_caller]
fn check_span<T: PartialEq + std::fmt::Debug>(members: &str, expected: T, read: impl Fn(Span<'_>) -> T) {
    let protobuf = to_protobuf(with_span(members).as_bytes()).unwrap();
    let resource_spans = TracesRequest::new(&protobuf).resource_spans().next().unwrap().unwrap();
    let scope_spans = resource_spans.scope_spans().next().unwrap().unwrap();
    let span = scope_spans.spans().next().unwrap().unwrap();
    assert_eq!(read(span), expected, "{members}");
}

/// Asserts that a value reads, and is written back as `expected`.
#[track_caller]
fn check_value(value: &str, expected: &str) {
    let protobuf = to_protobuf(with_value(value).as_bytes()).unwrap();
    let written = String::from_utf8(from_protobuf(&protobuf).unwrap()).unwrap();
    assert!(written.contains(&format!(r#""value":{expected}}}]"#)), "{value}: {written}");
}

/// Asserts that JSON is refused, and the error but for its line and column.
#[track_caller]
fn check_refused(json: &str, expected: &str) {
    let error = to_protobuf(json.as_bytes()).unwrap_err().to_string();
    assert_eq!(error.split(" (line ").next().unwrap(), expected, "{json}");
}

#[track_caller]
fn check_span_refused(members: &str, expected: &str) {
    check_refused(&with_span(members), &format!("resourceSpans[0].scopeSpans[0].spans[0].{expected}"));
}

#[track_caller]
fn check_value_refused(value: &str, expected: &str) {
    check_span_refused(
        &format!(r#""attributes":[{{"value":{value}}}]"#),
        &format!("attributes[0].value{expected}"),
    );
}

#[test]
fn ids_are_hexadecimal_of_either_case_or_absent() {
    let ids = |span: Span<'_>| (span.trace_id.to_vec(), span.span_id.to_vec(), span.parent_span_id.to_vec());
    check_span(
        r#""traceId":"0aFf0000000000000000000000000001","spanId":"ABCDEFabcdef0000","parentSpanId":"""#,
        (
            vec![0x0a, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            vec![0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef, 0, 0],
            vec![],
        ),
        ids,
    );
    // Zeros are as long as an id; whether they are one is decided elsewhere.
    check_span(r#""spanId":"0000000000000000","parentSpanId":null"#, (vec![], vec![0; 8], vec![]), ids);
    check_span_refused(r#""traceId":"abc""#, "traceId: expected 32 hexadecimal digits, found 3");
    check_span_refused(r#""spanId":"ABCDEFabcdef000g""#, "spanId: not a hexadecimal digit at offset 15");
    check_span_refused(r#""spanId":7"#, "spanId: invalid value: integer `7`, expected 16 hexadecimal digits");
}

#[test]
fn enums_are_integers() {
    check_span(r#""kind":2,"status":{"code":2}"#, (2, 2), |span| (span.kind, span.status_code));
    check_span(r#""kind":-1,"status":{"code":77}"#, (-1, 77), |span| (span.kind, span.status_code));
    check_span_refused(
        r#""kind":"SPAN_KIND_SERVER""#,
        "kind: invalid type: string \"SPAN_KIND_SERVER\", expected an integer of 32 bits (names are not allowed)",
    );
    check_span_refused(
        r#""status":{"code":4294967296}"#,
        "status.code: invalid value: integer `4294967296`, expected an integer of 32 bits (names are not allowed)",
    );
}

#[test]
fn integers_are_numbers_or_strings() {
    let times = |span: Span<'_>| (span.start_time_unix_nano, span.end_time_unix_nano);
    check_span(
        r#""startTimeUnixNano":"18446744073709551615","endTimeUnixNano":18446744073709551615"#,
        (u64::MAX, u64::MAX),
        times,
    );
    check_span(r#""startTimeUnixNano":1.5e3,"endTimeUnixNano":5.0"#, (1_500, 5), times);
    check_span(r#""flags":257,"droppedLinksCount":"3""#, (257, 3), |s| (s.flags, s.dropped_links_count));
    for bad in
        ["-1", "18446744073709551616", "1.5", "1e30", r#""+1""#, r#""""#, r#""1.0""#, r#"" 1""#, "true", "{}"]
    {
        let error = to_protobuf(with_span(&format!(r#""endTimeUnixNano":{bad}"#)).as_bytes()).unwrap_err();
        assert_eq!(error.path(), "resourceSpans[0].scopeSpans[0].spans[0].endTimeUnixNano", "{bad}");
    }
    check_span_refused(
        r#""flags":4294967296"#,
        "flags: invalid value: integer `4294967296`, expected an integer from 0 to 4294967295",
    );
}

#[test]
fn values_have_one_kind() {
    check_value("{}", "{}");
    check_value(r#"{"stringValue":""}"#, r#"{"stringValue":""}"#);
    check_value(r#"{"stringValue":"\u00e9\ud83d\ude00\n\u0000"}"#, r#"{"stringValue":"é😀\n\u0000"}"#);
    check_value(r#"{"boolValue":false}"#, r#"{"boolValue":false}"#);
    check_value(r#"{"intValue":0}"#, r#"{"intValue":"0"}"#);
    check_value(r#"{"intValue":"-9223372036854775808"}"#, r#"{"intValue":"-9223372036854775808"}"#);
    check_value(r#"{"intValue":-9223372036854775808}"#, r#"{"intValue":"-9223372036854775808"}"#);
    check_value(r#"{"arrayValue":{}}"#, r#"{"arrayValue":{"values":[]}}"#);
    check_value(
        r#"{"arrayValue":{"values":[{},{"intValue":1}]}}"#,
        r#"{"arrayValue":{"values":[{},{"intValue":"1"}]}}"#,
    );
    check_value(
        r#"{"kvlistValue":{"values":[{"key":"k"},{"value":{"boolValue":true}}]}}"#,
        r#"{"kvlistValue":{"values":[{"key":"k","value":{}},{"value":{"boolValue":true}}]}}"#,
    );
    check_value(r#"{"stringValue":"a","intValue":null}"#, r#"{"stringValue":"a"}"#);
    check_value(r#"{"stringValueStrindex":3}"#, "{}");
    check_value_refused(
        r#"{"stringValue":"a","boolValue":null,"intValue":1}"#,
        ".intValue: a second kind of value where one is allowed",
    );
    check_value_refused(
        r#"{"stringValue":5}"#,
        ".stringValue: invalid value: integer `5`, expected a string",
    );
    check_value_refused(
        r#"{"boolValue":"true"}"#,
        ".boolValue: invalid type: string \"true\", expected true or false",
    );
    check_value_refused(
        r#"{"arrayValue":{"values":[null]}}"#,
        ".arrayValue.values[0]: invalid type: null, expected an object",
    );
    check_value_refused(r#""text""#, ": invalid type: string \"text\", expected an object");
}

#[test]
fn doubles_are_exact_and_have_names_for_what_json_cannot_write() {
    for (value, expected) in [
        ("0.1", "0.1"),
        ("-0.0", "-0.0"),
        ("5", "5.0"),
        ("-5", "-5.0"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        // Halfway between two floats but for its last digits.
        ("2.2250738585072011e-308", "2.225073858507201e-308"),
        ("18446744073709551615", "1.8446744073709552e+19"),
        (r#""NaN""#, r#""NaN""#),
        (r#""Infinity""#, r#""Infinity""#),
        (r#""-Infinity""#, r#""-Infinity""#),
        (r#""2.5""#, "2.5"),
    ] {
        check_value(&format!(r#"{{"doubleValue":{value}}}"#), &format!(r#"{{"doubleValue":{expected}}}"#));
    }
    for bad in [r#""inf""#, r#""nan""#, r#""+1""#, r#""1e400""#, "1e400", r#""""#, "true"] {
        assert!(to_protobuf(with_value(&format!(r#"{{"doubleValue":{bad}}}"#)).as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn bytes_are_base64_of_either_alphabet() {
    for (text, expected) in [
        ("", ""),
        ("AAAwOQ==", "AAAwOQ=="),
        ("AAAwOQ", "AAAwOQ=="),
        ("+/+/", "+/+/"),
        ("-_-_", "+/+/"),
        ("_w", "/w=="),
    ] {
        check_value(&format!(r#"{{"bytesValue":"{text}"}}"#), &format!(r#"{{"bytesValue":"{expected}"}}"#));
    }
    for bad in ["A", "AA=A", "AAA$", "+_"] {
        assert!(
            to_protobuf(with_value(&format!(r#"{{"bytesValue":"{bad}"}}"#)).as_bytes()).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn null_is_absent_and_unknown_keys_are_ignored() {
    let empty: &[u8] = &[];
    for json in [
        "{}",
        r#"{"resourceSpans":null}"#,
        r#"{"resourceSpans":[]}"#,
        r#"{"resource_spans":[{}],"ResourceSpans":3,"other":{"a":[1,"]}"]}}"#,
        " \n{ \"resourceSpans\" : [ ] } \t",
    ] {
        assert_eq!(to_protobuf(json.as_bytes()).as_deref(), Ok(empty), "{json}");
    }
    let nulls = r#""traceId":null,"spanId":null,"traceState":null,"parentSpanId":null,"name":null,"kind":null,
        "startTimeUnixNano":null,"endTimeUnixNano":null,"attributes":null,"droppedAttributesCount":null,"events":null,
        "droppedEventsCount":null,"links":null,"droppedLinksCount":null,"status":null,"flags":null,"x":null"#;
    check_span(nulls, empty.to_vec(), |span| span.bytes().to_vec());
    // Zeros too: proto3 does not write them.
    check_span(r#""name":"","kind":0,"flags":0,"startTimeUnixNano":"0""#, vec![], |span| {
        span.bytes().to_vec()
    });
}

#[test]
fn what_is_not_one_request_is_refused() {
    check_refused("", "EOF while parsing a value");
    check_refused("{} {}", "trailing characters");
    check_refused("null", "invalid type: null, expected an object");
    check_refused("[]", "invalid type: sequence, expected an object");
    check_refused(r#"{"resourceSpans":{}}"#, "resourceSpans: invalid type: map, expected an array");
    check_refused(r#"{"resourceSpans":[{}"#, "resourceSpans[1]: EOF while parsing a list");
    check_refused(r#"{"resourceSpans":[{},]}"#, "resourceSpans[1]: trailing comma");
    check_refused(
        r#"{"resourceSpans":[{"resource":{},"resource":{}}]}"#,
        "resourceSpans[0].resource: given twice",
    );
    check_refused(r#"{"resourceSpans":[],"resourceSpans":[]}"#, "resourceSpans: given twice");
    assert!(to_protobuf(b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\"}]}").is_err());
    assert!(to_protobuf(br#"{"resourceSpans":[{"schemaUrl":"\ud800"}]}"#).is_err());
}

#[test]
fn errors_have_a_place_and_a_bounded_length() {
    let json = with_span(&format!("\n\"kind\":\"{}\"", "é".repeat(10_000)));
    let error = to_protobuf(json.as_bytes()).unwrap_err();
    assert_eq!(error.path(), "resourceSpans[0].scopeSpans[0].spans[0].kind");
    assert_eq!(error.line(), 2);
    assert!(error.to_string().len() < 400, "{error}");
}
