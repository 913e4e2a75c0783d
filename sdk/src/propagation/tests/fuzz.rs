//! Damaged headers: no parser panics, what a parser takes is what its specification allows, and what was read is the same when it
//! was written and read again.
//!
//! The corpus is committed; the damage is the same in every run. What a specification allows is said once more here, plainly.

mod grammar;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

const MUTATIONS_PER_HEADER: usize = 1_000;

/// Every header that is read, and the format that reads it. The lane is in two of them.
const TARGETS: [(&str, Format); 11] = [
    ("traceparent", Format::TraceContext),
    ("tracestate", Format::TraceContext),
    ("baggage", Format::Baggage),
    ("b3", Format::B3),
    ("x-b3-traceid", Format::B3Multi),
    ("x-b3-spanid", Format::B3Multi),
    ("x-b3-sampled", Format::B3Multi),
    ("x-b3-flags", Format::B3Multi),
    ("uber-trace-id", Format::Jaeger),
    ("sw8", Format::SkyWalking),
    ("sw8-correlation", Format::SkyWalking),
];

type Carrier = Vec<(String, Vec<u8>)>;

/// The values of a header in the corpus.
fn corpus(name: &str) -> Vec<&'static [u8]> {
    let lines = include_str!("fuzz/corpus.txt").lines().filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| line.split_once(": ")).filter(|(of, _)| *of == name);
    values.map(|(_, value)| value.as_bytes()).collect()
}

/// As people, proxies and attackers do it: bits that flip, a cut, pieces that go, come twice or from another header, characters
/// that mean something.
fn damage(value: &mut Vec<u8>, others: &[&[u8]], random: &mut SmallRng) {
    let at = random.random_range(0..=value.len());
    let end = (at + random.random_range(0..8)).min(value.len());
    match random.random_range(0..8) {
        0 if at < value.len() => value[at] ^= 1 << random.random_range(0..8),
        1 => value.truncate(at),
        2 => drop(value.drain(at..end)),
        3 => drop(value.splice(at..at, value[at..end].to_vec())),
        4 => {
            let other = others[random.random_range(0..others.len())];
            let from = random.random_range(0..=other.len());
            value.truncate(at);
            value.extend_from_slice(&other[from..]);
        }
        5 => {
            let with = b"-+.,;:=% \t0fFgZ\x00\xff\xc3\"\\";
            value.insert(at, with[random.random_range(0..with.len())]);
        }
        6 if at < value.len() => value[at] = random.random_range(0..=255),
        // Long enough for every limit, now and then.
        _ if random.random_range(0..64) == 0 => {
            let piece = [b",".as_slice(), value.as_slice()].concat();
            (0..64).for_each(|_| value.extend_from_slice(&piece));
        }
        _ => {}
    }
}

