mod formats;
mod fuzz;

use proptest::prelude::*;

use super::*;
use crate::context::{SpanContext, TraceFlags};
use laneway_proto::{Lane, SpanId, TraceId};

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

type Headers = Vec<(String, String)>;

fn headers<const N: usize>(lines: [(&str, &str); N]) -> Headers {
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn with_parent<const N: usize>(lines: [(&str, &str); N]) -> Context {
    let mut all = headers([("traceparent", "00-12345678901234567890123456789012-1234567890123456-01")]);
    all.extend(headers(lines));
    extract(&all)
}

fn injected(context: &Context) -> Headers {
    let mut headers = Headers::new();
    inject(context, &mut headers);
    headers
}

/// The cases of the W3C's own trace-context test suite, `test_traceparent_*`.
#[test]
fn traceparents_that_are_continued() {
    for (header, flags) in [
        ("00-12345678901234567890123456789012-1234567890123456-00", 0),
        ("00-12345678901234567890123456789012-1234567890123456-01", 1),
        ("00-12345678901234567890123456789012-1234567890123456-03", 3),
        // Flags that level 2 does not know are masked.
        ("00-12345678901234567890123456789012-1234567890123456-ff", 3),
        ("00-12345678901234567890123456789012-1234567890123456-fc", 0),
        // A later version, with and without more in it.
        ("cc-12345678901234567890123456789012-1234567890123456-01", 1),
        ("cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like", 1),
        ("01-12345678901234567890123456789012-1234567890123456-01-", 1),
        // Optional white space.
        (" 00-12345678901234567890123456789012-1234567890123456-01", 1),
        ("\t00-12345678901234567890123456789012-1234567890123456-01\t ", 1),
    ] {
        let context = extract(&headers([("traceparent", header)]));
        assert_eq!(context.trace_id().map(|id| id.to_string()).as_deref(), Some(TRACE), "{header:?}");
        assert_eq!(context.span_id().map(|id| id.to_string()).as_deref(), Some(SPAN), "{header:?}");
        assert_eq!(context.span().map(|span| span.flags.bits()), Some(flags), "{header:?}");
        assert!(context.is_remote());
    }
}

#[test]
fn traceparents_that_restart_the_trace() {
    for header in [
        "",
        "00",
        "ff-12345678901234567890123456789012-1234567890123456-01",
        "00-12345678901234567890123456789012-1234567890123456-01.",
        "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
        "cc-12345678901234567890123456789012-1234567890123456-010",
        ".0-12345678901234567890123456789012-1234567890123456-01",
        "0.-12345678901234567890123456789012-1234567890123456-01",
        "000-12345678901234567890123456789012-1234567890123456-01",
        "0-12345678901234567890123456789012-1234567890123456-01",
        "00-00000000000000000000000000000000-1234567890123456-01",
        "00-.2345678901234567890123456789012-1234567890123456-01",
        "00-1234567890123456789012345678901.-1234567890123456-01",
        "00-1234567890123456789012345678901A-1234567890123456-01",
        "00-123456789012345678901234567890123-1234567890123456-01",
        "00-1234567890123456789012345678901-1234567890123456-01",
        "00-12345678901234567890123456789012-0000000000000000-01",
        "00-12345678901234567890123456789012-.234567890123456-01",
        "00-12345678901234567890123456789012-123456789012345F-01",
        "00-12345678901234567890123456789012-12345678901234567-01",
        "00-12345678901234567890123456789012-123456789012345-01",
        "00-12345678901234567890123456789012-1234567890123456-.0",
        "00-12345678901234567890123456789012-1234567890123456-0.",
        "00-12345678901234567890123456789012-1234567890123456-0A",
        "00-12345678901234567890123456789012-1234567890123456-001",
        "00-12345678901234567890123456789012-1234567890123456-1",
        "00-12345678901234567890123456789012-1234567890123456-+1",
        "00-12345678901234567890123456789012_1234567890123456_01",
        "00-1234567890123456789012345678-012-1234567890123456-01",
        "00-12345678901234567890123456789é-1234567890123456-01",
        "00-12345678901234567890123456789012-1234567890123456é01",
    ] {
        let context =
            extract(&headers([("traceparent", header), ("tracestate", "foo=1"), ("baggage", "lane=x")]));
        assert_eq!(context.trace_id(), None, "{header:?}");
        assert_eq!(context.tracestate(), "", "{header:?}");
        assert_eq!(context.lane().as_str(), "x", "the lane does not depend on the trace");
    }
}

#[test]
fn two_traceparents_restart_the_trace() {
    let one = ("traceparent", "00-12345678901234567890123456789012-1234567890123456-01");
    assert!(extract(&headers([one])).trace_id().is_some());
    assert!(extract(&headers([one, one])).trace_id().is_none());
}

#[test]
fn header_names_are_compared_without_case() {
    let context = extract(&headers([
        ("TraceParent", "00-12345678901234567890123456789012-1234567890123456-01"),
        ("BAGGAGE", "lane=grey"),
    ]));
    assert!(context.trace_id().is_some() && context.lane().as_str() == "grey");
    let mut carrier = headers([("TraceParent", "old"), ("Baggage", "lane=old")]);
    inject(&context, &mut carrier);
    assert_eq!(carrier.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["traceparent", "baggage"]);
}

#[test]
fn tracestates_that_are_passed_on() {
    let key_256 = "a".repeat(256);
    let long = format!("{key_256}={}", "v".repeat(256));
    let many = (0..32).map(|i| format!("k{i}=1")).collect::<Vec<_>>().join(",");
    for (lines, expected) in [
        (vec!["foo=1,bar=2"], "foo=1,bar=2"),
        (vec!["foo=1", "bar=2"], "foo=1,bar=2"),
        (vec!["foo=1", "", "bar=2,"], "foo=1,bar=2"),
        (vec![" foo=1 \t,\t bar=2 "], "foo=1,bar=2"),
        (vec!["foo=1,,,bar=2"], "foo=1,bar=2"),
        (vec!["b=1,a=2,c=3"], "b=1,a=2,c=3"),
        (vec!["t61rcwkgmze@vendor=a b", "0a_-*/=!~"], "t61rcwkgmze@vendor=a b,0a_-*/=!~"),
        (vec![long.as_str()], &long),
        (vec![many.as_str()], &many),
        (vec![], ""),
    ] {
        let mut carrier =
            headers([("traceparent", "00-12345678901234567890123456789012-1234567890123456-01")]);
        carrier.extend(lines.iter().map(|line| ("tracestate".to_owned(), (*line).to_owned())));
        assert_eq!(extract(&carrier).tracestate(), expected, "{lines:?}");
    }
}

#[test]
fn tracestates_that_are_dropped_while_the_trace_goes_on() {
    let too_many = (0..33).map(|i| format!("k{i}=1")).collect::<Vec<_>>().join(",");
    let long_key = format!("{}=1", "a".repeat(257));
    let long_value = format!("a={}", "v".repeat(257));
    for line in [
        "foo",
        "foo=",
        "=1",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "@foo=1",
        "foo=1=2",
        "foo=bar=baz",
        "foo=a\tb",
        "foo=é",
        "_foo=1",
        &too_many,
        &long_key,
        &long_value,
    ] {
        let context = with_parent([("tracestate", "fine=1"), ("tracestate", line)]);
        assert_eq!(context.tracestate(), "", "{line:?}");
        assert!(context.trace_id().is_some(), "{line:?}");
    }
}

#[test]
fn the_lane_is_a_baggage_member() {
    for (lines, lane) in [
        (vec!["lane=grey-v2"], "grey-v2"),
        (vec!["a=1, lane = grey ;prop=1;q, b=2"], "grey"),
        (vec!["a=1", "lane=grey"], "grey"),
        (vec!["lane=gr%65y"], "grey"),
        (vec!["lane=blue", "lane=grey"], "grey"),
        (vec!["lane=grey", "lane=Not A Lane"], "grey"),
        (vec!["lane=BLUE"], "base"),
        (vec!["lane=%ff"], "base"),
        (vec!["lane="], "base"),
        (vec!["lane"], "base"),
        (vec!["lane=base"], "base"),
        (vec!["Lane=grey"], "base"),
        (vec![], "base"),
    ] {
        let carrier: Headers = lines.iter().map(|line| ("baggage".to_owned(), (*line).to_owned())).collect();
        assert_eq!(extract(&carrier).lane().as_str(), lane, "{lines:?}");
    }
}

#[test]
fn other_baggage_goes_through_unchanged() {
    let context = with_parent([
        ("baggage", "user=alice%20b;ttl=5, lane=grey, broken, =x, sp ace=1, q=\"x\""),
        ("baggage", "tenant=a=b"),
    ]);
    let carrier = injected(&context);
    let baggage = carrier.iter().find(|(name, _)| name == "baggage").map(|(_, value)| value.as_str());
    assert_eq!(baggage, Some("lane=grey,user=alice%20b;ttl=5,tenant=a=b"));
}

#[test]
fn baggage_is_limited_over_all_lines() {
    let line = |from: usize, to: usize| (from..to).map(|i| format!("k{i}=1")).collect::<Vec<_>>().join(",");
    let members =
        with_parent([("baggage", &line(0, 40)), ("baggage", &line(40, 80))]).baggage().split(',').count();
    assert_eq!(members, 64);

    let big = format!("big={}", "v".repeat(5000));
    let context =
        with_parent([("baggage", &big), ("baggage", &big.replace("big", "two")), ("baggage", "lane=grey")]);
    assert_eq!(context.baggage(), big, "the second does not fit");
    assert_eq!(context.lane().as_str(), "base", "nor does anything behind it");

    let exact = format!("k={}", "v".repeat(8190));
    let alone = with_parent([("baggage", &exact)]);
    assert_eq!(alone.baggage(), exact, "8,192 bytes fit");
    assert_eq!(injected(&alone).last().map(|(_, value)| value.as_str()), Some(exact.as_str()), "and go on");
    let full = with_parent([("baggage", &exact)]).with_lane(Lane::new("grey").unwrap());
    let carrier = injected(&full);
    assert_eq!(carrier.last().map(|(_, value)| value.as_str()), Some("lane=grey"), "the lane goes first");
}

#[test]
fn what_is_absent_is_not_written() {
    let mut carrier = headers([("baggage", "theirs=1"), ("traceparent", "theirs")]);
    inject(&Context::default(), &mut carrier);
    assert_eq!(carrier, headers([("baggage", "theirs=1"), ("traceparent", "theirs")]));

    let mut carrier = headers([("tracestate", "stale=1")]);
    inject(&with_parent([]), &mut carrier);
    assert_eq!(carrier.len(), 1, "a tracestate belongs to its traceparent");
}

#[test]
fn what_leaves_the_fleet_has_no_baggage() {
    let context = with_parent([("baggage", "lane=grey,user=alice"), ("tracestate", "foo=1")]);
    let mut carrier = headers([("baggage", "lane=copied-by-a-proxy")]);
    inject_external(&context, &mut carrier);
    let names: Vec<_> = carrier.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["traceparent", "tracestate"]);
}

