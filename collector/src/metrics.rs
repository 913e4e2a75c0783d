//! Every metric of the collector, declared in one place.
//!
//! Labels are closed sets. What a store counts is read from [`Store::stats`] at the moment of a scrape.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use laneway_storage::Store;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use crate::admission::Admission;

pub(crate) mod queries;

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label values")]
pub enum Protocol {
    /// OTLP/gRPC.
    otlp_grpc,
    /// OTLP/HTTP with a protobuf body, or one that is neither.
    otlp_http,
    /// OTLP/HTTP with a JSON body.
    otlp_http_json,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label values")]
pub enum Outcome {
    /// Every span is stored.
    accepted,
    /// Some spans are stored, the others were refused for their ids.
    partial,
    /// Refused: no valid request, or compressed or encoded in a way that is not understood.
    invalid,
    /// Refused: over a size limit.
    too_large,
    /// Refused: over the memory budget; the sender was asked to retry.
    overloaded,
    /// Refused: the store cannot make anything durable at present; the sender was asked to retry.
    unavailable,
    /// Refused: the body took too long to arrive.
    too_slow,
    /// The sender went away before there was an answer.
    aborted,
    /// Refused for a fault of the collector.
    internal,
}

/// A kind of telemetry that Laneway does not store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label values")]
pub enum Signal {
    /// Metrics.
    metrics,
    /// Logs.
    logs,
    /// Profiles.
    profiles,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::metrics => "metrics",
            Self::logs => "logs",
            Self::profiles => "profiles",
        })
    }
}

/// Whether spans of a request were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label values")]
enum SpanOutcome {
    accepted,
    rejected,
}

