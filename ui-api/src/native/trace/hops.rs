//! What Laneway adds to a trace: the lanes of its spans, and the verdicts of its hops.

use laneway_storage::model::Trace;
use laneway_storage::query::TimeRange;
use laneway_storage::topology::{ExplainedHop, FiguresQuery, Presence, explain};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::graph::Level;

/// What OTLP has no field for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// Every span, by start.
    spans: Vec<SpanLane>,
    /// Every call between two nodes, by the start of its span.
    hops: Vec<HopBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SpanLane {
    span_id: String,
    /// As OTLP's. Both halves of a call may have the same id; this tells them apart.
    start_time_unix_nano: String,
    /// Its request lane: its own, that of the nearest ancestor that names one, or the baseline.
    lane: String,
}

/// A call between two nodes, of which one side may not have been traced.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HopBody {
    /// The span that served it; where the callee was not traced, the one that called.
    span_id: String,
    /// That span's.
    start_time_unix_nano: String,
    /// The lane of the request where it arrived, or left where nobody saw it arrive.
    lane: String,
    /// The lane of the request where it left.
    source_lane: String,
    /// `in_lane`, `baseline`, `fallback`, `misroute`, `crossover`, `contamination`, `lost` or `strict_miss`; null where the callee is no
    /// service instance.
    verdict: Option<&'static str>,
    /// The id of the calling node.
    source: String,
    /// The id of the called node.
    target: String,
    /// `declared`, `matched` or `one_sided`.
    provenance: &'static str,
}

impl Explanation {
    pub(super) fn of(trace: &Trace, presence: &Presence) -> Self {
        let mut explanation = Self { spans: Vec::with_capacity(trace.spans.len()), hops: Vec::new() };
        for span in explain(&trace.spans, presence) {
            let (span_id, start) = (span.span_id.to_string(), span.start_unix_ns.to_string());
            let hops = span.hops.iter().map(|hop| HopBody::of(&span_id, &start, hop));
            explanation.hops.extend(hops);
            let lane = span.lane.to_string();
            explanation.spans.push(SpanLane { span_id, start_time_unix_nano: start, lane });
        }
        explanation
    }

    /// Puts it into a JSON object, as its last member `laneway`.
    pub(super) fn append_to(&self, object: &mut Vec<u8>) -> serde_json::Result<()> {
        let closing = object.pop();
        debug_assert_eq!(closing, Some(b'}'));
        object.extend_from_slice(if object.ends_with(b"{") { br#""laneway":"# } else { br#","laneway":"# });
        serde_json::to_writer(&mut *object, self)?;
        object.push(b'}');
        Ok(())
    }
}

impl HopBody {
    fn of(span_id: &str, start: &str, hop: &ExplainedHop) -> Self {
        Self {
            span_id: span_id.to_owned(),
            start_time_unix_nano: start.to_owned(),
            lane: hop.lane.to_string(),
            source_lane: hop.source_lane.to_string(),
            verdict: hop.verdict.map(|verdict| verdict.as_str()),
            source: Level::Service.node_id(&hop.source.node, ""),
            target: Level::Service.node_id(&hop.target.node, ""),
            provenance: hop.provenance.as_str(),
        }
    }
}

/// Asks which lanes had instances while this trace ran.
pub(super) fn presence_during(trace: &Trace) -> FiguresQuery {
    let (start_unix_ns, end_unix_ns) = trace.bounds_unix_ns();
    FiguresQuery::of_presence(TimeRange { start_unix_ns, end_unix_ns })
}
