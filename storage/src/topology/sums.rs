//! Sums of a key within a bucket of time, as they are handed over one after another.

use super::cells::At;
use super::figures::{EdgeFigures, Exemplars, RedFigures};
use super::key::{EdgeKey, RedKey};
use super::keys::Keys;
use crate::query::{BucketCount, Counters, Histogram};

/// Borrowed [`RedFigures`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct RedSum<'a> {
    pub(crate) spans: i64,
    pub(crate) duration_ns: &'a [BucketCount],
    pub(crate) exemplars: Exemplars,
}

/// Borrowed [`EdgeFigures`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct EdgeSum<'a> {
    pub(crate) hops: i64,
    pub(crate) errors: i64,
    pub(crate) duration_ns: &'a [BucketCount],
    pub(crate) client_duration_ns: &'a [BucketCount],
    pub(crate) queueing_ns: &'a [BucketCount],
    pub(crate) exemplars: Exemplars,
}

/// Who takes sums. They come ordered by key and time, each once, and none is nothing.
pub(crate) trait TakeSums {
    /// Takes one of spans; `at` has the number of its key among `keys`.
    fn take_red(&mut self, keys: &Keys<RedKey>, at: At, sum: RedSum<'_>);
    /// Takes one of hops.
    fn take_edge(&mut self, keys: &Keys<EdgeKey>, at: At, sum: EdgeSum<'_>);
}

impl RedSum<'_> {
    pub(crate) fn is_nothing(&self) -> bool {
        self.spans == 0 && self.duration_ns.is_empty()
    }

    pub(crate) fn to_figures(self) -> RedFigures {
        RedFigures {
            spans: self.spans,
            duration_ns: Histogram::of_buckets(self.duration_ns.to_vec()),
            exemplars: self.exemplars,
        }
    }
}

impl EdgeSum<'_> {
    pub(crate) fn is_nothing(&self) -> bool {
        let histograms = [self.duration_ns, self.client_duration_ns, self.queueing_ns];
        self.hops == 0 && self.errors == 0 && histograms.iter().all(|buckets| buckets.is_empty())
    }

    pub(crate) fn to_figures(self) -> EdgeFigures {
        let histogram = |buckets: &[BucketCount]| Histogram::of_buckets(buckets.to_vec());
        EdgeFigures {
            hops: self.hops,
            errors: self.errors,
            duration_ns: histogram(self.duration_ns),
            client_duration_ns: histogram(self.client_duration_ns),
            queueing_ns: histogram(self.queueing_ns),
            exemplars: self.exemplars,
        }
    }
}

impl RedFigures {
    pub(crate) fn as_sum(&self) -> RedSum<'_> {
        RedSum {
            spans: self.spans,
            duration_ns: self.duration_ns.numbered_buckets(),
            exemplars: self.exemplars,
        }
    }
}

impl EdgeFigures {
    pub(crate) fn as_sum(&self) -> EdgeSum<'_> {
        EdgeSum {
            hops: self.hops,
            errors: self.errors,
            duration_ns: self.duration_ns.numbered_buckets(),
            client_duration_ns: self.client_duration_ns.numbered_buckets(),
            queueing_ns: self.queueing_ns.numbered_buckets(),
            exemplars: self.exemplars,
        }
    }
}

/// Durations of the spans or hops that are being added up.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    pub(super) own: Counters,
    pub(super) client: Counters,
    pub(super) queueing: Counters,
    buckets: Vec<BucketCount>,
}

impl Durations {
    /// The sum of spans whose durations were counted since the last.
    pub(super) fn red_sum(&mut self, spans: i64, exemplars: Exemplars) -> RedSum<'_> {
        self.buckets.clear();
        self.own.take(&mut self.buckets);
        RedSum { spans, duration_ns: &self.buckets, exemplars }
    }

    /// The sum of hops whose durations were counted since the last.
    pub(super) fn edge_sum(&mut self, hops: i64, errors: i64, exemplars: Exemplars) -> EdgeSum<'_> {
        self.buckets.clear();
        self.own.take(&mut self.buckets);
        let own = self.buckets.len();
        self.client.take(&mut self.buckets);
        let client = self.buckets.len();
        self.queueing.take(&mut self.buckets);
        EdgeSum {
            hops,
            errors,
            duration_ns: &self.buckets[..own],
            client_duration_ns: &self.buckets[own..client],
            queueing_ns: &self.buckets[client..],
            exemplars,
        }
    }
}
