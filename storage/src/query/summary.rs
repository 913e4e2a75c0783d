//! The summary of a trace.

use std::collections::{BTreeMap, BTreeSet};

use super::{ServiceInTrace, TraceSummary};
use crate::model::Trace;

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
