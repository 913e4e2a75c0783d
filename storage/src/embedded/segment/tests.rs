use proptest::prelude::*;

use super::super::columns::{AttributeColumn, AttributeValues, MAX_ATTRIBUTE_COLUMNS, SpanReader};
use super::super::part::Projection;
use super::super::scan;
use super::*;
use crate::model::{Span, Value, to_otlp};
use crate::query::{AttributeScope, SpanFilter};
use crate::testing::{arbitrary, attribute, span};

fn append(segment: &mut Segment, spans: &[Span]) {
    let bytes = to_otlp::traces_data(spans);
    segment.append(TracesRequest::new(&bytes)).unwrap();
}

fn read(segment: &Segment) -> Vec<Span> {
    let all = Projection::all();
    let mut reader = SpanReader::new(segment.columns(), &all);
    (0..segment.columns().len()).map(|row| reader.span(row).unwrap()).collect()
}

#[test]
fn attributes_keep_type_order_and_repetition() {
    let values = [
        attribute("a", 1i64),
        attribute("list", Value::Array(vec![Value::Int(1), Value::Empty])),
        attribute("a", "text"),
        attribute("a", 2i64),
        attribute("", true),
        attribute("a", 0.5),
        attribute("bytes", Value::Bytes(vec![0, 255])),
        attribute("none", Value::Empty),
    ];
    let one = span("x").with(|span| span.attributes = values.to_vec()).build();
    let other = span("y").attribute("a", 3i64).build();
    let mut segment = Segment::default();
    append(&mut segment, &[one.clone(), other.clone()]);
    assert_eq!(read(&segment), [one, other]);
}

#[test]
fn columns_are_bounded_and_nothing_is_lost_beyond() {
    let spans: Vec<Span> = (0..MAX_ATTRIBUTE_COLUMNS as u64 + 50)
        .map(|i| span("x").id(i + 1).attribute(&format!("key-{i}"), i as i64).build())
        .collect();
    let mut segment = Segment::default();
    append(&mut segment, &spans);
    assert_eq!(segment.columns().attributes.len(), MAX_ATTRIBUTE_COLUMNS);
    assert_eq!(read(&segment), spans);
}

#[test]
fn what_is_taken_back_is_gone_and_what_follows_is_right() {
    let spans: Vec<Span> = (1..=20u64)
        .map(|i| {
            let one = span("x").id(i).attribute("n", i as i64).attribute("s", &*format!("{}", i % 3));
            one.event("e", vec![attribute("n", i as i64)]).build()
        })
        .collect();
    let mut segment = Segment::default();
    append(&mut segment, &spans[..10]);
    append(&mut segment, &spans[..15]);
    segment.truncate(10);
    append(&mut segment, &spans[10..]);
    assert_eq!(read(&segment), spans);
}

#[test]
fn the_lane_is_the_first_valid_one_in_order_of_trust() {
    for (attributes, lane) in [
        (vec![], "base"),
        (vec![("lane", "grey-v2")], "grey-v2"),
        (vec![("dubbo.tag", "tagged"), ("service-lane", "polaris")], "polaris"),
        (vec![("x-mse-tag", "grey"), ("lane", "Not A Lane")], "grey"),
        (vec![("lane", "a"), ("service-lane", "b")], "a"),
    ] {
        let one = attributes.iter().fold(span("x"), |span, (key, value)| span.attribute(key, *value)).build();
        let mut segment = Segment::default();
        append(&mut segment, &[one]);
        assert_eq!(read(&segment)[0].lane.as_str(), lane, "{attributes:?}");
    }
}

#[test]
fn text_that_hardly_repeats_loses_its_dictionary_and_nothing_else() {
    let spans: Vec<Span> = (1..=40_000u64)
        .map(|i| {
            let one = span("x").id(i).attribute("distinct", &*format!("user-{i}"));
            one.attribute("few", &*format!("route-{}", i % 1_500)).build()
        })
        .collect();
    let mut segment = Segment::default();
    append(&mut segment, &spans[..36_000]);
    append(&mut segment, &spans[..500]);
    segment.truncate(36_000);
    append(&mut segment, &spans[36_000..]);
    let values: Vec<_> = segment.columns().attributes.iter().map(|column| &column.values).collect();
    assert!(matches!(values[..], [AttributeValues::Plain(_), AttributeValues::String(_)]));
    assert_eq!(read(&segment), spans);
    let wanted = SpanFilter::Attribute {
        scope: AttributeScope::Span,
        key: "distinct".to_owned(),
        text: "user-9500".to_owned(),
    };
    let matching = scan::matching(&wanted, segment.columns(), spans.len());
    let rows: Vec<usize> = (0..spans.len()).filter(|&row| matching[row]).collect();
    assert_eq!(rows, [9_499]);
    // It is expected of the segments that follow, however few spans they have.
    let mut segment = segment.recycle();
    append(&mut segment, &spans[..10]);
    let plain: Vec<_> = segment.columns().attributes.iter().map(AttributeColumn::is_plain).collect();
    assert_eq!(plain, [true, false]);
    assert_eq!(read(&segment), spans[..10]);
}

#[test]
fn text_without_a_dictionary_is_judged_anew_after_some_segments() {
    let text = |i: u64, values: u64| {
        span("x").id(i + 1).attribute("text", &*format!("value-{}", i % values)).build()
    };
    let distinct: Vec<Span> = (0..33_000).map(|i| text(i, u64::MAX)).collect();
    let mut segment = Segment::default();
    append(&mut segment, &distinct);
    let is_plain = |segment: &Segment| segment.columns().attributes[0].is_plain();
    assert!(is_plain(&segment));
    let mut plain_segments = 0;
    while is_plain(&segment) {
        plain_segments += 1;
        segment = segment.recycle();
        append(&mut segment, &[text(0, 3), text(1, 3)]);
    }
    assert_eq!(plain_segments, 16);
}

proptest! {
    /// Few names and few keys: what the last span of a name had is often nearly, and not quite, what the next one has.
    #[test]
    fn spans_are_given_back_as_they_came(spans in arbitrary::spans(1..80)) {
        let mut segment = Segment::default();
        append(&mut segment, &spans);
        // Spans of one resource and scope come out of their request together.
        let sent = to_otlp::traces_data(&spans);
        let sent = crate::model::from_otlp::spans(TracesRequest::new(&sent)).unwrap();
        // As text, since NaN is not equal to itself.
        prop_assert_eq!(format!("{:#?}", read(&segment)), format!("{sent:#?}"));
        // In the memory of others.
        let mut segment = segment.recycle();
        append(&mut segment, &spans[..spans.len() / 2]);
        let mut segment = segment.recycle();
        append(&mut segment, &spans);
        prop_assert_eq!(format!("{:#?}", read(&segment)), format!("{sent:#?}"));
    }
}

#[test]
fn a_recycled_segment_is_as_good_as_new() {
    let old: Vec<Span> = (1..=9_000u64)
        .map(|i| span("old").id(i).attribute("n", &*format!("{i}")).attribute("gone", 1i64).build())
        .collect();
    let new = [
        span("new").attribute("n", "text").event("e", vec![]).build(),
        span("old").attribute("n", "text").attribute("n", 1i64).build(),
    ];
    let mut segment = Segment::default();
    append(&mut segment, &old);
    let mut segment = segment.recycle();
    assert_eq!((segment.columns().len(), segment.range()), (0, None));
    append(&mut segment, &new);
    assert_eq!(read(&segment), new);
    let keys: Vec<_> = segment.columns().attributes.iter().map(|column| &*column.key).collect();
    assert_eq!(keys, ["n", "n"]);
}
