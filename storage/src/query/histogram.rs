//! A log-linear histogram: small, mergeable without loss, with a bounded relative error.

use std::collections::BTreeMap;

/// Counts of durations (or any `u64`) in log-linear buckets: every power of two is divided into 16.
///
/// A quantile is at most 1/16 (6.25 %) above the true value and never below it; values below 16 are exact.
/// Merging two histograms gives exactly the histogram of both sets of values, in any order. (The bucket layout is
/// that of HdrHistogram with 4 significant bits; Gil Tene, <https://hdrhistogram.org>.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    // Sparse: the durations of one operation seldom touch more than 50 of the 976 buckets.
    buckets: BTreeMap<u16, u64>,
    count: u64,
}

/// Bits of a value that are kept behind its leading one.
const PRECISION_BITS: u32 = 4;

impl Histogram {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        *self.buckets.entry(bucket(value)).or_default() += 1;
        self.count += 1;
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
        self.count += other.count;
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value of the bucket that holds the value of this rank; `None` when nothing was counted.
    ///
    /// `quantile` lies between 0 and 1; the rank is ⌈quantile × count⌉, at least 1.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let rank = ((quantile * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            seen += count;
            (seen >= rank).then(|| upper_bound(*bucket))
        })
    }
}

fn bucket(value: u64) -> u16 {
    let magnitude = (63 - (value | 1).leading_zeros()).saturating_sub(PRECISION_BITS);
    // Adjacent magnitudes share no bucket: the leading one of the mantissa counts towards the next 16.
    (magnitude << PRECISION_BITS) as u16 + (value >> magnitude) as u16
}

fn upper_bound(bucket: u16) -> u64 {
    let (magnitude, mantissa) = match bucket >> PRECISION_BITS {
        0 => (0, u64::from(bucket)),
        octave => (octave - 1, u64::from(bucket & 15) + 16),
    };
    (((u128::from(mantissa) + 1) << magnitude) - 1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket_within_the_stated_error(value: u64) {
            let upper = upper_bound(bucket(value));
            prop_assert!(upper >= value);
            prop_assert!(upper - value <= value / 16);
            prop_assert!(bucket(upper) == bucket(value));
            prop_assert!(upper == u64::MAX || bucket(upper + 1) == bucket(value) + 1);
        }

        #[test]
        fn merging_is_counting_both(a in prop::collection::vec(any::<u64>(), 0..50), b in prop::collection::vec(any::<u64>(), 0..50)) {
            let of = |values: &[u64]| values.iter().fold(Histogram::default(), |mut h, v| { h.record(*v); h });
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=10).for_each(|value| histogram.record(value));
        assert_eq!(histogram.quantile(0.0), Some(1));
        assert_eq!(histogram.quantile(0.5), Some(5));
        assert_eq!(histogram.quantile(0.99), Some(10));
    }
}
