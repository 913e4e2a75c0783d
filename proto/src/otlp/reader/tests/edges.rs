//! Cases with a name, and what their errors say.

use super::super::*;
use crate::otlp::wire::WireType;
use crate::otlp::{attribute, field, wire};

/// A request with one span, of these bytes.
fn with_span(span: &[u8]) -> Vec<u8> {
    let mut request = Vec::new();
    wire::message(&mut request, field::request::RESOURCE_SPANS, |buf| {
        wire::message(buf, field::resource_spans::SCOPE_SPANS, |buf| {
            wire::bytes(buf, field::scope_spans::SPANS, span);
        });
    });
    request
}

fn built(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    write(&mut buf);
    buf
}

/// An `AnyValue` that is a string within this many arrays.
fn nested(arrays: usize) -> Vec<u8> {
    (0..arrays).fold(built(|buf| wire::string(buf, field::any_value::STRING_VALUE, "x")), |inner, _| {
        built(|buf| {
            wire::message(buf, field::any_value::ARRAY_VALUE, |buf| {
                wire::bytes(buf, field::array_value::VALUES, &inner);
            });
        })
    })
}

/// A span with this value in its only attribute.
fn with_value(value: &[u8]) -> Vec<u8> {
    built(|buf| {
        wire::message(buf, field::span::ATTRIBUTES, |buf| {
            wire::string(buf, field::key_value::KEY, "k");
            wire::bytes(buf, field::key_value::VALUE, value);
        });
    })
}

