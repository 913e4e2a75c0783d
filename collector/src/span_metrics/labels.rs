//! Names and labels, as Tempo's metrics generator gives them.

use std::fmt::Write;
use std::sync::Arc;

use laneway_proto::Lane;
use laneway_storage::model::{SpanKind, StatusCode};
use laneway_storage::topology::{EdgeKey, EdgeSide, NodeKind, RedKey};

use super::Calls;
use super::ladder::Counts;
use super::series::{Amount, Family};

/// The ends of calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallLabels {
    client: Arc<str>,
    client_lane: Lane,
    server: Arc<str>,
    server_lane: Lane,
    connection_type: &'static str,
}

/// What spans have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SpanLabels {
    service: Arc<str>,
    operation: Arc<str>,
    kind: SpanKind,
    status: StatusCode,
    lane: Lane,
}

impl CallLabels {
    pub(super) fn of(key: &EdgeKey) -> Self {
        let name = |side: &EdgeSide| Arc::clone(&side.node.name);
        let is = |kinds: &[NodeKind]| {
            [&key.source, &key.target].iter().any(|side| kinds.contains(&side.node.kind))
        };
        Self {
            client: name(&key.source),
            client_lane: key.source.instance_lane.clone(),
            server: name(&key.target),
            server_lane: key.target.instance_lane.clone(),
            connection_type: if is(&[NodeKind::Queue]) {
                "messaging_system"
            } else if is(&[NodeKind::Database, NodeKind::Cache]) {
                "database"
            } else if is(&[NodeKind::External, NodeKind::User]) {
                "virtual_node"
            } else {
                ""
            },
        }
    }
}

impl SpanLabels {
    pub(super) fn of(key: &RedKey) -> Self {
        Self {
            service: Arc::clone(&key.service),
            operation: Arc::clone(&key.operation),
            kind: key.kind,
            status: key.status,
            lane: key.lane.clone(),
        }
    }
}

impl Amount for Counts {
    fn max(&self, other: &Self) -> Self {
        self.max(other)
    }

    fn grow(&mut self, was: &Self, now: &Self) {
        self.grow(was, now);
    }

    fn total(&self) -> u64 {
        self.total()
    }
}

impl Amount for Calls {
    fn max(&self, other: &Self) -> Self {
        Self {
            failed: self.failed.max(other.failed),
            server: self.server.max(&other.server),
            client: self.client.max(&other.client),
        }
    }

    fn grow(&mut self, was: &Self, now: &Self) {
        self.failed += now.failed - was.failed;
        self.server.grow(&was.server, &now.server);
        self.client.grow(&was.client, &now.client);
    }

    fn total(&self) -> u64 {
        self.server.total()
    }
}

pub(super) fn render_calls(family: &Family<CallLabels, Calls>, out: &mut String) {
    let rows: Vec<(String, &Calls)> =
        family.iter().map(|(labels, calls)| (call_labels(labels), calls)).collect();
    let name = "traces_service_graph_request_total";
    describe(name, "counter", "Calls from one node to another", out);
    for (labels, calls) in &rows {
        sample(name, labels, calls.server.total(), out);
    }
    let name = "traces_service_graph_request_failed_total";
    describe(name, "counter", "Calls that failed for the caller or the callee", out);
    for (labels, calls) in &rows {
        sample(name, labels, calls.failed, out);
    }
    let name = "traces_service_graph_request_server_seconds";
    describe(name, "histogram", &format!("How long callees took{DERIVED}"), out);
    for (labels, calls) in &rows {
        calls.server.render(name, labels, out);
    }
    let name = "traces_service_graph_request_client_seconds";
    describe(
        name,
        "histogram",
        &format!("How long callers waited, where both sides are known{DERIVED}"),
        out,
    );
    for (labels, calls) in rows.iter().filter(|(_, calls)| calls.client.total() > 0) {
        calls.client.render(name, labels, out);
    }
}

pub(super) fn render_spans(family: &Family<SpanLabels, Counts>, out: &mut String) {
    let rows: Vec<(String, &Counts)> =
        family.iter().map(|(labels, counts)| (span_labels(labels), counts)).collect();
    let name = "traces_spanmetrics_calls_total";
    describe(name, "counter", "Spans", out);
    for (labels, counts) in &rows {
        sample(name, labels, counts.total(), out);
    }
    let name = "traces_spanmetrics_latency";
    describe(name, "histogram", &format!("Durations of spans, in seconds{DERIVED}"), out);
    for (labels, counts) in &rows {
        counts.render(name, labels, out);
    }
}

pub(super) fn render_left_out(calls: u64, spans: u64, out: &mut String) {
    let name = "laneway_span_metrics_left_out_total";
    describe(name, "counter", "What is in no series because there are metrics.max_series", out);
    sample(name, "of=\"calls\"", calls, out);
    sample(name, "of=\"spans\"", spans, out);
}

/// What every histogram says of itself.
const DERIVED: &str = ", of log-linear histograms: durations and their sum to within 6.25 %";

fn describe(name: &str, kind: &str, help: &str, out: &mut String) {
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(name: &str, labels: &str, value: u64, out: &mut String) {
    let _ = writeln!(out, "{name}{{{labels}}} {value}");
}

/// The lane of an instance stands as the namespace of its service, so that Grafana draws a node for each lane. The baseline has none: to
/// Prometheus an empty label is an absent one.
fn call_labels(labels: &CallLabels) -> String {
    let namespace = |lane: &Lane| if lane.is_base() { String::new() } else { lane.to_string() };
    format!(
        "client=\"{}\",client_service_namespace=\"{}\",server=\"{}\",server_service_namespace=\"{}\",connection_type=\"{}\"",
        escaped(&labels.client),
        namespace(&labels.client_lane),
        escaped(&labels.server),
        namespace(&labels.server_lane),
        labels.connection_type,
    )
}

fn span_labels(labels: &SpanLabels) -> String {
    let kind = match labels.kind {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    };
    let status = match labels.status {
        StatusCode::Unset => "STATUS_CODE_UNSET",
        StatusCode::Ok => "STATUS_CODE_OK",
        StatusCode::Error => "STATUS_CODE_ERROR",
    };
    format!(
        "service=\"{}\",span_name=\"{}\",span_kind=\"{kind}\",status_code=\"{status}\",lane=\"{}\"",
        escaped(&labels.service),
        escaped(&labels.operation),
        labels.lane,
    )
}

/// A label's value in the text format.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}
