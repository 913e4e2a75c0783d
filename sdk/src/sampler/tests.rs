use super::*;
use crate::context::{Carried, SpanContext, TraceFlags};
use laneway_proto::{Lane, SpanId};

fn trace(low: u64) -> TraceId {
    TraceId::from_bytes((1_u128 << 64 | u128::from(low)).to_be_bytes()).unwrap()
}

fn parent(sampled: bool) -> Context {
    let span = SpanContext {
        trace_id: trace(0),
        span_id: SpanId::from_bytes([1; 8]).unwrap(),
        flags: TraceFlags::default().with_sampled(sampled),
        remote: true,
    };
    Context::new(Some(span), Lane::base(), Carried::default())
}

#[test]
fn a_ratio_keeps_that_share_of_trace_ids() {
    let half = Sampler::trace_id_ratio(0.5);
    assert!(half.is_sampled(&Context::default(), trace(u64::MAX / 2 - 1)));
    assert!(!half.is_sampled(&Context::default(), trace(u64::MAX / 2 + 1)));
    for low in [0, 1, u64::MAX / 2, u64::MAX] {
        for all in [1.0, 7.0, f64::INFINITY] {
            assert!(Sampler::trace_id_ratio(all).is_sampled(&Context::default(), trace(low)));
        }
        for none in [0.0, -1.0, f64::NAN] {
            assert!(!Sampler::trace_id_ratio(none).is_sampled(&Context::default(), trace(low)));
        }
    }
}

#[test]
fn the_parent_decides_where_there_is_one() {
    let off = Sampler::always_off().parent_based();
    assert!(off.is_sampled(&parent(true), trace(0)));
    assert!(!off.is_sampled(&Context::default(), trace(0)));
    assert!(!Sampler::default().is_sampled(&parent(false), trace(0)));
    assert!(Sampler::always_on().is_sampled(&parent(false), trace(0)));
}
