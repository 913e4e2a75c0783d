//! Prometheus's histograms, made of log-linear ones.

use std::array;
use std::fmt::Write;

use laneway_storage::query::Histogram;

/// The upper bounds of the buckets, in milliseconds: those of Tempo's span metrics, doubled on to 16 s.
const BOUNDS_MS: [u64; 14] = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];

const BUCKETS: usize = BOUNDS_MS.len() + 1;

/// How many durations lie in each bucket, and how long they are together; the last bucket has no bound.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Counts {
    counts: [u64; BUCKETS],
    sums_s: [f64; BUCKETS],
}

impl Counts {
    /// Adds durations in nanoseconds. A log-linear bucket that a bound divides counts above it, and all its values are taken for its middle.
    pub(super) fn add(&mut self, duration_ns: &Histogram) {
        for (upper_ns, count) in duration_ns.buckets() {
            let place = BOUNDS_MS.iter().position(|bound_ms| upper_ns <= bound_ms * 1_000_000);
            let place = place.unwrap_or(BOUNDS_MS.len());
            self.counts[place] += count;
            self.sums_s[place] += count as f64 * middle_ns(upper_ns) / 1e9;
        }
    }

    /// How many durations there are.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The most of both, bucket by bucket.
    pub(super) fn max(&self, other: &Self) -> Self {
        Self {
            counts: array::from_fn(|place| self.counts[place].max(other.counts[place])),
            sums_s: array::from_fn(|place| self.sums_s[place].max(other.sums_s[place])),
        }
    }

    /// Adds what `now` is more than `was`, which is less in no bucket.
    pub(super) fn grow(&mut self, was: &Self, now: &Self) {
        for place in 0..BUCKETS {
            self.counts[place] += now.counts[place] - was.counts[place];
            self.sums_s[place] += now.sums_s[place] - was.sums_s[place];
        }
    }

    /// Writes the samples of a histogram.
    pub(super) fn render(&self, name: &str, labels: &str, out: &mut String) {
        let mut total = 0;
        for (place, count) in self.counts.iter().enumerate() {
            total += count;
            let bound = BOUNDS_MS.get(place).map(|bound_ms| (*bound_ms as f64 / 1e3).to_string());
            let bound = bound.as_deref().unwrap_or("+Inf");
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {total}");
        }
        let sum_s: f64 = self.sums_s.iter().sum();
        let _ = writeln!(out, "{name}_sum{{{labels}}} {sum_s}\n{name}_count{{{labels}}} {total}");
    }
}

/// The middle of the log-linear bucket whose largest value this is: every power of two is divided into 16.
fn middle_ns(upper_ns: u64) -> f64 {
    let width = 1_u64 << (63 - (upper_ns | 1).leading_zeros()).saturating_sub(4);
    upper_ns as f64 - (width - 1) as f64 / 2.0
}
