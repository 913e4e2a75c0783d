//! The series that Grafana's service map and users of Tempo rely on: `traces_service_graph_*` and `traces_spanmetrics_*`.
//!
//! They are counters since the start of the process, made of figures by the minute. A minute is counted [`SETTLE`] after its end, and looked
//! at again for [`REVISIT_MINUTES`], for spans that arrive late: what has become more is added. A correction can also make a figure smaller,
//! for instance when the other half of a call turns up and the call moves from one series to another. Prometheus takes a counter that falls
//! for a restart, so what was counted stays: each series keeps the most that each minute ever was. What arrives later still is in the
//! query API, and not here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use laneway_storage::Store;
use laneway_storage::query::TimeRange;
use laneway_storage::topology::{EdgeLevel, Figures, FiguresQuery};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

mod labels;
mod ladder;
mod series;
#[cfg(test)]
mod tests;

use labels::{CallLabels, SpanLabels};
use ladder::Counts;
use series::Family;

/// How long after its end a minute is counted first.
pub const SETTLE: Duration = Duration::from_secs(30);

/// For how many minutes a minute is looked at again.
pub const REVISIT_MINUTES: u64 = 15;

const MINUTE_S: u64 = 60;

/// What one minute added to a series of calls.
#[derive(Debug, Clone, Default)]
struct Calls {
    failed: u64,
    server: Counts,
    client: Counts,
}

/// All series. Clones share them.
#[derive(Debug, Clone)]
pub struct SpanMetrics(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Minutes before this one are not counted: the process was not there, and counters begin at 0.
    first_minute: u64,
    calls: Family<CallLabels, Calls>,
    spans: Family<SpanLabels, Counts>,
}

impl SpanMetrics {
    /// No series yet. Of each of both kinds, at most `max_series` are kept; what has no place is counted.
    #[must_use]
    pub fn new(started_unix_s: u64, max_series: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            first_minute: started_unix_s / MINUTE_S,
            calls: Family::new(max_series),
            spans: Family::new(max_series),
        })))
    }

    /// What to ask a store for at this time, in seconds since the Unix epoch; `None` while there is nothing to count.
    fn query(&self, now_s: u64) -> Option<FiguresQuery> {
        let end_s = now_s.saturating_sub(SETTLE.as_secs()) / MINUTE_S * MINUTE_S;
        let start_s =
            end_s.saturating_sub(REVISIT_MINUTES * MINUTE_S).max(self.0.lock().first_minute * MINUTE_S);
        (start_s < end_s).then(|| FiguresQuery {
            range: TimeRange {
                start_unix_ns: start_s * 1_000_000_000,
                end_unix_ns: end_s * 1_000_000_000 - 1,
            },
            step_s: Some(MINUTE_S as u32),
            service: None,
            red: true,
            edges: Some(EdgeLevel::Instance),
        })
    }

    /// Counts figures by the minute that answer a [`query`](Self::query).
    fn count(&self, figures: &Figures) {
        let mut calls = BTreeMap::<(u64, CallLabels), Calls>::new();
        for ((key, time_s), edge) in &figures.edges {
            let minute = calls.entry((*time_s, CallLabels::of(key))).or_default();
            minute.failed += edge.errors.max(0) as u64;
            minute.server.add(&edge.duration_ns);
            minute.client.add(&edge.client_duration_ns);
        }
        let mut spans = BTreeMap::<(u64, SpanLabels), Counts>::new();
        for ((key, time_s), red) in &figures.red {
            spans.entry((*time_s, SpanLabels::of(key))).or_default().add(&red.duration_ns);
        }
        let state = &mut *self.0.lock();
        state.calls.count(calls);
        state.spans.count(spans);
    }

    /// Forgets minutes before those of a [`query`](Self::query): they are not looked at again.
    fn forget(&self, query: &FiguresQuery) {
        let before_s = query.range.start_unix_ns / 1_000_000_000;
        let state = &mut *self.0.lock();
        state.calls.forget(before_s);
        state.spans.forget(before_s);
    }

    /// All series in Prometheus's text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let state = self.0.lock();
        let mut out = String::new();
        labels::render_calls(&state.calls, &mut out);
        labels::render_spans(&state.spans, &mut out);
        labels::render_left_out(state.calls.left_out(), state.spans.left_out(), &mut out);
        out
    }

    /// Counts every minute until `stop`.
    pub(crate) async fn run(self, store: Arc<dyn Store>, stop: CancellationToken) {
        let mut quiet = Quiet::default();
        loop {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(until_next_minute(since_epoch)) => {}
            }
            let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let Some(query) = self.query(now_s) else { continue };
            self.forget(&query);
            if quiet.has_lasted(store.spans_so_far()) {
                continue;
            }
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = store.figures(query.clone()) => answer,
            };
            match answer {
                Ok(figures) => self.count(&figures),
                // The next minute looks at this one again.
                Err(error) => {
                    tracing::warn!(%error, "span metrics could not be counted");
                    quiet = Quiet::default();
                }
            }
        }
    }
}

/// Whether spans still come.
#[derive(Debug, Default)]
struct Quiet {
    spans: Option<u64>,
    /// How often there were as many as before.
    looks: u32,
}

impl Quiet {
    /// A span of the minute in which the last ones came is counted a minute and [`SETTLE`] later at the latest, which is two looks after the
    /// one that finds that they came.
    const LOOKS: u32 = 2;

    /// Looks, once a minute: whether all spans were counted, and none has come.
    fn has_lasted(&mut self, spans: Option<u64>) -> bool {
        let is_same = spans.is_some() && spans == self.spans;
        self.spans = spans;
        self.looks = if is_same { self.looks.saturating_add(1) } else { 0 };
        self.looks > Self::LOOKS
    }
}

/// How long it is until a minute has ended [`SETTLE`] ago.
fn until_next_minute(since_epoch: Duration) -> Duration {
    let minute = Duration::from_secs(MINUTE_S);
    let into = (since_epoch + minute - SETTLE).as_nanos() % minute.as_nanos();
    minute - Duration::from_nanos(into as u64)
}
