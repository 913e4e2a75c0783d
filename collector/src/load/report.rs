//! The figures of a run, and the JSON line that says them.

use std::time::Duration;

use laneway_storage::query::Histogram;
use serde::Serialize;

/// What one worker, or all of them, did.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    pub(super) spans_sent: u64,
    pub(super) spans_acked: u64,
    pub(super) spans_refused: u64,
    pub(super) spans_unanswered: u64,
    pub(super) bytes_sent: u64,
    pub(super) retries: u64,
    pub(super) reconnects: u64,
    /// The last thing that went wrong.
    pub(super) last_error: Option<String>,
    /// Why the run ended early.
    pub(super) gave_up: Option<String>,
    export_ns: Histogram,
    max_export_ns: u64,
}

impl Totals {
    /// Counts the time from the first byte of an export to its final answer.
    pub(super) fn exported(&mut self, took: Duration) {
        let took_ns = took.as_nanos() as u64;
        self.export_ns.record(took_ns);
        self.max_export_ns = self.max_export_ns.max(took_ns);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.spans_sent += other.spans_sent;
        self.spans_acked += other.spans_acked;
        self.spans_refused += other.spans_refused;
        self.spans_unanswered += other.spans_unanswered;
        self.bytes_sent += other.bytes_sent;
        self.retries += other.retries;
        self.reconnects += other.reconnects;
        self.export_ns.merge(&other.export_ns);
        self.max_export_ns = self.max_export_ns.max(other.max_export_ns);
        self.last_error = other.last_error.or(self.last_error.take());
        self.gave_up = other.gave_up.or(self.gave_up.take());
    }

    /// The report of a run that took this long.
    pub(super) fn report(&self, seed: u64, wall: Duration) -> Report {
        let quantile = |q| self.export_ns.quantile(q).map(|ns| milliseconds(ns.min(self.max_export_ns)));
        let export_ms = ExportMs {
            p50: quantile(0.5),
            p99: quantile(0.99),
            max: (self.export_ns.count() > 0).then(|| milliseconds(self.max_export_ns)),
        };
        Report {
            spans_sent: self.spans_sent,
            spans_acked: self.spans_acked,
            spans_refused: self.spans_refused,
            spans_unanswered: self.spans_unanswered,
            wall_s: (wall.as_secs_f64() * 1e3).round() / 1e3,
            export_ms,
            bytes_sent: self.bytes_sent,
            retries: self.retries,
            reconnects: self.reconnects,
            seed,
            verification: None,
        }
    }
}

/// The JSON line at the end of a run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// Spans of exports that were sent at least once: the sum of the next three.
    pub(super) spans_sent: u64,
    pub(super) spans_acked: u64,
    pub(super) spans_refused: u64,
    /// Spans of exports whose answer never came: each of them may be stored, or not.
    pub(super) spans_unanswered: u64,
    pub(super) wall_s: f64,
    pub(super) export_ms: ExportMs,
    /// Bytes of request bodies, repetitions included.
    pub(super) bytes_sent: u64,
    /// Exports that were sent again because the server asked for it.
    pub(super) retries: u64,
    pub(super) reconnects: u64,
    pub(super) seed: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) verification: Option<Verification>,
}

/// How long exports took, in milliseconds, from the first attempt to the final answer; `null` when there was none.
/// Percentiles are at most 6.25 % too high.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct ExportMs {
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) max: Option<f64>,
}

/// What was found when sampled traces were read back. A trace can be both partial and duplicate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Verification {
    pub(super) traces_checked: u64,
    /// Traces of which no acknowledged span was found.
    pub(super) missing: u64,
    /// Traces of which some acknowledged spans were found, but not all.
    pub(super) partial: u64,
    /// Traces in which a span id was found more than once.
    pub(super) duplicate: u64,
}

impl Verification {
    pub(super) fn merge(&mut self, other: Self) {
        self.traces_checked += other.traces_checked;
        self.missing += other.missing;
        self.partial += other.partial;
        self.duplicate += other.duplicate;
    }

    /// Whether everything acknowledged was found.
    pub(super) fn is_complete(&self) -> bool {
        self.missing == 0 && self.partial == 0
    }
}

fn milliseconds(ns: u64) -> f64 {
    (ns as f64 / 1e3).round() / 1e3
}
