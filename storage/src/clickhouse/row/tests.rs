use proptest::prelude::*;

use super::*;
use crate::testing::arbitrary;

proptest! {
    #[test]
    fn a_span_survives_its_row(span in arbitrary::span()) {
        let back = SpanRow::of(&span, 7).into_span().unwrap();
        // Debug text, since NaN is not equal to itself; other bits of it are told apart below.
        prop_assert_eq!(format!("{back:?}"), format!("{span:?}"));
        prop_assert_eq!(crate::model::to_otlp::traces_data(&[back]), crate::model::to_otlp::traces_data(&[span]));
    }
}

#[test]
fn a_span_of_strings_and_numbers_has_no_rest() {
    let span = crate::testing::span("GET /").attribute("retries", 3_i64).attribute("ok", true).build();
    let row = SpanRow::of(&span, 1);
    assert!(row.rest.is_empty());
    assert_eq!(row.span_attribute_types, "ib");
}

#[test]
fn times_beyond_what_columns_can_say_survive() {
    let mut span = crate::testing::span("odd").build();
    for (start, end) in [(u64::MAX, 3), (0, u64::MAX), (MAX_UNIX_NS + 1, MAX_UNIX_NS + 2), (0, 0), (5, 0)] {
        (span.start_unix_ns, span.end_unix_ns) = (start, end);
        assert_eq!(SpanRow::of(&span, 1).into_span().unwrap(), span);
    }
}
