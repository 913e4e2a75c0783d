//! Spans as the official structs have them.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
pub use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;

/// One span with all that was said around it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanInContext {
    /// Its resource.
    pub resource: Resource,
    /// Schema of the resource.
    pub resource_schema_url: String,
    /// Its scope.
    pub scope: InstrumentationScope,
    /// Schema of the span.
    pub scope_schema_url: String,
    /// The span.
    pub span: Span,
}

/// Spans by (trace id, span id), however they were grouped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spans(pub BTreeMap<(Vec<u8>, Vec<u8>), SpanInContext>);

impl Spans {
    /// The spans of this data, each of which must have an id of its own.
    #[track_caller]
    pub fn of(data: TracesData) -> Self {
        let mut spans = BTreeMap::new();
        for resource_spans in data.resource_spans {
            let resource = resource_spans.resource.unwrap_or_default();
            for scope_spans in resource_spans.scope_spans {
                let scope = scope_spans.scope.unwrap_or_default();
                for mut span in scope_spans.spans {
                    // "No status" and "an unset status" mean the same.
                    span.status = span.status.filter(|status| *status != Default::default());
                    let id = (span.trace_id.clone(), span.span_id.clone());
                    let in_context = SpanInContext {
                        resource: resource.clone(),
                        resource_schema_url: resource_spans.schema_url.clone(),
                        scope: scope.clone(),
                        scope_schema_url: scope_spans.schema_url.clone(),
                        span,
                    };
                    assert!(spans.insert(id, in_context).is_none(), "a span is there twice");
                }
            }
        }
        Self(spans)
    }

    /// The spans of an OTLP/JSON request.
    #[track_caller]
    pub fn of_json(json: &[u8]) -> Self {
        Self::of(from_json(json))
    }

    /// The traces that they belong to, as hexadecimal digits, without repetition.
    pub fn trace_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.0.keys().map(|(trace_id, _)| hex(trace_id)).collect();
        ids.dedup();
        ids
    }

    /// Those of one trace.
    pub fn of_trace(&self, trace_id: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|((id, _), _)| hex(id) == trace_id)
                .map(|(id, span)| (id.clone(), span.clone()))
                .collect(),
        )
    }
}

/// An OTLP/JSON request as the official structs.
#[track_caller]
pub fn from_json(json: &[u8]) -> TracesData {
    TracesData::decode(&laneway_proto::otlp::json::to_protobuf(json).unwrap()[..]).unwrap()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
