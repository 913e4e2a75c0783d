use super::*;

#[test]
fn typed_values_match_what_a_user_types() {
    for (value, text) in [
        (Value::String("a b".into()), "a b"),
        (Value::Bool(true), "true"),
        (Value::Int(-7), "-7"),
        (Value::Double(72.5), "72.5"),
        (Value::Double(72.5), "72.50"),
        (Value::Array(vec![Value::Int(1), Value::String("x".into())]), r#"[1,"x"]"#),
        (Value::Bytes(vec![0, 255]), "00ff"),
        (Value::Empty, ""),
    ] {
        assert!(value.matches_text(text), "{value:?} {text}");
        assert!(!value.matches_text("other"), "{value:?}");
    }
    assert!(!Value::String("123".into()).matches_text("123.0"));
}

#[test]
fn kinds_and_codes_survive_their_names_and_numbers() {
    for number in 0..6 {
        let kind = SpanKind::from_otlp(number);
        assert_eq!(kind.to_otlp(), number);
        assert_eq!(SpanKind::from_name(kind.as_str()), Some(kind));
    }
    for number in 0..3 {
        let code = StatusCode::from_otlp(number);
        assert_eq!(code.to_otlp(), number);
        assert_eq!(StatusCode::from_name(code.as_str()), Some(code));
    }
}

mod otlp {
    use crate::model::{from_otlp, to_otlp};
    use crate::testing::arbitrary;
    use laneway_proto::otlp::reader::TracesRequest;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_survive_otlp(spans in arbitrary::spans(0..8)) {
            let bytes = to_otlp::traces_data(&spans);
            let mut read = from_otlp::spans(TracesRequest::new(&bytes)).unwrap();
            // Spans of equal resource and scope come to stand together.
            read.sort_by_key(|span| spans.iter().position(|other| other.span_id == span.span_id));
            prop_assert_eq!(format!("{read:?}"), format!("{spans:?}"));
        }
    }
}
