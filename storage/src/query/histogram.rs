//! A log-linear histogram: small, mergeable without loss, with a bounded relative error.

use std::num::NonZeroU16;

/// Counts of durations (or any `u64`) in log-linear buckets: every power of two is divided into 16.
///
/// A quantile is at most 1/16 (6.25 %) above the true value and never below it; values below 16 are exact.
/// Merging two histograms gives exactly the histogram of both sets of values, in any order; so does subtracting one of a subset. (The
/// bucket layout is that of HdrHistogram with 4 significant bits; Gil Tene, <https://hdrhistogram.org>.)
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    // Sparse, ascending, without zeros: the durations of one operation seldom touch more than 50 of the 976 buckets. A count is negative
    // where this is a correction of another histogram.
    buckets: Vec<BucketCount>,
}

/// The number of a bucket, and what it counts.
pub(crate) type BucketCount = (u16, i64);

/// The number of the bucket that counts a value, behind which 1 is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket(NonZeroU16);

impl Bucket {
    pub(crate) fn of(value: u64) -> Self {
        Self(NonZeroU16::MIN.saturating_add(bucket(value)))
    }
}

/// Bits of a value that are kept behind its leading one.
const PRECISION_BITS: u32 = 4;

impl Histogram {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_times(value, 1);
    }

    /// Counts a value so many times; takes it back where that is negative.
    pub fn record_times(&mut self, value: u64, times: i64) {
        self.add_to_bucket(bucket(value), times);
    }

    /// How many buckets there are.
    pub(crate) const BUCKETS: u16 = 976;

    /// Of the counts of buckets, by their numbers, which ascend.
    pub(crate) fn of_buckets(buckets: Vec<BucketCount>) -> Self {
        Self { buckets }
    }

    /// Adds to a bucket, by its number.
    fn add_to_bucket(&mut self, bucket: u16, times: i64) {
        match self.buckets.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
            Ok(place) => {
                self.buckets[place].1 += times;
                if self.buckets[place].1 == 0 {
                    self.buckets.remove(place);
                }
            }
            Err(place) if times != 0 => self.buckets.insert(place, (bucket, times)),
            Err(_) => {}
        }
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        match &other.buckets[..] {
            [] => {}
            &[(bucket, times)] => self.add_to_bucket(bucket, times),
            more => {
                let own = self.buckets.len();
                self.buckets.extend_from_slice(more);
                // Stable sorting merges two ordered runs.
                if own > 0 {
                    self.buckets.sort_by_key(|&(bucket, _)| bucket);
                    add_up(&mut self.buckets);
                }
            }
        }
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|&(_, count)| count).sum::<i64>().max(0) as u64
    }

    /// Whether no value was counted.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The largest value of each bucket that is not empty, ascending, and how many values it holds.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|&(bucket, count)| (upper_bound(bucket), count as u64))
    }

    /// The numbers of its buckets, ascending, with what they count.
    pub(crate) fn numbered_buckets(&self) -> &[BucketCount] {
        &self.buckets
    }

    /// The largest value of the bucket that holds the value of this rank; `None` when nothing was counted.
    ///
    /// `quantile` lies between 0 and 1; the rank is ⌈quantile × count⌉, at least 1.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((quantile * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        self.buckets().find_map(|(upper, count)| {
            seen += count;
            (seen >= rank).then_some(upper)
        })
    }
}

/// Counts values in all buckets there are, which is cheaper than in a [`Histogram`] but takes more memory: to be used again and again.
#[derive(Debug)]
pub(crate) struct Counters {
    // A power of two, so that no number of a bucket needs to be checked.
    counts: Box<[i64; Self::COUNTS]>,
    // A bit for each bucket that was counted in.
    touched: [u64; Self::COUNTS / 64],
    // A bit for each word of those that has some.
    touched_words: u16,
}

impl Default for Counters {
    fn default() -> Self {
        Self { counts: Box::new([0; Self::COUNTS]), touched: Default::default(), touched_words: 0 }
    }
}

impl Counters {
    const COUNTS: usize = (Histogram::BUCKETS as usize).next_power_of_two();

    /// Counts a value of this bucket so many times.
    pub(crate) fn record(&mut self, Bucket(bucket): Bucket, times: i64) {
        self.add(bucket.get() - 1, times);
    }

    /// Counts all values of a histogram.
    pub(crate) fn record_all(&mut self, histogram: &Histogram) {
        histogram.buckets.iter().for_each(|&(bucket, times)| self.add(bucket, times));
    }

    fn add(&mut self, bucket: u16, times: i64) {
        let bucket = usize::from(bucket) % Self::COUNTS;
        self.counts[bucket] += times;
        self.touched[bucket / 64] |= 1 << (bucket % 64);
        self.touched_words |= 1 << (bucket / 64);
    }

    /// Appends the buckets of the histogram of all values since the last.
    pub(crate) fn take(&mut self, buckets: &mut Vec<BucketCount>) {
        for word in ones(std::mem::take(&mut self.touched_words).into()) {
            for bit in ones(std::mem::take(&mut self.touched[word])) {
                let bucket = word * 64 + bit;
                let count = std::mem::take(&mut self.counts[bucket]);
                if count != 0 {
                    buckets.push((bucket as u16, count));
                }
            }
        }
    }
}

/// The places of the bits that are set, ascending.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        place
    })
}

/// Makes one of counts of the same bucket, which stand beside each other, and leaves out what is 0.
fn add_up(buckets: &mut Vec<(u16, i64)>) {
    buckets.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        kept.1 += i64::from(is_same) * next.1;
        is_same
    });
    buckets.retain(|&(_, count)| count != 0);
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
            prop_assert_eq!(&merged, &of(&[a.clone(), b].concat()));
            a.iter().for_each(|value| merged.record_times(*value, -1));
            let mut back = merged.clone();
            back.merge(&of(&a));
            a.iter().for_each(|value| back.record_times(*value, -1));
            prop_assert_eq!(back, merged);
        }
    }

    proptest! {
        #[test]
        fn counters_give_the_same_histogram_again_and_again(rounds in prop::collection::vec(prop::collection::vec((any::<u64>(), -1..2i64), 0..50), 1..4)) {
            let mut counters = Counters::default();
            for values in rounds {
                let mut histogram = Histogram::default();
                for (value, times) in values {
                    histogram.record_times(value >> 20, times);
                    counters.record(Bucket::of(value >> 20), times);
                }
                let mut buckets = Vec::new();
                counters.take(&mut buckets);
                prop_assert_eq!(buckets, histogram.buckets);
            }
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
