//! An OTLP endpoint that keeps what it gets.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// How long a test waits for spans.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the tests look at of a span.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) instance_lane: String,
    pub(crate) trace_id: Vec<u8>,
    pub(crate) span_id: Vec<u8>,
    pub(crate) parent_id: Vec<u8>,
    pub(crate) trace_state: String,
    pub(crate) name: String,
    pub(crate) kind: opentelemetry_proto::tonic::trace::v1::span::SpanKind,
    pub(crate) start: SystemTime,
    pub(crate) failed: bool,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Span {
    /// The lane of the request. The SDK writes it on every span, also in the baseline.
    pub(crate) fn lane(&self) -> &str {
        self.attributes.get("lane").map_or("", String::as_str)
    }
}

#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) endpoint: String,
    spans: watch::Receiver<Vec<Span>>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, spans) = watch::channel(Vec::new());
        let server = tonic::transport::Server::builder().add_service(TraceServiceServer::new(Keeper(sender)));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { endpoint, spans }
    }

    /// Waits until what has come satisfies the condition.
    #[track_caller]
    pub(crate) fn until(&self, condition: impl Fn(&[Span]) -> bool) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        let mut spans = self.spans.clone();
        async move {
            let seen = tokio::time::timeout(PATIENCE, spans.wait_for(|spans| condition(spans))).await;
            let Ok(seen) = seen else { panic!("the spans awaited at {caller} did not come") };
            seen.unwrap();
        }
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.borrow().clone()
    }
}

struct Keeper(watch::Sender<Vec<Span>>);

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send_modify(|spans| spans.extend(flatten(request.into_inner())));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn flatten(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut flat = Vec::new();
    for resource_spans in request.resource_spans {
        let resource = texts(resource_spans.resource.unwrap_or_default().attributes);
        let of_resource = |key: &str| resource.get(key).cloned();
        for span in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            flat.push(Span {
                service: of_resource("service.name").expect("service.name"),
                instance_lane: of_resource("service.lane").unwrap_or_else(|| "base".into()),
                kind: span.kind(),
                start: UNIX_EPOCH + Duration::from_nanos(span.start_time_unix_nano),
                failed: span.status.is_some_and(|status| status.code == 2),
                trace_id: span.trace_id,
                span_id: span.span_id,
                parent_id: span.parent_span_id,
                trace_state: span.trace_state,
                name: span.name,
                attributes: texts(span.attributes),
            });
        }
    }
    flat
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Some(any_value::Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|kv| (kv.key, text(kv.value.and_then(|value| value.value)))).collect()
}
