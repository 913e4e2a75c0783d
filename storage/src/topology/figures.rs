//! Sums over spans and hops.

use std::collections::BTreeMap;

use laneway_proto::TraceId;

use super::key::{EdgeKey, Outcome, RedKey};
use super::presence::Presence;
use crate::query::{Histogram, TimeRange};

/// The width of the buckets of time in which figures are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// 10 seconds.
    TenSeconds,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

impl Resolution {
    /// All of them, finest first.
    pub const ALL: [Self; 3] = [Self::FINEST, Self::Minute, Self::Hour];
    /// The one of which all others are made.
    pub const FINEST: Self = Self::TenSeconds;

    /// Its width.
    pub const fn seconds(self) -> u32 {
        match self {
            Self::TenSeconds => 10,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    /// Where the bucket starts that holds this instant, in seconds since the Unix epoch.
    pub const fn floor_s(self, time_s: u64) -> u64 {
        time_s - time_s % self.seconds() as u64
    }

    /// The coarsest that still tells instants apart that are so far from one another.
    pub fn for_step(step_s: u32) -> Self {
        Self::ALL
            .into_iter()
            .rev()
            .find(|resolution| resolution.seconds() <= step_s)
            .unwrap_or(Self::TenSeconds)
    }
}

/// The trace of a span, and what made it stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceAt {
    /// The duration of the slowest, the start of the newest, in nanoseconds.
    pub at_ns: u64,
    /// Its trace.
    pub trace_id: TraceId,
}

/// Traces to look at. They are hints: one may have been corrected away, or have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exemplars {
    /// Of the longest span; of hops, the longest of those that failed or did not stay in their lane.
    pub slowest: Option<TraceAt>,
    /// Of the newest that failed, or did not stay in its lane.
    pub newest: Option<TraceAt>,
}

impl Exemplars {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.slowest = self.slowest.max(other.slowest);
        self.newest = self.newest.max(other.newest);
    }
}

/// Spans of one key within one bucket of time.
///
/// Counts are scaled by the probability with which the spans were sampled, where their tracestate tells (`ot=th:…`, OpenTelemetry's
/// [consistent probability sampling](https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/)). They are negative
/// only while they are corrections of other figures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedFigures {
    /// How many.
    pub spans: i64,
    /// Their durations, in nanoseconds.
    pub duration_ns: Histogram,
    /// Some of them.
    pub exemplars: Exemplars,
}

/// Hops of one key within one bucket of time. Scaled as [`RedFigures`] are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EdgeFigures {
    /// How many.
    pub hops: i64,
    /// How many of them failed, as the caller or the callee saw it.
    pub errors: i64,
    /// How long the callee took, in nanoseconds; where nobody saw the callee, how long the caller waited.
    pub duration_ns: Histogram,
    /// How long the caller waited, in nanoseconds, where both sides are known: the difference is network and queues.
    pub client_duration_ns: Histogram,
    /// How long a message lay between being sent and being taken, in nanoseconds; 0 where clocks disagree.
    pub queueing_ns: Histogram,
    /// Some of them.
    pub exemplars: Exemplars,
}

impl RedFigures {
    /// Adds the figures of another.
    pub fn merge(&mut self, other: &Self) {
        self.spans += other.spans;
        self.duration_ns.merge(&other.duration_ns);
        self.exemplars.merge(&other.exemplars);
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.as_sum().is_nothing()
    }
}

impl EdgeFigures {
    /// Adds the figures of another.
    pub fn merge(&mut self, other: &Self) {
        self.hops += other.hops;
        self.errors += other.errors;
        self.duration_ns.merge(&other.duration_ns);
        self.client_duration_ns.merge(&other.client_duration_ns);
        self.queueing_ns.merge(&other.queueing_ns);
        self.exemplars.merge(&other.exemplars);
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.as_sum().is_nothing()
    }
}

