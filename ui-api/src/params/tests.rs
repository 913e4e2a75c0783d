use super::duration::{self, InvalidDuration};
use super::time::{self, InvalidTime};

const MS: u64 = 1_000_000;
const S: u64 = 1000 * MS;

#[test]
fn instants_are_read_in_every_way_that_is_documented() {
    let now = 1_767_225_600 * S;
    for (text, expected) in [
        ("now", now),
        ("now-0s", now),
        ("now-90s", now - 90 * S),
        ("now-15m", now - 15 * 60 * S),
        ("now-2h", now - 2 * 3600 * S),
        ("now-7d", now - 7 * 24 * 3600 * S),
        ("now-99999999999999999999d", 0),
        ("1485449191639", 1_485_449_191_639 * MS),
        ("0", 0),
        ("2017-01-26T16:46:31.639875Z", 1_485_449_191_639_875_000),
        ("2017-01-26T17:46:31.639875001+01:00", 1_485_449_191_639_875_001),
        ("2017-01-26t16:46:31z", 1_485_449_191 * S),
    ] {
        assert_eq!(time::parse(text, now), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_instant_is_refused() {
    for text in [
        "yesterday",
        "now-",
        "now-m",
        "now-5",
        "now-5y",
        "now-+5m",
        "now+5m",
        "now-5µ",
        "-5",
        "1.5",
        "2017-01-26",
    ] {
        assert_eq!(time::parse(text, 0), Err(InvalidTime::Syntax), "{text}");
    }
    for text in ["1969-12-31T23:59:59Z", "99999999999999999999", "18446744073710"] {
        assert_eq!(time::parse(text, 0), Err(InvalidTime::OutOfRange), "{text}");
    }
}

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, ns) in [
        ("0", 0),
        ("10ns", 10),
        ("250us", 250_000),
        ("250\u{b5}s", 250_000),
        ("250\u{3bc}s", 250_000),
        ("100ms", 100 * MS),
        ("1.5s", 1500 * MS),
        (".5s", 500 * MS),
        ("5.s", 5 * S),
        ("0.1ms", 100_000),
        ("0.000000001s", 1),
        ("0.9ns", 0),
        ("2m", 120 * S),
        ("1m30s", 90 * S),
        ("1h0m0.5s", 3600 * S + 500 * MS),
        ("+1s", S),
        ("2562047h", 2_562_047 * 3600 * S),
        ("0.33333333333333333333333h", 1_199_999_999_999),
    ] {
        assert_eq!(duration::parse(text), Ok(Some(ns)), "{text}");
    }
    assert_eq!(duration::parse("-5ms"), Ok(None));
    for text in ["", "-", "ms", ".s", "1.2.3s", "1s5", "2562048h", "99999999999999999999s", "1 s"] {
        assert!(duration::parse(text).is_err(), "{text}");
    }
    let message = |text| duration::parse(text).unwrap_err().to_string();
    assert_eq!(message("5"), r#"time: missing unit in duration "5""#);
    assert_eq!(message("5d"), r#"time: unknown unit "d" in duration "5d""#);
    assert_eq!(duration::parse("x"), Err(InvalidDuration::Syntax("x".to_owned())));
}
