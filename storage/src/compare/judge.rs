//! Verdicts.

use std::fmt;

use statrs::distribution::{ContinuousCDF, Normal};

use super::pairs::{Pair, Pairs};
use super::proportion::{self, Table};
use super::rank;
use super::{Criteria, ErrorRates, Latencies, Row, Subject, Verdict, holm};
use crate::query::{Histogram, Red};

/// Requests slower than this quantile of both samples together are slow.
const SLOW: f64 = 0.95;

/// Why something does not pass.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Fewer requests than needed on one side: of the lane, of the other, and how many are needed.
    FewRequests(u64, u64, u64),
    /// A larger share of requests fails: the lane's and the other's error rate.
    ErrorRate(f64, f64),
    /// Requests tend to take longer: the effect, and the ratio of the medians.
    Latency(f64, f64),
    /// More requests are very slow: the ratio of the 95th percentiles.
    SlowRequests(f64),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewRequests(lane, base, needed) => {
                write!(f, "{lane} requests against {base}: at least {needed} are needed on both sides")
            }
            Self::ErrorRate(lane, base) => {
                write!(f, "error rate {:.2} % against {:.2} %", lane * 100.0, base * 100.0)
            }
            Self::Latency(effect, ratio) => {
                let percent = effect * 100.0;
                write!(f, "slower with a chance of {percent:.0} %; the median is {ratio:.2} times as long")
            }
            Self::SlowRequests(ratio) => {
                write!(f, "more slow requests; the 95th percentile is {ratio:.2} times as long")
            }
        }
    }
}

/// Every row, judged.
pub(super) fn rows(pairs: &Pairs, criteria: &Criteria) -> Vec<Row> {
    let mut rows: Vec<Row> =
        pairs.subjects().into_iter().map(|(subject, strata)| row(subject, &strata, criteria)).collect();
    adjust(&mut rows);
    for row in &mut rows {
        judge(row, criteria);
    }
    rows
}

fn row(subject: Subject, strata: &[&Pair], criteria: &Criteria) -> Row {
    let sum = |side: fn(&Pair) -> &Red| {
        strata.iter().fold(Red::default(), |mut sum, pair| {
            sum.merge(side(pair));
            sum
        })
    };
    let (lane, base) = (sum(|pair| &pair.lane), sum(|pair| &pair.base));
    // A single value has no variance.
    let needed = criteria.min_requests.max(2);
    let comparable: Vec<&Pair> =
        strata.iter().copied().filter(|pair| pair.lane.requests.min(pair.base.requests) > 1).collect();
    let enough = lane.requests.min(base.requests) >= needed && !comparable.is_empty();
    let reasons =
        if enough { vec![] } else { vec![Reason::FewRequests(lane.requests, base.requests, needed)] };
    Row {
        error_rates: enough.then(|| error_rates(&comparable, criteria)),
        latencies: enough.then(|| latencies(&comparable, criteria)),
        verdict: if enough { Verdict::Pass } else { Verdict::Insufficient },
        subject,
        lane,
        base,
        reasons,
    }
}

fn error_rates(strata: &[&Pair], criteria: &Criteria) -> ErrorRates {
    let table = |pair: &&Pair| Table {
        hits: pair.lane.errors.min(pair.lane.requests),
        size: pair.lane.requests,
        other_hits: pair.base.errors.min(pair.base.requests),
        other_size: pair.base.requests,
    };
    let tables: Vec<Table> = strata.iter().map(table).collect();
    let difference = proportion::difference(&tables, z(criteria));
    let p_value = proportion::p_value(&tables).unwrap_or(UNTESTED);
    ErrorRates { difference, p_value, adjusted_p_value: 1.0 }
}