/// The other headers without which this one means nothing, sound.
fn beside(name: &str) -> Carrier {
    let lines: &[(&str, &str)] = match name {
        "tracestate" => &[("traceparent", "00-12345678901234567890123456789012-1234567890123456-01")],
        "x-b3-traceid" => &[("x-b3-spanid", SPAN), ("x-b3-sampled", "1")],
        "x-b3-spanid" => &[("x-b3-traceid", TRACE), ("x-b3-sampled", "1")],
        "x-b3-sampled" | "x-b3-flags" => &[("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN)],
        _ => &[],
    };
    lines.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

/// What was read is written and read again by this format as it was.
fn check_again(format: Format, context: &Context, carrier: &Carrier) {
    let mut onward = Headers::new();
    inject_formats(&[format], context, &mut onward);
    let again = extract_formats(&[format], &onward);
    let span =
        |context: &Context| context.span().map(|span| (span.trace_id, span.span_id, span.flags.is_sampled()));
    assert_eq!(span(&again), span(context), "{format:?} {carrier:?} {onward:?}");
    // Outside of a trace, only baggage carries a lane.
    if context.span().is_some() || format == Format::Baggage {
        assert_eq!(again.lane(), context.lane(), "{carrier:?}");
    }
    assert_eq!(
        (again.tracestate(), again.baggage()),
        (context.tracestate(), context.baggage()),
        "{carrier:?}"
    );
    assert_eq!(again.caller(), context.caller(), "{carrier:?}");
    assert_eq!(again.skywalking_trace_id(), context.skywalking_trace_id(), "{carrier:?}");
}

/// Damages the values of a header and reads them, alone and twice; hands each alone to an oracle.
fn fuzz(name: &str, oracle: impl Fn(&[u8], &Context)) {
    let (_, format) = TARGETS.into_iter().find(|(target, _)| *target == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() > 2, "too few values of {name}");
    let mut random = SmallRng::seed_from_u64(20_261_130);
    let mut taken = 0;
    for seed in &corpus {
        for round in 0..MUTATIONS_PER_HEADER {
            let mut value = seed.to_vec();
            // The first as it is; and damage seldom comes alone.
            (0..round % 6).for_each(|_| damage(&mut value, &corpus, &mut random));
            let mut carrier = beside(name);
            carrier.push((name.to_owned(), value.clone()));
            let context = extract_formats(&[format], &carrier);
            taken += usize::from(!context.is_empty());
            oracle(&value, &context);
            check_again(format, &context, &carrier);
            carrier.push((name.to_ascii_uppercase(), corpus[round % corpus.len()].to_vec()));
            let context = extract_formats(&[format], &carrier);
            check_again(format, &context, &carrier);
        }
    }
    assert!(taken > MUTATIONS_PER_HEADER / 10, "hardly any damaged {name} is taken: {taken}");
}

/// Ids and sampling flag of the context.
fn span(context: &Context) -> Option<grammar::Span> {
    let span = context.span()?;
    Some((span.trace_id.to_string(), span.span_id.to_string(), span.flags.is_sampled()))
}

#[test]
fn traceparent() {
    fuzz("traceparent", |value, context| {
        assert_eq!(span(context), grammar::traceparent(value), "{}", value.escape_ascii());
    });
}

#[test]
fn tracestate() {
    fuzz("tracestate", |value, context| {
        assert!(context.span().is_some(), "it does not end the trace: {}", value.escape_ascii());
        let joined = joined(context.caller(), context.tracestate());
        let members = grammar::tracestate(value).unwrap_or_default();
        // Who calls stands in front, or is left out.
        let is_kept = |(i, member): &(usize, &str)| *i == 0 || !member.starts_with("laneway=");
        let expected: Vec<&str> = members.into_iter().enumerate().filter(is_kept).map(|(_, m)| m).collect();
        assert_eq!(joined, expected.join(","), "{}", value.escape_ascii());
        laneway_proto::caller::Caller::parse(context.caller());
    });
}

#[test]
fn baggage() {
    fuzz("baggage", |value, context| {
        let (lane, others) = grammar::baggage(value);
        assert_eq!(context.lane().as_str(), lane.as_deref().unwrap_or("base"), "{}", value.escape_ascii());
        assert_eq!(context.baggage(), others.join(","), "{}", value.escape_ascii());
    });
}

#[test]
fn b3_in_one_header() {
    fuzz("b3", |value, context| {
        assert_eq!(span(context), grammar::b3(value), "{}", value.escape_ascii());
    });
}

#[test]
fn b3_in_a_header_for_each_part() {
    fuzz("x-b3-traceid", |value, context| {
        let expected = grammar::trimmed(value)
            .and_then(grammar::trace_id)
            .map(|trace_id| (trace_id, SPAN.to_owned(), true));
        assert_eq!(span(context), expected, "{}", value.escape_ascii());
    });
    fuzz("x-b3-spanid", |value, context| {
        let expected = grammar::trimmed(value)
            .and_then(|text| grammar::id(text, 16..=16))
            .map(|span_id| (TRACE.to_owned(), span_id, true));
        assert_eq!(span(context), expected, "{}", value.escape_ascii());
    });
    fuzz("x-b3-sampled", |value, context| {
        let is_sampled = matches!(grammar::trimmed(value), Some("1" | "true"));
        assert_eq!(
            span(context),
            Some((TRACE.to_owned(), SPAN.to_owned(), is_sampled)),
            "{}",
            value.escape_ascii()
        );
    });
    fuzz("x-b3-flags", |value, context| {
        let is_debug = matches!(grammar::trimmed(value), Some("1"));
        assert_eq!(
            span(context),
            Some((TRACE.to_owned(), SPAN.to_owned(), is_debug)),
            "{}",
            value.escape_ascii()
        );
    });
}

#[test]
fn uber_trace_id() {
    fuzz("uber-trace-id", |value, context| {
        assert_eq!(span(context), grammar::uber_trace_id(value), "{}", value.escape_ascii());
    });
}

#[test]
fn sw8() {
    fuzz("sw8", |value, context| {
        let expected = grammar::sw8(value);
        let found = context.span().map(|span| {
            let text = Some(context.skywalking_trace_id()).filter(|text| !text.is_empty());
            (text.map_or_else(|| span.trace_id.to_string(), str::to_owned), span.flags.is_sampled())
        });
        assert_eq!(found, expected, "{}", value.escape_ascii());
    });
}

#[test]
fn sw8_correlation() {
    fuzz("sw8-correlation", |value, context| {
        let lane = grammar::sw8_correlation(value);
        assert_eq!(context.lane().as_str(), lane.as_deref().unwrap_or("base"), "{}", value.escape_ascii());
    });
}
