use laneway_proto::otlp::field;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value;
use prost::Message;

use super::attributes::{Attributes, Value};
use super::limits::truncate;

/// What the encoded attributes say, through the official decoder.
fn decoded(attributes: &Attributes) -> Vec<(String, any_value::Value)> {
    let mut event = Vec::new();
    event.extend_from_slice(attributes.encoded());
    let event = opentelemetry_proto::tonic::trace::v1::span::Event::decode(event.as_slice()).unwrap();
    let pair = |KeyValue { key, value, .. }: KeyValue| (key, value.unwrap().value.unwrap());
    event.attributes.into_iter().map(pair).collect()
}

fn text(value: &str) -> any_value::Value {
    any_value::Value::StringValue(value.to_owned())
}

#[test]
fn a_later_value_takes_the_place_of_an_earlier_one() {
    let mut attributes = Attributes::new(field::event::ATTRIBUTES, 3, 100);
    attributes.set("a", Value::Str("first"));
    attributes.set("b", Value::Int(-1));
    attributes.set("c", Value::Bool(true));
    attributes.set("a", Value::Str("second and longer"));
    attributes.set("b", Value::Double(0.5));
    let expected = [
        ("c".to_owned(), any_value::Value::BoolValue(true)),
        ("a".to_owned(), text("second and longer")),
        ("b".to_owned(), any_value::Value::DoubleValue(0.5)),
    ];
    assert_eq!(decoded(&attributes), expected);
    assert_eq!(attributes.dropped(), 0);
}

#[test]
fn what_is_beyond_the_count_is_dropped_and_counted() {
    let mut attributes = Attributes::new(field::event::ATTRIBUTES, 1, 100);
    attributes.set("a", Value::Int(1));
    attributes.set("b", Value::Int(2));
    let mut later = Attributes::new(field::event::ATTRIBUTES, 2, 100);
    later.set("a", Value::Int(3));
    later.set("c", Value::Int(4));
    later.drop_one();
    attributes.merge(&later);
    assert_eq!(decoded(&attributes), [("a".to_owned(), any_value::Value::IntValue(3))]);
    assert_eq!(attributes.dropped(), 3, "b, c, and the one that was dropped before");
}

#[test]
fn text_is_cut_between_characters() {
    let mut attributes = Attributes::new(field::event::ATTRIBUTES, 9, 4);
    attributes.set("text", Value::Str("abcé"));
    attributes.set("bytes", Value::Bytes(&[1, 2, 3, 4, 5]));
    let expected = [
        ("text".to_owned(), text("abc")),
        ("bytes".to_owned(), any_value::Value::BytesValue(vec![1, 2, 3, 4])),
    ];
    assert_eq!(decoded(&attributes), expected);
    assert_eq!((truncate("é", 1), truncate("é", 2), truncate("é", 99)), ("", "é", "é"));
}
