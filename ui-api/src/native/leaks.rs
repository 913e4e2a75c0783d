//! Where requests lose their lane.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use laneway_proto::{Lane, TraceId};
use laneway_storage::topology::{EdgeSide, Figures, Outcome, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

use super::graph::Level;
use crate::figures::hops;

/// How many traces a leak names.
const TRACES: usize = 10;

/// A call on which requests of a lane lost it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Leak {
    /// The id of the service that called.
    source: String,
    /// The id of the service that was called, and got no lane.
    target: String,
    /// With what the calling service was entered; where messages come from a queue, what took them.
    operation: String,
    /// What was called.
    target_operation: String,
    /// How often.
    count: u64,
    /// When the step of time begins in which it was seen first, in milliseconds since the Unix epoch.
    since_ms: u64,
    /// Some traces, the newest first.
    trace_ids: Vec<String>,
}

#[derive(Debug, Default)]
struct Sums {
    count: u64,
    since_s: Option<u64>,
    /// The newest first.
    traces: Vec<(u64, TraceId)>,
}

/// The leaks of a lane, of figures with edges between operations: the most frequent first.
pub(super) fn leaks(figures: &Figures, lane: &Lane) -> Vec<Leak> {
    let mut leaks = BTreeMap::<_, Sums>::new();
    for ((key, time_s), edge) in &figures.edges {
        if key.outcome != Outcome::Verdict(Verdict::Lost) || key.source_lane != *lane {
            continue;
        }
        let sums = leaks.entry((&key.source, &key.target)).or_default();
        sums.count += hops(edge);
        sums.since_s = Some(sums.since_s.map_or(*time_s, |since| since.min(*time_s)));
        let newest = edge.exemplars.newest.map(|trace| (trace.at_ns, trace.trace_id));
        let slowest = edge.exemplars.slowest.map(|trace| (time_s * 1_000_000_000, trace.trace_id));
        sums.traces.extend(newest.into_iter().chain(slowest));
    }
    let leak = |((source, target), sums): ((&EdgeSide, &EdgeSide), Sums)| Leak {
        source: Level::Service.node_id(&source.node, ""),
        target: Level::Service.node_id(&target.node, ""),
        operation: if source.detail.is_empty() { &target.detail } else { &source.detail }.to_string(),
        target_operation: target.detail.to_string(),
        count: sums.count,
        since_ms: sums.since_s.unwrap_or_default() * 1000,
        trace_ids: newest(sums.traces),
    };
    let mut leaks: Vec<_> = leaks.into_iter().map(leak).collect();
    leaks.sort_by_key(|leak| Reverse(leak.count));
    leaks
}

/// Each trace once, the newest first.
fn newest(mut traces: Vec<(u64, TraceId)>) -> Vec<String> {
    traces.sort_by_key(|trace| Reverse(*trace));
    let mut ids = Vec::new();
    for (_, id) in traces {
        if ids.len() < TRACES && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.iter().map(ToString::to_string).collect()
}
