use proptest::prelude::*;

use super::assert_close;
use crate::compare::rank::{above_quantile, quantile_ratio, shift};
use crate::query::Histogram;

fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram {
    let mut histogram = Histogram::default();
    values.into_iter().for_each(|value| histogram.record(value));
    histogram
}

#[test]
fn brunner_and_munzels_example() {
    // Pain scores of Brunner and Munzel 2000; R's `lawstat::brunner.munzel.test` gives these figures.
    let second = histogram([1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]);
    let first = histogram([3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]);
    let found = shift(&[(&first, &second)], 0.95);
    assert_close(found.effect.value, 0.788_961, 6);
    assert_close(found.effect.low, 0.595_217, 6);
    assert_close(found.effect.high, 0.982_705, 6);
    assert_close(found.p_value, 0.005_786, 6);
}

#[test]
fn what_does_not_vary() {
    let (short, long) = (histogram([5; 9]), histogram([7; 3]));
    let separated = shift(&[(&long, &short)], 0.95);
    assert_eq!(separated.effect.value, 1.0);
    assert_close(separated.p_value, 2.0 / 220.0, 9); // 12 choose 3
    let equal = shift(&[(&short, &short)], 0.95);
    assert_eq!((equal.effect.value, equal.p_value), (0.5, 1.0));
}

#[test]
fn strata_are_compared_within() {
    // The first asks for slow things more often; neither is slower at any of them.
    let (fast, slow) = (histogram(10..16), histogram(100_000..100_600));
    let few_slow = histogram(100_000..100_100);
    let many_fast = histogram((0..300).map(|i| 10 + i % 6));
    let found = shift(&[(&fast, &many_fast), (&slow, &few_slow)], 0.95);
    assert!((found.effect.value - 0.5).abs() < 0.02, "{found:?}");
    assert!(found.p_value > 0.1, "{found:?}");
    assert_close(quantile_ratio(&[(&fast, &many_fast), (&slow, &few_slow)], 0.5), 1.0, 1);
}

#[test]
fn slow_requests_are_those_above_both() {
    let base = histogram(std::iter::repeat_n(10, 100));
    let lane = histogram(std::iter::repeat_n(10, 96).chain([1000; 4]));
    let table = above_quantile(&lane, &base, 0.95);
    assert_eq!((table.hits, table.size, table.other_hits, table.other_size), (4, 100, 0, 100));
}

proptest! {
    #[test]
    fn the_effect_counts_pairs(a in prop::collection::vec(0_u64..16, 2..40), b in prop::collection::vec(0_u64..16, 2..40)) {
        let mut wins = 0.0;
        for x in &a {
            for y in &b {
                wins += match x.cmp(y) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
            }
        }
        let (first, second) = (histogram(a.clone()), histogram(b.clone()));
        let found = shift(&[(&first, &second)], 0.95);
        prop_assert!((found.effect.value - wins / (a.len() * b.len()) as f64).abs() < 1e-9);
        let swapped = shift(&[(&second, &first)], 0.95);
        prop_assert!((found.effect.value + swapped.effect.value - 1.0).abs() < 1e-9);
        prop_assert!((found.p_value - swapped.p_value).abs() < 1e-6);
        prop_assert!((0.0..=1.0).contains(&found.p_value));
    }
}
