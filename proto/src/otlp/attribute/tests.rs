use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;

use super::*;

/// What prost writes for the attribute, in the field that the tests use.
fn prosts(key: &str, value: Value) -> Vec<u8> {
    let mut buf = Vec::new();
    let attribute =
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() };
    wire::bytes(&mut buf, 9, &attribute.encode_to_vec());
    buf
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    write(&mut buf);
    buf
}

#[test]
fn attributes_are_those_of_prost() {
    for len in [0, 1, 100, 120, 125, 126, 127, 128, 20_000] {
        let text = "x".repeat(len);
        assert_eq!(
            written(|buf| string(buf, 9, "a.key", &text)),
            prosts("a.key", Value::StringValue(text.clone())),
            "{len}"
        );
    }
    assert_eq!(written(|buf| int(buf, 9, "k", -7)), prosts("k", Value::IntValue(-7)));
    assert_eq!(written(|buf| boolean(buf, 9, "k", false)), prosts("k", Value::BoolValue(false)));
    assert_eq!(written(|buf| double(buf, 9, "k", 1.5)), prosts("k", Value::DoubleValue(1.5)));
}