fn latencies(strata: &[&Pair], criteria: &Criteria) -> Latencies {
    let histograms: Vec<(&Histogram, &Histogram)> =
        strata.iter().map(|pair| (&pair.lane.duration_ns, &pair.base.duration_ns)).collect();
    let shift = rank::shift(&histograms, 1.0 - criteria.alpha);
    let slow: Vec<Table> =
        histograms.iter().map(|(lane, base)| rank::above_quantile(lane, base, SLOW)).collect();
    Latencies {
        effect: shift.effect,
        p_value: shift.p_value,
        adjusted_p_value: 1.0,
        p50_ratio: rank::quantile_ratio(&histograms, 0.5),
        p95_ratio: rank::quantile_ratio(&histograms, SLOW),
        slow_share: proportion::difference(&slow, z(criteria)),
        slow_p_value: proportion::p_value(&slow).unwrap_or(UNTESTED),
        adjusted_slow_p_value: 1.0,
    }
}

/// The p value where there is nothing to test: no error on either side, or no duration above another.
const UNTESTED: f64 = 1.0;

/// The normal quantile of the confidence.
fn z(criteria: &Criteria) -> f64 {
    Normal::standard().inverse_cdf(1.0 - criteria.alpha / 2.0)
}

/// Allows for how many tests were made, over all rows. What could not be tested was not: what decides that (how many errors there are
/// on both sides together) says nothing of how they differ, as Tarone observed.
fn adjust(rows: &mut [Row]) {
    let mut tests: Vec<(f64, &mut f64)> = Vec::new();
    for row in rows {
        if let Some(errors) = &mut row.error_rates {
            tests.push((errors.p_value, &mut errors.adjusted_p_value));
        }
        if let Some(latencies) = &mut row.latencies {
            tests.push((latencies.p_value, &mut latencies.adjusted_p_value));
            tests.push((latencies.slow_p_value, &mut latencies.adjusted_slow_p_value));
        }
    }
    tests.retain(|(p_value, _)| *p_value < UNTESTED);
    let adjusted = holm::adjust(&tests.iter().map(|(p_value, _)| *p_value).collect::<Vec<_>>());
    for ((_, place), adjusted) in tests.into_iter().zip(adjusted) {
        *place = adjusted;
    }
}

/// A row fails where it is worse beyond chance and by more than is tolerated.
fn judge(row: &mut Row, criteria: &Criteria) {
    let rate = |red: &Red| red.errors as f64 / red.requests.max(1) as f64;
    if let Some(errors) = &row.error_rates
        && errors.adjusted_p_value < criteria.alpha
        && errors.difference.value >= criteria.min_error_difference
    {
        row.reasons.push(Reason::ErrorRate(rate(&row.lane), rate(&row.base)));
    }
    if let Some(latencies) = &row.latencies {
        if latencies.adjusted_p_value < criteria.alpha
            && latencies.effect.value >= criteria.min_effect
            && latencies.p50_ratio >= criteria.min_latency_ratio
        {
            row.reasons.push(Reason::Latency(latencies.effect.value, latencies.p50_ratio));
        }
        if latencies.adjusted_slow_p_value < criteria.alpha
            && latencies.slow_share.value > 0.0
            && latencies.p95_ratio >= criteria.min_latency_ratio
        {
            row.reasons.push(Reason::SlowRequests(latencies.p95_ratio));
        }
    }
    if row.verdict == Verdict::Pass && !row.reasons.is_empty() {
        row.verdict = Verdict::Fail;
    }
}

/// The verdict of the whole lane.
pub(super) fn overall(rows: &[Row], criteria: &Criteria) -> Verdict {
    if rows.iter().any(|row| row.verdict == Verdict::Fail) {
        return Verdict::Fail;
    }
    let (mut all, mut compared) = (0, 0);
    for row in rows.iter().filter(|row| matches!(row.subject, Subject::Operation(..))) {
        all += row.lane.requests;
        compared += if row.verdict == Verdict::Insufficient { 0 } else { row.lane.requests };
    }
    let is_covered = compared > 0 && compared as f64 >= criteria.min_coverage * all as f64;
    if is_covered { Verdict::Pass } else { Verdict::Insufficient }
}
