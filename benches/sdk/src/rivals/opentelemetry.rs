//! OpenTelemetry's SDK, alone and behind `tracing`.

use std::hint::black_box;
use std::time::Duration;

use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter,
};
use prost::Message;
use tracing_subscriber::layer::SubscriberExt;

use crate::ours::nest_tracing;
use crate::subject::{DEPTH, Input, Subject};

/// Encodes what it is given.
#[derive(Debug, Default)]
pub(super) struct Encoding {
    resource: ResourceAttributesWithSchema,
}

impl SpanExporter for Encoding {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        black_box(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn provider() -> SdkTracerProvider {
    // Room for everything between two flushes: dropping would be cheaper.
    let config = BatchConfigBuilder::default().with_max_queue_size(1 << 16).build();
    let processor = BatchSpanProcessor::builder(Encoding::default()).with_batch_config(config).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

/// Its own API.
pub(crate) struct Direct {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Direct {
    pub(crate) fn start() -> Self {
        let provider = provider();
        let tracer = provider.tracer("bench");
        Self { provider, tracer }
    }

    fn nest(&self, depth: usize, input: &Input) {
        let attributes = [
            KeyValue::new("db.system", "redis"),
            KeyValue::new("db.statement", input.statement.clone()),
            KeyValue::new("rows", input.rows),
        ];
        let span = self.tracer.span_builder("query").with_attributes(attributes).start(&self.tracer);
        let _current = Context::current_with_span(span).attach();
        if depth > 1 {
            self.nest(depth - 1, input);
        }
    }
}

impl Subject for Direct {
    fn trace(&self, input: &Input) {
        self.nest(DEPTH, input);
    }

    fn settle(&self) {
        // What fails here is seen in the figures.
        let _ = self.provider.force_flush();
    }
}

/// `tracing-opentelemetry`.
pub(crate) struct Bridge(SdkTracerProvider);

impl Bridge {
    /// Lean: without what it adds of its own to every span, which ours does not add either.
    pub(crate) fn start(lean: bool) -> anyhow::Result<Self> {
        let provider = provider();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        let layer = if lean {
            layer.with_location(false).with_threads(false).with_target(false).with_tracked_inactivity(false)
        } else {
            layer
        };
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
        Ok(Self(provider))
    }
}

impl Subject for Bridge {
    fn trace(&self, input: &Input) {
        nest_tracing(DEPTH, input);
    }

    fn settle(&self) {
        let _ = self.0.force_flush();
    }
}