/// Whether bytes are counted as they were received, or after decompression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label values")]
enum ByteForm {
    received,
    decompressed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    protocol: Protocol,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SpanLabels {
    protocol: Protocol,
    outcome: SpanOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByteLabels {
    protocol: Protocol,
    form: ByteForm,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignalLabels {
    signal: Signal,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
}

/// The registry, and the metrics that the collector counts itself.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    spans: Family<SpanLabels, Counter>,
    bytes: Family<ByteLabels, Counter>,
    unsupported: Family<SignalLabels, Counter>,
    connections: Family<ListenerLabels, Gauge>,
}

impl Metrics {
    /// Declares every metric.
    #[must_use]
    pub fn new(admission: Admission, store: Arc<dyn Store>) -> Self {
        let mut registry = Registry::with_prefix("laneway");
        let (requests, spans, bytes) = (Family::default(), Family::default(), Family::default());
        let (unsupported, connections) = (Family::default(), Family::default());
        registry.register(
            "receiver_requests",
            "Trace requests, by what became of them",
            Family::clone(&requests),
        );
        registry.register("receiver_spans", "Spans of requests that were taken", Family::clone(&spans));
        registry.register_with_unit(
            "receiver",
            "Bodies of trace requests, as received and after decompression",
            Unit::Bytes,
            Family::clone(&bytes),
        );
        registry.register(
            "receiver_unsupported_requests",
            "Requests with telemetry that is not stored, refused without retry",
            Family::clone(&unsupported),
        );
        registry.register("connections", "Open connections", Family::clone(&connections));
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") }).set(1);
        registry.register("build_info", "The build that runs; always 1", build);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        registry.register_with_unit(
            "start_time",
            "When the process started, since the Unix epoch",
            Unit::Seconds,
            ConstGauge::new(started),
        );
        registry.register_collector(Box::new(AtScrape { admission, store: StoreHandle(store) }));
        Self { registry: Mutex::new(registry), requests, spans, bytes, unsupported, connections }
    }

    /// All metrics in Prometheus's text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        encoded(&self.registry.lock())
    }

    /// Counts a finished request.
    pub(crate) fn request(&self, protocol: Protocol, outcome: Outcome) {
        self.requests.get_or_create(&RequestLabels { protocol, outcome }).inc();
    }

    /// Counts the spans of a request that was taken.
    pub(crate) fn spans(&self, protocol: Protocol, accepted: u64, rejected: u64) {
        for (outcome, count) in [(SpanOutcome::accepted, accepted), (SpanOutcome::rejected, rejected)] {
            self.spans.get_or_create(&SpanLabels { protocol, outcome }).inc_by(count);
        }
    }

    /// Counts the body of a request.
    pub(crate) fn body(&self, protocol: Protocol, received: usize, decompressed: usize) {
        for (form, count) in [(ByteForm::received, received), (ByteForm::decompressed, decompressed)] {
            self.bytes.get_or_create(&ByteLabels { protocol, form }).inc_by(count as u64);
        }
    }

    /// Counts a request with telemetry that is not stored; true the first time for its signal.
    pub(crate) fn unsupported(&self, signal: Signal) -> bool {
        self.unsupported.get_or_create(&SignalLabels { signal }).inc() == 0
    }

    /// The number of open connections of a listener.
    pub(crate) fn connections(&self, listener: &'static str) -> Gauge {
        self.connections.get_or_create(&ListenerLabels { listener }).clone()
    }
}

fn encoded(registry: &Registry) -> String {
    let mut open_metrics = String::new();
    // Writing to a string cannot fail.
    let _ = prometheus_client::encoding::text::encode(&mut open_metrics, registry);
    prometheus_text(&open_metrics)
}

/// Turns the OpenMetrics text of the library into Prometheus's own format, which wants the `_total` of a counter in its
/// `HELP` and `TYPE`, and has neither `UNIT` nor `EOF`.
fn prometheus_text(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len() + 256);
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let help = help.split_once(' ').unwrap_or_default().1.trim_end_matches('.');
            let suffix = if kind == "counter" { "_total" } else { "" };
            out.push_str(&format!("# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// A store that can be printed, as the registry demands.
struct StoreHandle(Arc<dyn Store>);

impl fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// Figures that are read when somebody asks.
#[derive(Debug)]
struct AtScrape {
    admission: Admission,
    store: StoreHandle,
}

impl Collector for AtScrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.store.0.stats();
        let gauges = [
            (
                "admission_in_use",
                "Memory leased to requests under way",
                Some(Unit::Bytes),
                self.admission.in_use(),
            ),
            (
                "admission_capacity",
                "Memory that requests may lease",
                Some(Unit::Bytes),
                self.admission.capacity(),
            ),
            ("store_pending", "Requests that wait to become durable", Some(Unit::Bytes), stats.pending_bytes),
            (
                "store_unsealed_spans",
                "Spans in memory that are in the log but not in a part",
                None,
                stats.unsealed_spans,
            ),
            ("store_parts", "Parts", None, stats.parts),
            ("store_part_spans", "Spans in parts", None, stats.part_spans),
            ("store_part", "Parts on disk", Some(Unit::Bytes), stats.part_bytes),
            ("store_wal", "Write-ahead log on disk", Some(Unit::Bytes), stats.wal_bytes),
            (
                "store_parts_in_quarantine",
                "Damaged parts that were set aside; their spans are missing from all answers",
                None,
                stats.maintenance.parts_in_quarantine,
            ),
            (
                "store_recovered_spans",
                "Spans restored from the log at the start",
                None,
                stats.recovered_spans,
            ),
        ];
        for (name, help, unit, value) in gauges {
            write(
                &mut encoder,
                name,
                help,
                unit.as_ref(),
                &ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)),
            )?;
        }
        let counters = [
            ("store_accepted_spans", "Spans stored", None, stats.accepted_spans),
            (
                "store_rejected_spans",
                "Spans refused because an id is absent or zero",
                None,
                stats.rejected_spans,
            ),
            ("store_malformed_requests", "Requests refused as malformed", None, stats.malformed_requests),
            (
                "store_overloaded_requests",
                "Requests refused for lack of memory",
                None,
                stats.overloaded_requests,
            ),
            (
                "store_wal_appended",
                "Appended to the write-ahead log",
                Some(Unit::Bytes),
                stats.wal_appended_bytes,
            ),
            ("store_wal_syncs", "Syncs of the write-ahead log", None, stats.wal_syncs),
            ("store_merges", "Merges of parts", None, stats.maintenance.merges),
            ("store_merged_spans", "Spans that merges wrote", None, stats.maintenance.merged_spans),
            ("store_merge_failures", "Merges that failed", None, stats.maintenance.merge_failures),
            ("store_expired_parts", "Parts that retention removed", None, stats.maintenance.expired_parts),
            ("store_expired_spans", "Spans that retention removed", None, stats.maintenance.expired_spans),
            (
                "store_expired",
                "Parts that retention removed",
                Some(Unit::Bytes),
                stats.maintenance.expired_bytes,
            ),
            (
                "store_early_expired_spans",
                "Spans that retention removed before their age, for want of space",
                None,
                stats.maintenance.early_expired_spans,
            ),
            (
                "store_deleted_spans",
                "Spans that were deleted on request",
                None,
                stats.maintenance.deleted_spans,
            ),
            (
                "store_quarantined_parts",
                "Parts that were found damaged",
                None,
                stats.maintenance.quarantined_parts,
            ),
        ];
        for (name, help, unit, value) in counters {
            write(&mut encoder, name, help, unit.as_ref(), &ConstCounter::new(value))?;
        }
        let merge_cpu = ConstCounter::new(stats.maintenance.merge_cpu_ns as f64 / 1e9);
        write(&mut encoder, "store_merge_cpu", "CPU time of merges", Some(&Unit::Seconds), &merge_cpu)?;
        Ok(())
    }
}

fn write(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: &impl EncodeMetric,
) -> Result<(), fmt::Error> {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

#[cfg(test)]
mod tests;