#[test]
fn every_collection_of_headers_is_a_carrier() {
    fn round_trip<C: Extract + Inject + Default>() {
        let context = with_parent([("baggage", "lane=grey,a=1"), ("tracestate", "foo=1")]);
        let mut carrier = C::default();
        inject(&Context::default().with_lane(Lane::new("stale").unwrap()), &mut carrier);
        inject(&context, &mut carrier);
        let back = extract(&carrier);
        assert_eq!((back.trace_id(), back.lane()), (context.trace_id(), context.lane()));
        assert_eq!((back.tracestate(), back.baggage()), ("foo=1", "a=1"));
        carrier.remove(TRACEPARENT);
        assert_eq!(extract(&carrier).trace_id(), None);
    }
    round_trip::<Vec<(String, String)>>();
    round_trip::<Vec<(String, Vec<u8>)>>();
    round_trip::<Vec<(String, bytes::Bytes)>>();
    round_trip::<std::collections::HashMap<String, String>>();
    round_trip::<std::collections::BTreeMap<String, Vec<u8>>>();
    #[cfg(feature = "http")]
    round_trip::<http::HeaderMap>();
    #[cfg(feature = "tonic")]
    round_trip::<tonic::metadata::MetadataMap>();
}

#[test]
fn bytes_that_are_no_text_are_survived() {
    let carrier = vec![
        ("traceparent".to_owned(), vec![0xff; 55]),
        ("tracestate".to_owned(), vec![0xff]),
        ("baggage".to_owned(), vec![0xff]),
        ("baggage".to_owned(), b"lane=grey".to_vec()),
    ];
    let context = extract(&carrier);
    assert_eq!((context.trace_id(), context.lane().as_str()), (None, "grey"));
}

