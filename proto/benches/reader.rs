//! CPU time per span of reading a request, beside prost: `cargo bench -p laneway-proto`.
//!
//! 64 requests of 1000 spans, together larger than most caches, so that each is read cold, as one that has
//! just come from the network. A span has ten attributes, 650 to 700 bytes; a request has 60 resources with
//! two scopes each. The figure is the median of 15 rounds of the thread's own CPU time: other processes
//! disturb it little.
//!
//! `cargo bench -p laneway-proto -- reader` takes the rows whose name begins so, and
//! `COUNT=1` runs each once without a clock, for a tool that counts instructions.

#![allow(clippy::print_stdout, missing_docs)] // It prints its figures.

use std::hint::black_box;

use laneway_proto::otlp::reader::{AnyValue, ReadError, TracesRequest};
use laneway_proto::otlp::{attribute, field, wire};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustix::time::{ClockId, clock_gettime};

const REQUESTS: u64 = 64;
const SPANS: u64 = 1000;
const RESOURCES: u64 = 60;
const ROUNDS: usize = 15;

fn main() {
    let requests: Vec<Vec<u8>> = (0..REQUESTS).map(request).collect();
    let bytes: usize = requests.iter().map(Vec::len).sum();
    println!("{} bytes per span", bytes as u64 / (REQUESTS * SPANS));
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let is_counting = std::env::var_os("COUNT").is_some();
    let measure = |name: &str, read: &dyn Fn(&[u8]) -> u64| {
        if !name.starts_with(&filter) {
            return;
        }
        if is_counting {
            return read_all(&requests, read);
        }
        println!("{name:42} {:6.0} ns per span", ns_per_span(&requests, read));
    };
    measure("prost: decode and drop", &|request| {
        black_box(ExportTraceServiceRequest::decode(request))
            .map_or(0, |request| request.resource_spans.len() as u64)
    });
    measure("reader: the spans' own fields", &|request| own_fields(request).unwrap_or_default());
    measure("reader: everything, text unchecked", &|request| everything(request).unwrap_or_default());
    measure("reader: validate (text checked)", &|request| {
        u64::from(TracesRequest::new(request).validate().is_ok())
    });
}