/// RED figures and edges by key and time: the start of a bucket, in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Of spans.
    pub red: BTreeMap<(RedKey, u64), RedFigures>,
    /// Of hops.
    pub edges: BTreeMap<(EdgeKey, u64), EdgeFigures>,
    /// Which lanes had instances: at least within the range that was asked for, and [`PRESENCE_WINDOW`](super::PRESENCE_WINDOW) before.
    pub presence: Presence,
}

/// What figures are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct FiguresQuery {
    /// Figures of buckets that start within. What lies at the edges of the range is counted by whole buckets of the resolution used.
    pub range: TimeRange,
    /// The width of the buckets of the answer, in seconds, at least 10; `None` for one bucket, which starts at 0.
    pub step_s: Option<u32>,
    /// Only figures of this service: its spans, and hops that begin or end with it.
    pub service: Option<String>,
    /// Whether RED figures are wanted.
    pub red: bool,
    /// The level of edges that is wanted, if any.
    pub edges: Option<super::EdgeLevel>,
}

impl FiguresQuery {
    /// What is asked for to know which lanes had instances in this range, and nothing else.
    pub fn of_presence(range: TimeRange) -> Self {
        Self { range, step_s: None, service: None, red: false, edges: None }
    }

    /// Whether it asks for nothing else than that.
    pub fn is_of_presence(&self) -> bool {
        !self.red && self.edges.is_none()
    }

    /// The resolution at which this is answered: the coarsest that tells steps apart; without steps, the finest that the range allows.
    pub fn resolution(&self) -> Resolution {
        /// The most buckets of time that are read where none is asked for.
        const MAX_BUCKETS: u64 = 3000;
        let length_s = self.range.end_unix_ns.saturating_sub(self.range.start_unix_ns) / 1_000_000_000;
        let fits = |resolution: &Resolution| length_s / u64::from(resolution.seconds()) <= MAX_BUCKETS;
        match self.step_s {
            Some(step_s) => Resolution::for_step(step_s),
            None => Resolution::ALL.into_iter().find(fits).unwrap_or(Resolution::Hour),
        }
    }

    /// Where the bucket of the answer starts that holds this instant, in seconds since the Unix epoch.
    pub fn bucket_s(&self, time_s: u64) -> u64 {
        self.step_s.map_or(0, |step| time_s - time_s % u64::from(step.max(1)))
    }

    /// Whether a bucket of figures that starts then is asked for.
    pub fn wants(&self, time_s: u64) -> bool {
        self.range.contains(time_s.saturating_mul(1_000_000_000))
    }
}

impl Figures {
    /// Leaves out what adds up to nothing.
    pub fn prune(&mut self) {
        self.red.retain(|_, figures| !figures.is_nothing());
        self.edges.retain(|_, figures| !figures.is_nothing());
    }

    /// The answer to a query, of figures at its [resolution](FiguresQuery::resolution) that hold at least all that it asks for.
    pub fn answer(self, query: &FiguresQuery) -> Self {
        let of_service = |name: &str| query.service.as_deref().is_none_or(|service| service == name);
        let mut answer = Self::default();
        for ((key, time_s), figures) in self.red {
            if query.red && query.wants(time_s) && of_service(&key.service) {
                answer.red.entry((key, query.bucket_s(time_s))).or_default().merge(&figures);
            }
        }
        for ((mut key, time_s), figures) in self.edges {
            let is_wanted = query.edges == Some(key.level)
                && query.wants(time_s)
                && (of_service(&key.source.node.name) || of_service(&key.target.node.name));
            if !is_wanted {
                continue;
            }
            if key.outcome == Outcome::ToBaseline {
                key.outcome = Outcome::Verdict(self.presence.judge(&key.target.node.name, &key.lane, time_s));
            }
            answer.edges.entry((key, query.bucket_s(time_s))).or_default().merge(&figures);
        }
        answer.presence = self.presence;
        answer.prune();
        answer
    }
}