fn any_context() -> impl Strategy<Value = Context> {
    let span = (1..u128::MAX, 1..u64::MAX, 0..4_u8).prop_map(|(trace, span, flags)| {
        SpanContext::remote(
            TraceId::from_bytes(trace.to_be_bytes()).unwrap(),
            SpanId::from_bytes(span.to_be_bytes()).unwrap(),
            TraceFlags::from_bits(flags),
        )
    });
    let tracestate = proptest::collection::vec("[a-z0-9][a-z0-9_*/@-]{0,9}=[!-+.-<>-~]{1,9}", 0..32);
    let baggage = proptest::collection::vec(
        "[A-Z.~!]{1,9}=[!#-+.-:<-\\[\\]-~]{0,9}(;[a-z]{1,5}(=[a-z]{0,5})?)?",
        0..60,
    );
    (span, tracestate, baggage, "[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?").prop_map(
        |(span, tracestate, baggage, lane)| {
            let carried = Carried {
                tracestate: tracestate.join(","),
                baggage: baggage.join(","),
                ..Carried::default()
            };
            Context::new(Some(span), Lane::new(&lane).unwrap(), carried)
        },
    )
}

proptest! {
    #[test]
    fn what_was_injected_is_extracted(context in any_context()) {
        let back = extract(&injected(&context));
        prop_assert!(back.span() == context.span());
        prop_assert_eq!(back.lane(), context.lane());
        prop_assert_eq!(back.tracestate(), context.tracestate());
        prop_assert_eq!(back.baggage(), context.baggage());
    }

    #[test]
    fn any_header_is_survived_and_what_is_kept_is_legal(
        lines in proptest::collection::vec(
            (prop_oneof![Just(TRACEPARENT), Just(TRACESTATE), Just(BAGGAGE)], "[ -~\t]{0,90}|\\PC{0,60}"), 0..6),
    ) {
        let carrier: Headers = lines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let context = extract(&carrier);
        let again = extract(&injected(&context));
        prop_assert_eq!(again.lane(), context.lane());
        prop_assert_eq!(again.baggage(), context.baggage());
        prop_assert_eq!(again.tracestate(), context.tracestate());
    }
}
