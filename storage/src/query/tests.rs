use super::*;

#[test]
fn a_cursor_survives_its_text() {
    let cursor = TraceCursor {
        start_unix_ns: 1_485_449_191_639_875_000,
        trace_id: "00000000000000000000000000000a12".parse().unwrap(),
    };
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for text in ["", "-", "1-", "x-00000000000000000000000000000a12", "1-00000000000000000000000000000000"] {
        assert_eq!(text.parse::<TraceCursor>(), Err(InvalidCursor), "{text}");
    }
}

#[test]
fn both_ends_belong_to_a_range() {
    let range = TimeRange { start_unix_ns: 10, end_unix_ns: 20 };
    assert!(range.contains(10) && range.contains(20) && !range.contains(9) && !range.contains(21));
    assert!(range.overlaps(&TimeRange { start_unix_ns: 20, end_unix_ns: 30 }));
    assert!(!range.overlaps(&TimeRange { start_unix_ns: 21, end_unix_ns: 30 }));
}