/// Median of the rounds.
fn ns_per_span(requests: &[Vec<u8>], read: &dyn Fn(&[u8]) -> u64) -> f64 {
    let mut rounds: Vec<u64> = (0..ROUNDS)
        .map(|_| {
            let start = thread_cpu_ns();
            read_all(requests, read);
            thread_cpu_ns() - start
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2] as f64 / (REQUESTS * SPANS) as f64
}

#[inline(never)]
fn read_all(requests: &[Vec<u8>], read: &dyn Fn(&[u8]) -> u64) {
    for request in requests {
        assert_ne!(black_box(read(black_box(request))), 0);
    }
}

fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn own_fields(request: &[u8]) -> Result<u64, ReadError> {
    let mut sum = 0;
    for resource_spans in TracesRequest::new(request).resource_spans() {
        for scope_spans in resource_spans?.scope_spans() {
            for span in scope_spans?.spans() {
                let span = span?;
                sum += span.start_time_unix_nano ^ span.end_time_unix_nano;
                sum += (span.name.as_bytes().len() + span.attributes().len()) as u64;
                sum += u64::from(span.ids().is_some()) + u64::from(span.parent_id().is_some());
            }
        }
    }
    Ok(sum)
}

fn everything(request: &[u8]) -> Result<u64, ReadError> {
    let mut sum = 0;
    for resource_spans in TracesRequest::new(request).resource_spans() {
        let resource_spans = resource_spans?;
        sum += resource_spans.resource.bytes().len() as u64;
        for scope_spans in resource_spans.scope_spans() {
            for span in scope_spans?.spans() {
                let span = span?;
                sum += span.start_time_unix_nano ^ span.end_time_unix_nano;
                sum += span.name.as_bytes().len() as u64 + span.kind as u64 + span.status_code as u64;
                sum += u64::from(span.ids().is_some()) + u64::from(span.parent_id().is_some());
                for attribute in span.attributes() {
                    let attribute = attribute?;
                    sum += attribute.key.as_bytes().len() as u64 + value(&attribute.value);
                }
                for event in span.events() {
                    sum += event?.time_unix_nano;
                }
                sum += span.links().len() as u64;
            }
        }
    }
    Ok(sum)
}

fn value(value: &AnyValue<'_>) -> u64 {
    match value {
        AnyValue::String(text) => u64::from(text.as_bytes().first().copied().unwrap_or_default()),
        AnyValue::Int(value) => *value as u64,
        AnyValue::Double(value) => value.to_bits(),
        AnyValue::Bool(value) => u64::from(*value),
        AnyValue::Bytes(bytes) => bytes.len() as u64,
        AnyValue::Array(values) => values.len() as u64,
        AnyValue::KvList(entries) => entries.len() as u64,
        AnyValue::Empty => 0,
    }
}

fn request(seed: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for service in 0..RESOURCES {
        wire::message(&mut out, field::request::RESOURCE_SPANS, |out| {
            wire::message(out, field::resource_spans::RESOURCE, |out| resource(out, service));
            for scope in 0..2 {
                wire::message(out, field::resource_spans::SCOPE_SPANS, |out| {
                    wire::message(out, field::scope_spans::SCOPE, |out| {
                        wire::string(
                            out,
                            field::scope::NAME,
                            ["io.opentelemetry.http", "io.opentelemetry.db"][scope],
                        );
                        wire::string(out, field::scope::VERSION, "1.32.0");
                    });
                    // Together 1000 spans, each in the resource and the scope that its number says.
                    let first = service * 2 + scope as u64;
                    for number in (first..SPANS).step_by(2 * RESOURCES as usize) {
                        wire::message_sized(out, field::scope_spans::SPANS, 650, |out| {
                            span(out, seed * SPANS + number);
                        });
                    }
                });
            }
        });
    }
    out
}

fn resource(out: &mut Vec<u8>, service: u64) {
    let mut text = |key: &str, value: &str| attribute::string(out, field::resource::ATTRIBUTES, key, value);
    text("service.name", &format!("service-{service}"));
    text("service.version", "2.14.1");
    text("service.instance.id", &format!("627cc493-f310-47de-96bd-{service:012x}"));
    text("telemetry.sdk.name", "opentelemetry");
    text("telemetry.sdk.language", "rust");
    text("deployment.environment.name", "production");
    text("host.name", &format!("ip-10-0-{service}-17"));
    text("k8s.pod.name", &format!("service-{service}-7d9c6b8f5-x2x7k"));
}

fn span(out: &mut Vec<u8>, number: u64) {
    // Any well-mixed number does for an id.
    let mix = |salt: u64| (number * 8 + salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    let start = 1_757_320_936_518_899_903 + number * 1_000_003;
    wire::bytes(out, field::span::TRACE_ID, &[mix(0), mix(1)].concat());
    wire::bytes(out, field::span::SPAN_ID, &mix(2));
    wire::bytes(out, field::span::PARENT_SPAN_ID, &mix(3));
    wire::fixed32(out, field::span::FLAGS, 0x101);
    wire::string(out, field::span::NAME, &format!("GET /api/v1/resource-{}", number % 15));
    wire::uint64(out, field::span::KIND, 1 + number % 5);
    wire::fixed64(out, field::span::START_TIME_UNIX_NANO, start);
    wire::fixed64(out, field::span::END_TIME_UNIX_NANO, start + 1_000_000 + number % 977);
    let mut text = |key: &str, value: &str| attribute::string(out, field::span::ATTRIBUTES, key, value);
    text("http.request.method", "GET");
    text("url.scheme", "https");
    text("url.path", &format!("/api/v1/resource-{}/items/{number}", number % 15));
    text("http.route", "/api/v1/{resource}/items/{item}");
    text("network.protocol.version", "1.1");
    text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)");
    text("server.address", "frontend-proxy.production.svc.cluster.local");
    text("client.address", &format!("10.1.{}.{}", number % 251, number % 241));
    attribute::int(out, field::span::ATTRIBUTES, "http.response.status_code", 200);
    attribute::int(out, field::span::ATTRIBUTES, "server.port", 8443);
    if number.is_multiple_of(11) {
        wire::message(out, field::span::EVENTS, |out| {
            wire::fixed64(out, field::event::TIME_UNIX_NANO, start + 500);
            wire::string(out, field::event::NAME, "exception");
            let stack = "   at com.example.Handler.handle(Handler.java:42)\n".repeat(18);
            attribute::string(out, field::event::ATTRIBUTES, "exception.type", "java.io.IOException");
            attribute::string(out, field::event::ATTRIBUTES, "exception.stacktrace", &stack);
        });
        wire::message(out, field::span::STATUS, |out| wire::uint64(out, field::status::CODE, 2));
    } else {
        wire::message(out, field::span::STATUS, |_| ());
    }
}
