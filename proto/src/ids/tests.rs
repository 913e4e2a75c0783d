use super::*;

#[test]
fn hex_of_either_case_is_read_and_lower_case_written() {
    let id = TraceId::from_hex("5B8EFFF798038103d269b633813fc60c").unwrap();
    assert_eq!(id.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!(format!("{id:?}"), "TraceId(5b8efff798038103d269b633813fc60c)");
    assert_eq!("00f067aa0ba902b7".parse::<SpanId>().unwrap().to_bytes()[1], 0xf0);
}

#[test]
fn zero_short_and_foreign_characters_are_refused() {
    assert_eq!(SpanId::from_hex("0000000000000000"), Err(InvalidId::Zero));
    assert_eq!(SpanId::from_hex("00f067aa"), Err(InvalidId::Length { expected: 16, found: 8 }));
    assert_eq!(SpanId::from_hex("00f067aa0ba902bg"), Err(InvalidId::Digit { offset: 15 }));
    assert_eq!(TraceId::from_bytes([0; 16]), None);
    // Two bytes of UTF-8 where two digits were expected: the length check must not slice a character.
    assert_eq!(SpanId::from_hex("é0f067aa0ba902b7"), Err(InvalidId::Length { expected: 16, found: 17 }));
    assert_eq!(SpanId::from_hex("éf067aa0ba902b7"), Err(InvalidId::Digit { offset: 0 }));
}
