//! Which of two samples of durations tends to be longer, in one or several strata.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::proportion::{Estimate, Table, weight};
use crate::query::Histogram;

/// Which of two samples tends to be longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shift {
    /// How likely a value of the first is longer than one of the second, half of the ties included: 0.5 where neither tends to be.
    pub(super) effect: Estimate,
    /// How likely an effect that far from 0.5 is where neither tends to be longer.
    pub(super) p_value: f64,
}

/// A part of the variance of an estimate, and its degrees of freedom.
type Component = (f64, f64);

/// The test of [Brunner and Munzel](https://doi.org/10.1002/(SICI)1521-4036(200001)42:1%3C17::AID-BIMJ17%3E3.0.CO;2-U), which is that of
/// Mann and Whitney without its demand that both samples vary alike; ties, which a histogram has many of, are allowed for. Of several strata
/// the weighted mean, whose degrees of freedom are Satterthwaite's. All samples have at least 2 values.
pub(super) fn shift(pairs: &[(&Histogram, &Histogram)], confidence: f64) -> Shift {
    let total: f64 = pairs.iter().map(|(a, b)| weight(a.count(), b.count())).sum();
    let (mut effect, mut components) = (0.0, Vec::<Component>::new());
    for (first, second) in pairs {
        let share = weight(first.count(), second.count()) / total;
        let (value, parts) = brunner_munzel(first, second);
        effect += share * value;
        components.extend(parts.map(|(variance, freedom)| (variance * share * share, freedom)));
    }
    let variance: f64 = components.iter().map(|(variance, _)| variance).sum();
    let freedom = variance.powi(2)
        / components.iter().map(|(variance, freedom)| variance.powi(2) / freedom).sum::<f64>();
    let distance = (effect - 0.5).abs();
    let student = StudentsT::new(0.0, 1.0, freedom.max(1.0)).ok().filter(|_| variance > 0.0);
    let Some(student) = student else {
        // Nothing varies: every value of one sample lies on the same side of every value of the other, or all are equal.
        let p_value = if distance > 0.0 { separation_p_value(pairs) } else { 1.0 };
        return Shift { effect: Estimate { value: effect, low: effect, high: effect }, p_value };
    };
    let error = variance.sqrt();
    let half = student.inverse_cdf(0.5 + confidence / 2.0) * error;
    let effect_of = |value: f64| value.clamp(0.0, 1.0);
    Shift {
        effect: Estimate { value: effect, low: effect_of(effect - half), high: effect_of(effect + half) },
        p_value: (2.0 * student.sf(distance / error)).min(1.0),
    }
}

/// The effect and the two parts of its variance.
fn brunner_munzel(first: &Histogram, second: &Histogram) -> (f64, [Component; 2]) {
    let rows = side_by_side(first, second);
    let (size, other_size) = (first.count() as f64, second.count() as f64);
    let (mut below, mut other_below) = (0.0, 0.0);
    // Where each value of one sample lies among those of the other, between 0 and 1, with how many lie there.
    let (mut places, mut other_places) = (Vec::new(), Vec::new());
    for (_, count, other_count) in rows {
        let (count, other_count) = (count as f64, other_count as f64);
        places.push(((other_below + other_count / 2.0) / other_size, count));
        other_places.push(((below + count / 2.0) / size, other_count));
        below += count;
        other_below += other_count;
    }
    let (effect, variance) = moments(&places, size);
    let (_, other_variance) = moments(&other_places, other_size);
    (effect, [(variance / size, size - 1.0), (other_variance / other_size, other_size - 1.0)])
}

/// Mean and sample variance of values that occur so often.
fn moments(values: &[(f64, f64)], size: f64) -> (f64, f64) {
    let mean = values.iter().map(|(value, count)| value * count).sum::<f64>() / size;
    let squares: f64 = values.iter().map(|(value, count)| (value - mean).powi(2) * count).sum();
    (mean, squares / (size - 1.0))
}

/// The buckets of both, ascending: the upper bound, and how many of each.
fn side_by_side(first: &Histogram, second: &Histogram) -> Vec<(u64, u64, u64)> {
    let mut rows = std::collections::BTreeMap::<u64, (u64, u64)>::new();
    first.buckets().for_each(|(upper, count)| rows.entry(upper).or_default().0 += count);
    second.buckets().for_each(|(upper, count)| rows.entry(upper).or_default().1 += count);
    rows.into_iter().map(|(upper, (count, other))| (upper, count, other)).collect()
}

/// How likely samples of these sizes are separated by chance, in either direction: two of all the ways to choose the first.
fn separation_p_value(pairs: &[(&Histogram, &Histogram)]) -> f64 {
    let ways = |size: u64, total: u64| {
        (0..size).map(|i| ((total - i) as f64 / (size - i) as f64).ln()).take(1000).sum::<f64>()
    };
    let ln_ways: f64 = pairs
        .iter()
        .map(|(a, b)| {
            let (size, total) = (a.count().min(b.count()), a.count() + b.count());
            ways(size, total)
        })
        .sum();
    (2.0 * (-ln_ways).exp()).min(1.0)
}

/// How many of each sample lie above the quantile of both together: the quantile test, as Mood's median test is one.
pub(super) fn above_quantile(first: &Histogram, second: &Histogram, quantile: f64) -> Table {
    let mut both = first.clone();
    both.merge(second);
    let limit = both.quantile(quantile).unwrap_or(u64::MAX);
    let above =
        |of: &Histogram| of.buckets().filter(|(upper, _)| *upper > limit).map(|(_, count)| count).sum();
    Table { hits: above(first), size: first.count(), other_hits: above(second), other_size: second.count() }
}

/// How many times as long the first's quantile is: of several strata the weighted geometric mean.
pub(super) fn quantile_ratio(pairs: &[(&Histogram, &Histogram)], quantile: f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (first, second) in pairs {
        let share = weight(first.count(), second.count());
        // A duration of nothing is as short as can be told: a nanosecond.
        let of = |histogram: &Histogram| histogram.quantile(quantile).unwrap_or_default().max(1) as f64;
        sum += share * (of(first) / of(second)).ln();
        total += share;
    }
    (sum / total).exp()
}
