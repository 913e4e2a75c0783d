use super::*;
use crate::context::{Carried, SpanContext, TraceFlags};
use laneway_proto::{Lane, SpanId};

fn trace(low: u64) -> TraceId {
    TraceId::from_bytes((1_u128 << 64 | u128::from(low)).to_be_bytes()).unwrap()
}

fn parent(sampled: bool) -> Context {
    let span = SpanContext::remote(
        trace(0),
        SpanId::from_bytes([1; 8]).unwrap(),
        TraceFlags::default().with_sampled(sampled),
    );
    Context::new(Some(span), Lane::base(), Carried::default())
}

#[test]
fn a_ratio_keeps_that_share_of_trace_ids() {
    let half = Sampler::trace_id_ratio(0.5);
    assert!(half.decide(&Context::default(), trace(u64::MAX / 2 - 1)).is_sampled);
    assert!(!half.decide(&Context::default(), trace(u64::MAX / 2 + 1)).is_sampled);
    for low in [0, 1, u64::MAX / 2, u64::MAX] {
        for all in [1.0, 7.0, f64::INFINITY] {
            assert!(Sampler::trace_id_ratio(all).decide(&Context::default(), trace(low)).is_sampled);
        }
        for none in [0.0, -1.0, f64::NAN] {
            assert!(!Sampler::trace_id_ratio(none).decide(&Context::default(), trace(low)).is_sampled);
        }
    }
}

#[test]
fn the_parent_decides_where_there_is_one() {
    let off = Sampler::always_off().parent_based();
    assert!(off.decide(&parent(true), trace(0)).is_sampled);
    assert!(!off.decide(&Context::default(), trace(0)).is_sampled);
    assert!(!Sampler::default().decide(&parent(false), trace(0)).is_sampled);
    assert!(Sampler::always_on().decide(&parent(false), trace(0)).is_sampled);
}

fn with_tracestate(tracestate: &str) -> Context {
    let carried = Carried { tracestate: tracestate.to_owned(), ..Carried::default() };
    Context::new(None, Lane::base(), carried)
}

#[test]
fn thresholds_are_written_as_the_specification_has_them() {
    // Its own examples.
    for (probability, expected) in
        [(1.0, "0"), (0.5, "8"), (0.25, "c"), (0.1, "e6666666666668"), (1e-4, "fff972474538ef")]
    {
        let threshold = Threshold::of_probability(probability).unwrap();
        assert!(
            threshold.to_string().starts_with(&expected[..expected.len().min(12)]),
            "{probability}: {threshold}"
        );
    }
    assert_eq!(Threshold::of_probability(0.0), None);
}

#[test]
fn a_trace_is_kept_when_its_randomness_is_not_below_the_threshold() {
    let half = Sampler::probability(0.5);
    let decide = |context: &Context, low| half.decide(context, trace(low));
    let empty = Context::default();
    assert!(decide(&empty, 1 << 55).is_sampled && !decide(&empty, (1 << 55) - 1).is_sampled);
    assert!(decide(&empty, 1 << 55).threshold.is_some() && decide(&empty, 0).threshold.is_none());
    // Randomness that is stated wins over that of the trace id.
    assert!(decide(&with_tracestate("ot=rv:80000000000000"), 0).is_sampled);
    assert!(!decide(&with_tracestate("ot=rv:7fffffffffffff"), u64::MAX >> 8).is_sampled);
    assert!(!decide(&with_tracestate("ot=rv:zz"), 0).is_sampled, "what cannot be read counts as absent");
}

#[test]
fn services_with_smaller_shares_keep_a_part_of_what_larger_ones_keep() {
    let (small, large) = (Sampler::probability(0.1), Sampler::probability(0.3));
    let (mut kept, traces) = (0, 100_000);
    for i in 0..traces {
        let id = trace(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(i) >> 8);
        let is_small = small.decide(&Context::default(), id).is_sampled;
        kept += u64::from(is_small);
        assert!(!is_small || large.decide(&Context::default(), id).is_sampled);
    }
    assert!((9_000..11_000).contains(&kept), "{kept}");
}

#[test]
fn the_threshold_takes_its_place_in_the_tracestate() {
    let half = Threshold::of_probability(0.5).unwrap();
    for (before, after) in [
        ("", "ot=th:8"),
        ("congo=t61", "ot=th:8,congo=t61"),
        ("congo=t61,ot=th:c;rv:1234567890abcd,rojo=1", "ot=th:8;rv:1234567890abcd,congo=t61,rojo=1"),
    ] {
        assert_eq!(half.write(before), after);
    }
}

#[test]
fn a_lane_has_its_own_share() {
    let grey = Lane::new("grey").unwrap();
    let sampler = Sampler::always_off().lane(grey.clone(), Sampler::always_on()).parent_based();
    let in_grey = Context::default().with_lane(grey);
    assert!(sampler.decide(&in_grey, trace(0)).is_sampled);
    assert!(!sampler.decide(&Context::default(), trace(0)).is_sampled);
}

#[test]
fn a_limit_lets_a_burst_through_and_then_so_many_a_second() {
    let limiter = limiter::Limiter::new(10.0);
    let admitted = |from_ns: u64, count: u64| (0..count).filter(|_| limiter.admits_at(from_ns)).count();
    assert_eq!(admitted(0, 100), 10);
    assert_eq!(admitted(250_000_000, 100), 2);
    assert_eq!(admitted(60_000_000_000, 100), 10, "what was not used is not saved up");
    for none in [0.0, -1.0, f64::NAN] {
        assert!(!limiter::Limiter::new(none).admits_at(0));
    }
    let limited = Sampler::probability(1.0).at_most(1.0);
    let decision = limited.decide(&Context::default(), trace(0));
    assert_eq!(decision, Decision::plain(true), "no share is claimed");
    assert!(!limited.decide(&Context::default(), trace(0)).is_sampled);
}

#[test]
fn a_handle_changes_what_is_decided() {
    let handle = SamplerHandle::new(Sampler::default());
    assert!(handle.is_parent_based() && handle.decide(&Context::default(), trace(0)).is_sampled);
    handle.clone().set(Sampler::always_off());
    assert!(!handle.is_parent_based() && !handle.decide(&Context::default(), trace(0)).is_sampled);
    assert_eq!(handle.get(), Sampler::always_off());
}
