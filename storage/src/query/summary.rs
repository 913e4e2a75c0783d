//! Summaries of whole spans: of a trace, of services, of operations.

use std::collections::{BTreeMap, BTreeSet};

use super::{OperationSummary, Red, ServiceInTrace, ServiceSummary, TraceSummary};
use crate::model::{Span, Trace};

pub(super) fn summarise_trace(trace: &Trace) -> TraceSummary {
    let root = trace.root();
    let (start_unix_ns, end_unix_ns) = trace.bounds_unix_ns();
    let mut services = BTreeMap::<&str, (usize, usize)>::new();
    let mut lanes = BTreeSet::new();
    for span in &trace.spans {
        let (spans, errors) = services.entry(span.service_name()).or_default();
        *spans += 1;
        *errors += usize::from(span.is_error());
        lanes.insert(&span.lane);
    }
    TraceSummary {
        trace_id: trace.trace_id,
        root_span_id: root.span_id,
        root_service: root.service_name().to_owned(),
        root_operation: root.name.clone(),
        root_received: root.parent_span_id.is_none(),
        start_unix_ns,
        duration_ns: end_unix_ns - start_unix_ns,
        span_count: trace.spans.len(),
        error_count: services.values().map(|(_, errors)| errors).sum(),
        services: services
            .into_iter()
            .map(|(name, (span_count, error_count))| ServiceInTrace {
                name: name.to_owned(),
                span_count,
                error_count,
            })
            .collect(),
        lanes: lanes.into_iter().cloned().collect(),
    }
}

/// The services of these spans, by name.
pub fn summarise_services<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Vec<ServiceSummary> {
    let mut services = BTreeMap::<&str, (BTreeSet<_>, BTreeSet<_>, Red)>::new();
    for span in spans {
        let (lanes, instances, red) = services.entry(span.service_name()).or_default();
        lanes.insert(&span.lane);
        instances.insert(span.resource.instance_id());
        if span.is_entry() {
            red.record(span.duration_ns(), span.is_error());
        }
    }
    services
        .into_iter()
        .map(|(name, (lanes, instances, red))| ServiceSummary {
            name: name.to_owned(),
            lanes: lanes.into_iter().cloned().collect(),
            instances: instances.len(),
            red,
        })
        .collect()
}

/// The operations of the spans of one service, by name and kind.
pub fn summarise_operations<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Vec<OperationSummary> {
    let mut operations = BTreeMap::<_, Red>::new();
    for span in spans {
        operations
            .entry((span.name.as_str(), span.kind))
            .or_default()
            .record(span.duration_ns(), span.is_error());
    }
    operations
        .into_iter()
        .map(|((name, kind), red)| OperationSummary { name: name.to_owned(), kind, red })
        .collect()
}
