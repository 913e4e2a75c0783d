//! The reader against prost: the same requests are accepted, and say the same.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::{DecodeError, Message};

use super::{generate, loose, rebuild};
use crate::otlp::reader::{ReadError, ReadErrorKind, TracesRequest};

const PARITY: &[u8] = include_bytes!("../../../../testdata/parity/request.pb");

/// The deliberate differences, as the reader's documentation lists them.
fn may_differ(ours: &Result<(), ReadError>, prosts: &Result<ExportTraceServiceRequest, DecodeError>) -> bool {
    match (ours, prosts) {
        // 1. Id lengths, and 2. singular messages that occur twice.
        (Err(error), Ok(_))
            if matches!(error.kind(), ReadErrorKind::IdLength { .. } | ReadErrorKind::Twice) =>
        {
            true
        }
        // 3. Nesting: each side counts in its own way.
        (Err(error), Ok(_)) => error.kind() == ReadErrorKind::Depth,
        (Ok(()), Err(error)) => error.to_string().contains("recursion limit reached"),
        _ => false,
    }
}

/// What came of one request.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Verdict {
    Accepted,
    Refused,
    Different,
}

/// Asserts that reader and prost agree on the request.
#[track_caller]
fn check(bytes: &[u8]) -> Verdict {
    let ours = TracesRequest::new(bytes).validate();
    let lazy = rebuild::request(bytes);
    let prosts = ExportTraceServiceRequest::decode(bytes);

    if let Err(error) = ours {
        assert!(error.offset().is_some_and(|offset| offset <= bytes.len()), "{error}");
    }
    assert_eq!(ours.is_ok(), lazy.is_ok(), "{ours:?}, but the lazy walk: {lazy:?}\n{bytes:02x?}");
    if may_differ(&ours, &prosts) {
        return Verdict::Different;
    }
    match (ours, prosts) {
        (Ok(()), Ok(mut prosts)) => {
            rebuild::normalise(&mut prosts);
            // Encoded, because a NaN is not equal to itself.
            assert_eq!(lazy.unwrap().encode_to_vec(), prosts.encode_to_vec(), "{bytes:02x?}");
            Verdict::Accepted
        }
        (Err(_), Err(_)) => Verdict::Refused,
        (ours, prosts) => panic!("{ours:?} where prost has {prosts:?}\n{bytes:02x?}"),
    }
}

#[test]
fn a_real_request_reads_as_prost_reads_it() {
    assert_eq!(check(PARITY), Verdict::Accepted);
    assert_eq!(check(&[]), Verdict::Accepted);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_requests_read_as_prost_reads_them(request in generate::request()) {
        prop_assert_eq!(check(&request.encode_to_vec()), Verdict::Accepted);
    }

    /// Fields in any order, unknown ones among them, keys and numbers padded, scalars repeated.
    #[test]
    fn loosely_encoded_requests_read_as_prost_reads_them(bytes in loose::request()) {
        check(&bytes);
    }
}

#[test]
fn loosely_encoded_requests_are_mostly_legal() {
    // Otherwise the test above would prove little.
    let legal = generate::samples(loose::request(), 200)
        .iter()
        .filter(|bytes| ExportTraceServiceRequest::decode(bytes.as_slice()).is_ok())
        .count();
    assert!(legal > 100, "{legal} of 200");
}

#[test]
fn damaged_requests_are_judged_as_prost_judges_them() {
    let mut seeds: Vec<Vec<u8>> =
        generate::samples(generate::request(), 40).iter().map(Message::encode_to_vec).collect();
    seeds.extend(generate::samples(loose::request(), 40));
    seeds.retain(|seed| !seed.is_empty() && seed.len() < 4_000);
    seeds.push(PARITY[..].to_vec());
    let mut random = loose::Random::new(1);
    let mut verdicts = [0; 3];
    for _ in 0..12_000 {
        let seed = &seeds[random.below(seeds.len())];
        let other = &seeds[random.below(seeds.len())];
        verdicts[check(&random.damage(seed, other)) as usize] += 1;
    }
    // All outcomes must have been seen many times.
    let [accepted, refused, different] = verdicts;
    assert!(accepted > 500 && refused > 2_000 && different > 20, "{verdicts:?}");
}
