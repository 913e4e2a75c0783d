//! Formats of neighbours.

use super::*;

const ALL: [Format; 6] =
    [Format::TraceContext, Format::Baggage, Format::B3, Format::B3Multi, Format::Jaeger, Format::SkyWalking];

fn read<const N: usize>(format: Format, lines: [(&str, &str); N]) -> Option<(String, String, bool)> {
    let context = extract_formats(&[format], &headers(lines));
    let span = context.span()?;
    assert!(span.remote);
    Some((span.trace_id.to_string(), span.span_id.to_string(), span.flags.is_sampled()))
}

fn expected(trace_id: &str, span_id: &str, sampled: bool) -> Option<(String, String, bool)> {
    Some((trace_id.to_owned(), span_id.to_owned(), sampled))
}

#[test]
fn what_is_written_is_read_again() {
    let lane = Lane::new("grey").unwrap();
    let context = with_parent([("tracestate", "congo=t61"), ("baggage", "user=alice")]).with_lane(lane);
    for format in ALL {
        let mut carrier = Headers::new();
        inject_formats(&[format], &context, &mut carrier);
        let read = extract_formats(&[format], &carrier);
        if format != Format::Baggage {
            assert_eq!(
                (read.trace_id(), read.span_id()),
                (context.trace_id(), context.span_id()),
                "{format:?}"
            );
            assert!(read.is_sampled(), "{format:?}");
        }
        let has_lane = matches!(format, Format::Baggage | Format::SkyWalking);
        assert_eq!(read.lane() == context.lane(), has_lane, "{format:?}");
    }
}

#[test]
fn the_first_format_that_names_a_span_counts() {
    let headers = headers([
        ("traceparent", "broken"),
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"),
        ("uber-trace-id", "1:2:0:1"),
    ]);
    let context = extract_formats(&ALL, &headers);
    assert_eq!(context.span_id().unwrap().to_string(), "e457b5a2e4d86bd1");
}

#[test]
fn b3_in_its_forms() {
    let (trace, span) = ("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1");
    for (tail, sampled) in
        [("", false), ("-1", true), ("-0", false), ("-d", true), ("-1-05e3ac9a4f6e3b90", true)]
    {
        let header = format!("{trace}-{span}{tail}");
        assert_eq!(read(Format::B3, [("b3", &header)]), expected(trace, span, sampled), "{header}");
    }
    let short = read(Format::B3, [("b3", "64fe8b2a57d3eff7-e457b5a2e4d86bd1-1")]);
    assert_eq!(short, expected("000000000000000064fe8b2a57d3eff7", span, true));
    let multi = [("X-B3-TraceId", trace), ("X-B3-SpanId", span), ("X-B3-Sampled", "1")];
    assert_eq!(read(Format::B3Multi, multi), expected(trace, span, true));
    let debug = [("X-B3-TraceId", trace), ("X-B3-SpanId", span), ("X-B3-Flags", "1")];
    assert_eq!(read(Format::B3Multi, debug), expected(trace, span, true));
    for broken in [
        "0",
        "",
        "-",
        "80f198ee56343ba864fe8b2a57d3eff7",
        "x-e457b5a2e4d86bd1-1",
        "1-2-1",
        "1-2-x-4",
        "1-2-1-4-5",
    ] {
        assert_eq!(read(Format::B3, [("b3", broken)]), None, "{broken}");
    }
}

#[test]
fn jaeger_s_header() {
    let read = |header| read(Format::Jaeger, [("uber-trace-id", header)]);
    let full = expected("80f198ee56343ba864fe8b2a57d3eff7", "e457b5a2e4d86bd1", true);
    assert_eq!(read("80f198ee56343ba864fe8b2a57d3eff7:e457b5a2e4d86bd1:0:1"), full);
    assert_eq!(read("80f198ee56343ba864fe8b2a57d3eff7%3Ae457b5a2e4d86bd1%3A0%3A3"), full);
    // Leading zeros may be left out.
    assert_eq!(read("1f:2:0:0"), expected(&format!("{:032x}", 0x1f), &format!("{:016x}", 2), false));
    for broken in
        ["", "1:2:0", "1:2:0:1:1", "0:2:0:1", "1:0:0:1", "1:2:0:x", "g:2:0:1", &format!("{:033}:2:0:1", 1)]
    {
        assert_eq!(read(broken), None, "{broken}");
    }
}

#[test]
fn skywalking_s_header() {
    let encode = |text: &str| base64::Engine::encode(&base64::prelude::BASE64_STANDARD, text);
    let tail =
        [encode("service"), encode("instance"), encode("/endpoint"), encode("127.0.0.1:8080")].join("-");
    let agent = "56a5e1c519ae4c76a2b8b11d92cead7f.12.16563474296430001";
    let header = format!("1-{0}-{0}-3-{tail}", encode(agent));
    // As OpenTelemetry's collector makes ids of these texts: the numbers are XORed into the UUID, lowest byte first.
    let mut id = 0x56a5_e1c5_19ae_4c76_a2b8_b11d_92ce_ad7f_u128.to_be_bytes();
    id[4..8].iter_mut().zip(12_u32.to_le_bytes()).for_each(|(a, b)| *a ^= b);
    id[8..].iter_mut().zip(16_563_474_296_430_001_u64.to_le_bytes()).for_each(|(a, b)| *a ^= b);
    let trace = u128::from_be_bytes(id);
    id[0] ^= 3;
    let segment = u128::from_be_bytes(id);
    let span = (segment >> 64) as u64 ^ segment as u64;
    assert_eq!(
        read(Format::SkyWalking, [("sw8", &header)]),
        expected(&format!("{trace:032x}"), &format!("{span:016x}"), true)
    );
    // The trace goes on under the text that it came with.
    let mut onward = Headers::new();
    let context = extract_formats(&[Format::SkyWalking], &headers([("sw8", &header)]));
    inject_formats(&[Format::SkyWalking], &context, &mut onward);
    assert!(onward[0].1.starts_with(&format!("1-{}-", encode(agent))), "{onward:?}");

    let uuid = format!("0-{0}-{0}-0-{tail}", encode("de5980b8fce34a37aab9b4ac3af7eedd"));
    let trace = read(Format::SkyWalking, [("sw8", &uuid)]).unwrap().0;
    assert_eq!(trace, "de5980b8fce34a37aab9b4ac3af7eedd");
    for broken in
        ["", "1", "1-a-b-0-c-d-e", &header.replace("-3-", "-x-"), &format!("{header}-more"), &header[..40]]
    {
        assert_eq!(read(Format::SkyWalking, [("sw8", broken)]), None, "{broken}");
    }
}