#[track_caller]
fn check_error(span: &[u8], kind: ReadErrorKind, message: &str) {
    let error = TracesRequest::new(&with_span(span)).validate().unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn errors_name_the_field_and_the_byte() {
    check_error(
        &built(|buf| wire::bytes(buf, field::span::TRACE_ID, &[1; 15])),
        ReadErrorKind::IdLength { expected: 16, found: 15 },
        "span.trace_id: an id of 15 bytes where 16 (or none) are expected (at byte 8)",
    );
    check_error(
        &built(|buf| wire::bytes(buf, field::span::NAME, b"ab\xff")),
        ReadErrorKind::Utf8,
        "span.name: not UTF-8 (at byte 10)",
    );
    check_error(
        &built(|buf| wire::fixed64(buf, field::span::KIND, 1)),
        ReadErrorKind::WireType { found: 1 },
        "span.kind: wire type 1 is not that of the field (at byte 6)",
    );
    check_error(&[0x2a, 5, b'x'], ReadErrorKind::Truncated, "span.name: ends too early (at byte 8)");
    check_error(&[0x07], ReadErrorKind::Key, "span: not the key of a field (at byte 6)");
    check_error(
        &with_value(&[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
        ReadErrorKind::Varint,
        "span.attributes.value.int_value: a varint of more than 64 bits (at byte 14)",
    );
    check_error(
        &[0x9b, 0x06, 0xa4, 0x06],
        ReadErrorKind::Group,
        "span.99: the end of a group that did not begin (at byte 8)",
    );
    check_error(
        &built(|buf| {
            wire::message(buf, field::span::EVENTS, |buf| wire::bytes(buf, field::event::NAME, b"\x80"))
        }),
        ReadErrorKind::Utf8,
        "span.events.name: not UTF-8 (at byte 10)",
    );
}

#[test]
fn an_error_without_its_message_has_no_offset() {
    let event = [0x12, 1, 0x80];
    let error = Event::parse(&event).unwrap().validate().unwrap_err();
    assert_eq!((error.offset(), error.to_string().as_str()), (None, "span.events.name: not UTF-8"));
    assert_eq!(error.locate(&event).offset(), Some(2));
    assert_eq!(error.locate(&[0; 3]).offset(), None);
    assert_eq!(error.locate(&event).locate(&[]).offset(), Some(2));
    let error = Event::parse(&event).unwrap().name.to_str().unwrap_err();
    assert_eq!(error.to_string(), "not UTF-8");
}

#[test]
fn values_nest_64_levels_and_no_more() {
    let deepest = with_span(&with_value(&nested(63)));
    assert_eq!(TracesRequest::new(&deepest).validate(), Ok(()));
    let too_deep = with_span(&with_value(&nested(64)));
    let error = TracesRequest::new(&too_deep).validate().unwrap_err();
    assert_eq!(error.kind(), ReadErrorKind::Depth);
    assert!(
        error
            .to_string()
            .starts_with("span.attributes.value.array_value: nesting deeper than 64 levels (at byte"),
        "{error}"
    );
}

#[test]
fn ten_thousand_levels_are_an_error_and_not_a_stack_overflow() {
    // Arrays; arrays that are replaced by a string each, so that reading them checks what they held; groups.
    let mut value = built(|buf| wire::string(buf, field::any_value::STRING_VALUE, "x"));
    for _ in 0..10_000 {
        value = built(|buf| {
            wire::message(buf, field::any_value::ARRAY_VALUE, |buf| {
                wire::bytes(buf, field::array_value::VALUES, &value);
            });
            wire::string(buf, field::any_value::STRING_VALUE, "replaces the array");
        });
    }
    for value in [nested(10_000), value] {
        assert_eq!(
            AnyValue::parse(&value).and_then(|v| v.validate()).unwrap_err().kind(),
            ReadErrorKind::Depth
        );
        let request = with_span(&with_value(&value));
        assert_eq!(TracesRequest::new(&request).validate().unwrap_err().kind(), ReadErrorKind::Depth);
    }
    let groups = built(|buf| (0..10_000).for_each(|_| wire::tag(buf, 99, WireType::StartGroup)));
    assert_eq!(TracesRequest::new(&with_span(&groups)).validate().unwrap_err().kind(), ReadErrorKind::Depth);
}

#[test]
fn ids_that_are_absent_or_zero_are_none() {
    let span = built(|buf| {
        wire::bytes(buf, field::span::TRACE_ID, &[7; 16]);
        wire::bytes(buf, field::span::SPAN_ID, &[8; 8]);
        wire::bytes(buf, field::span::PARENT_SPAN_ID, &[0; 8]);
    });
    let span = Span::parse(&span).unwrap();
    let (trace_id, span_id) = span.ids().unwrap();
    assert_eq!((trace_id.to_bytes(), span_id.to_bytes(), span.parent_id()), ([7; 16], [8; 8], None));
    assert_eq!(Span::parse(&[]).unwrap().ids(), None);
    let zero = built(|buf| {
        wire::bytes(buf, field::span::TRACE_ID, &[0; 16]);
        wire::bytes(buf, field::span::SPAN_ID, &[8; 8]);
    });
    assert_eq!(Span::parse(&zero).unwrap().ids(), None);
    let link = built(|buf| wire::bytes(buf, field::link::SPAN_ID, &[9; 8]));
    let (trace_id, span_id) = Link::parse(&link).unwrap().ids();
    assert_eq!((trace_id, span_id.map(crate::SpanId::to_bytes)), (None, Some([9; 8])));
}

#[test]
fn a_value_and_a_resource_may_occur_once() {
    let twice = |number, bytes: &[u8]| {
        built(|buf| {
            wire::bytes(buf, number, bytes);
            wire::bytes(buf, number, bytes);
        })
    };
    let entry = twice(field::key_value::VALUE, &[]);
    assert_eq!(KeyValue::parse(&entry).unwrap_err().kind(), ReadErrorKind::Twice);
    let value = twice(field::any_value::ARRAY_VALUE, &[]);
    assert_eq!(AnyValue::parse(&value).unwrap_err().kind(), ReadErrorKind::Twice);
    let resource = twice(field::resource_spans::RESOURCE, &[]);
    let request = built(|buf| wire::bytes(buf, field::request::RESOURCE_SPANS, &resource));
    let error = TracesRequest::new(&request).validate().unwrap_err();
    assert_eq!(error.to_string(), "resource_spans.resource: given twice (at byte 4)");
    let scope = twice(field::scope_spans::SCOPE, &[]);
    let request = built(|buf| {
        wire::message(buf, field::request::RESOURCE_SPANS, |buf| {
            wire::bytes(buf, field::resource_spans::SCOPE_SPANS, &scope);
        });
    });
    assert_eq!(TracesRequest::new(&request).validate().unwrap_err().kind(), ReadErrorKind::Twice);
    let status = [vec![0x7a, 2, 0x18, 2], vec![0x7a, 3, 0x12, 1, b'x']].concat();
    let span = Span::parse(&status).unwrap();
    assert_eq!((span.status_code, span.status_message), (2, Text::new(b"x")));
}

#[test]
fn parts_keep_their_bytes() {
    let span = built(|buf| {
        attribute::string(buf, field::span::ATTRIBUTES, "a", "x");
        wire::message(buf, field::span::EVENTS, |buf| wire::string(buf, field::event::NAME, "e"));
        attribute::int(buf, field::span::ATTRIBUTES, "b", 300);
        wire::message(buf, field::span::LINKS, |buf| wire::fixed32(buf, field::link::FLAGS, 1));
    });
    let span = Span::parse(&span).unwrap();
    let attributes: Vec<_> = span.attributes().map(Result::unwrap).collect();
    assert_eq!((span.attributes().len(), span.events().len(), span.links().len()), (2, 1, 1));
    assert_eq!((attributes[0].key, attributes[1].key), (Text::new(b"a"), Text::new(b"b")));
    for attribute in &attributes {
        let again = KeyValue::parse(attribute.bytes()).unwrap();
        assert_eq!((again.key, again.value_bytes()), (attribute.key, attribute.value_bytes()));
    }
    assert!(matches!(AnyValue::parse(attributes[1].value_bytes()).unwrap(), AnyValue::Int(300)));
    let event = span.events().next().unwrap().unwrap();
    assert_eq!(Event::parse(event.bytes()).unwrap().name, "e");
    let link = span.links().next().unwrap().unwrap();
    assert_eq!(Link::parse(link.bytes()).unwrap().flags, 1);
}

#[test]
fn an_iterator_ends_with_its_first_error() {
    let span = [with_value(&[0x08]), with_value(&[])].concat();
    let mut attributes = Span::parse(&span).unwrap().attributes();
    assert_eq!(attributes.len(), 2);
    assert!(attributes.next().unwrap().is_err());
    assert!(attributes.next().is_none());
    let mut resources = TracesRequest::new(b"\x0a\x01\x08\x0a\x00").resource_spans();
    assert!(resources.next().unwrap().is_err());
    assert!(resources.next().is_none());
}

#[test]
fn a_damaged_end_of_the_request_is_noticed() {
    let mut request = with_span(&[]);
    request.push(0x0a);
    assert_eq!(TracesRequest::new(&request).validate().unwrap_err().kind(), ReadErrorKind::Truncated);
    assert_eq!(TracesRequest::new(&request).resource_spans().filter(Result::is_err).count(), 1);
}
