//! Whether the requests of one lane fare worse than those of another.
//!
//! [`compare`] is a pure function of [`Figures`]: equal figures give equal answers. Only like is compared with like: requests of an operation
//! with requests of the same operation. A service is compared over the operations that both lanes asked for, each a stratum of its own, so
//! that a lane is not blamed for asking for slow operations more often. `docs/compare.md` explains the method; the functions name its
//! sources.

use std::sync::Arc;

use laneway_proto::Lane;

use crate::query::Red;
use crate::topology::{Figures, Node};

mod divergence;
mod holm;
mod judge;
mod pairs;
mod proportion;
mod rank;
#[cfg(test)]
mod tests;

pub use judge::Reason;
pub use proportion::Estimate;

/// What counts as worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criteria {
    /// The chance to fail a lane that does not differ at all. Default: 0.05.
    pub alpha: f64,
    /// Fewer requests than this, on either side, are too few. Default: 100.
    pub min_requests: u64,
    /// A smaller difference of error rates does not matter. Default: 0.01, a percentage point.
    pub min_error_difference: f64,
    /// A smaller chance that a request of the lane takes longer than one of the baseline does not matter. Default: 0.56, a small effect by
    /// [Vargha and Delaney](https://doi.org/10.3102/10769986025002101).
    pub min_effect: f64,
    /// A smaller ratio of latencies does not matter. Default: 1.1.
    pub min_latency_ratio: f64,
    /// The share of the lane's requests that must be of operations that could be compared. Default: 0.8.
    pub min_coverage: f64,
}

impl Default for Criteria {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            min_requests: 100,
            min_error_difference: 0.01,
            min_effect: 0.56,
            min_latency_ratio: 1.1,
            min_coverage: 0.8,
        }
    }
}

/// Whether something is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// There is no difference that matters.
    Pass,
    /// It is worse.
    Fail,
    /// There are too few requests to tell.
    Insufficient,
}

impl Verdict {
    /// As it stands in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Insufficient => "insufficient",
        }
    }
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// All requests that a service served, of the operations that both lanes asked for.
    Service(Arc<str>),
    /// Those of one operation of a service: the name of the spans with which they entered it.
    Operation(Arc<str>, Arc<str>),
    /// The hops from one node to another.
    Edge(Hops),
}

/// Hops that are compared with each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hops {
    /// Who called.
    pub source: Node,
    /// Who was called.
    pub target: Node,
    /// What was called; of what was not traced, with what the caller was entered.
    pub operation: Arc<str>,
}

/// The difference of two error rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRates {
    /// The lane's minus the other's.
    pub difference: Estimate,
    /// How likely a difference like this is where there is none.
    pub p_value: f64,
    /// The same, allowing for how many tests were made.
    pub adjusted_p_value: f64,
}

/// The difference of two distributions of latencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latencies {
    /// How likely a request of the lane takes longer than one of the other, half of the ties included: 0.5 where neither tends to.
    pub effect: Estimate,
    /// How likely an effect like this is where there is none.
    pub p_value: f64,
    /// The same, allowing for how many tests were made.
    pub adjusted_p_value: f64,
    /// The lane's median over the other's.
    pub p50_ratio: f64,
    /// The lane's 95th percentile over the other's.
    pub p95_ratio: f64,
    /// Of the 5 % slowest of both together: how much more often requests of the lane are among them.
    pub slow_share: Estimate,
    /// How likely a difference like that is where there is none.
    pub slow_p_value: f64,
    /// The same, allowing for how many tests were made.
    pub adjusted_slow_p_value: f64,
}

/// One thing of a lane, and the same of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is.
    pub subject: Subject,
    /// Of the lane.
    pub lane: Red,
    /// Of the other.
    pub base: Red,
    /// Absent where there were too few requests.
    pub error_rates: Option<ErrorRates>,
    /// Absent where there were too few requests.
    pub latencies: Option<Latencies>,
    /// Whether the lane is worse.
    pub verdict: Verdict,
    /// Why it is not [`Verdict::Pass`].
    pub reasons: Vec<Reason>,
}

/// A lane against another.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// [`Verdict::Fail`] where a row is; else [`Verdict::Pass`] where enough of the lane's requests could be compared.
    pub verdict: Verdict,
    /// Services, then operations, then edges, each by name.
    pub rows: Vec<Row>,
    /// The hops with which the difference begins: they differ, and nothing that they lead to does.
    pub first_divergence: Option<Hops>,
}

/// Compares a lane with another, of figures with edges between operations in one bucket of time.
pub fn compare(figures: &Figures, lane: &Lane, base: &Lane, criteria: &Criteria) -> Comparison {
    let pairs = pairs::Pairs::of(figures, lane, base);
    let rows = judge::rows(&pairs, criteria);
    let first_divergence = divergence::first(&rows);
    Comparison { verdict: judge::overall(&rows, criteria), rows, first_divergence }
}
