//! Requests as a fleet sends them: 30 services of 15 operations each, traces of 20 spans cut over four requests, 12 resource
//! attributes, 8 to 11 span attributes of which one or two are unique to the span or its trace, 2 % exceptions.
//!
//! Which operation calls which is random at each span, or as fixed as it is in programs: see [`Calls`].

use laneway_proto::otlp::{attribute, field, wire};

pub(crate) const SPANS_PER_REQUEST: u64 = 1000;
const REQUESTS_PER_GROUP: u64 = 4;
const SPANS_PER_GROUP: u64 = SPANS_PER_REQUEST * REQUESTS_PER_GROUP;
const SPANS_PER_TRACE: u64 = 20;
const SERVICES: u64 = 30;
const OPERATIONS: u64 = 15;
const LANES: [&str; 6] = ["base", "base", "base", "grey-v2", "canary", "load-test"];

/// Which operation calls which.
#[derive(Clone, Copy)]
pub(crate) enum Calls {
    /// Any calls any, a thousand spans a second: hardly two spans are counted together.
    Random,
    /// Each trace is one of 64 kinds, which have the same calls each time, a hundred thousand spans a second.
    Fixed,
}

impl Calls {
    const KINDS: u64 = 64;

    fn span_interval_ns(self) -> u64 {
        match self {
            Self::Random => 1_000_003,
            Self::Fixed => 10_007,
        }
    }
}

/// A span by its number in the whole run, which decides everything about it.
#[derive(Clone, Copy)]
struct Span {
    number: u64,
    /// Decides what it does.
    part: u64,
    start_unix_ns: u64,
    trace: u64,
    service: u64,
    lane: &'static str,
}

impl Span {
    fn new(number: u64, calls: Calls) -> Self {
        let trace = number / SPANS_PER_TRACE;
        let lane = LANES[(mix(trace) % LANES.len() as u64) as usize];
        let part = match calls {
            Calls::Random => number,
            Calls::Fixed => mix(trace) / 8 % Calls::KINDS * SPANS_PER_TRACE + number % SPANS_PER_TRACE,
        };
        let start_unix_ns = 1_757_320_936_518_899_903 + number * calls.span_interval_ns();
        Self { number, part, start_unix_ns, trace, service: mix(part) % SERVICES, lane }
    }

    /// Some number of this span, below `bound`.
    fn pick(self, salt: u64, bound: u64) -> u64 {
        mix(self.number ^ salt << 40) % bound
    }

    /// Some number of what it does, below `bound`.
    fn pick_part(self, salt: u64, bound: u64) -> u64 {
        mix(self.part ^ salt << 40) % bound
    }
}

/// `count` requests; no two have an id in common.
pub(crate) fn requests(count: u64, calls: Calls) -> Vec<Vec<u8>> {
    let groups = 0..count.div_ceil(REQUESTS_PER_GROUP);
    groups.flat_map(|number| group(number, calls)).take(count as usize).collect()
}

fn group(group: u64, calls: Calls) -> Vec<Vec<u8>> {
    let first = group * SPANS_PER_GROUP;
    let mut spans: Vec<Span> =
        (first..first + SPANS_PER_GROUP).map(|number| Span::new(number, calls)).collect();
    spans.sort_by_key(|span| (span.service, span.lane));
    spans.chunks(SPANS_PER_REQUEST as usize).map(request).collect()
}

fn request(spans: &[Span]) -> Vec<u8> {
    let mut out = Vec::new();
    for instance in spans.chunk_by(|a, b| (a.service, a.lane) == (b.service, b.lane)) {
        wire::message(&mut out, field::request::RESOURCE_SPANS, |out| {
            wire::message(out, field::resource_spans::RESOURCE, |out| write_resource(out, instance[0]));
            wire::message(out, field::resource_spans::SCOPE_SPANS, |out| {
                wire::message(out, field::scope_spans::SCOPE, |out| {
                    wire::string(out, field::scope::NAME, "shop.instrumentation");
                    wire::string(out, field::scope::VERSION, "1.4.0");
                });
                for span in instance {
                    wire::message_sized(out, field::scope_spans::SPANS, 400, |out| write_span(out, *span));
                }
            });
        });
    }
    out
}

fn write_resource(out: &mut Vec<u8>, span: Span) {
    let Span { service, lane, .. } = span;
    let mut text = |key: &str, value: &str| attribute::string(out, field::resource::ATTRIBUTES, key, value);
    text("service.name", &format!("service-{service}"));
    text("service.namespace", "shop");
    text("service.version", "1.14.2");
    text("service.instance.id", &format!("service-{service}-{lane}-0"));
    text("service.lane", lane);
    text("deployment.environment.name", "production");
    text("cloud.region", ["eu-central-1", "us-east-1", "ap-east-1"][(service % 3) as usize]);
    text("host.name", &format!("node-{:02}", service * 7 % 40));
    text("k8s.namespace.name", "shop");
    text("k8s.pod.name", &format!("service-{service}-{lane}-7d9c6b8f5"));
    text("telemetry.sdk.language", "rust");
    text("telemetry.sdk.name", "opentelemetry");
}

fn write_span(out: &mut Vec<u8>, span: Span) {
    let start = span.start_unix_ns;
    let operation = span.pick_part(1, OPERATIONS);
    let work = span.pick_part(2, 10);
    let (name, kind) = match work {
        0..=2 => (format!("GET /service-{}/{{id}}/op-{operation}", span.service), 2),
        3..=5 => (format!("GET /service-{}/{{id}}/op-{operation}", span.pick_part(3, SERVICES)), 3),
        6 | 7 => (format!("SELECT service_{}", span.service), 3),
        8 => (format!("send service-{}.events", span.service), 4),
        _ => ("validate".to_owned(), 1),
    };
    wire::bytes(
        out,
        field::span::TRACE_ID,
        &[mix(span.trace).to_le_bytes(), mix(!span.trace).to_le_bytes()].concat(),
    );
    wire::bytes(out, field::span::SPAN_ID, &mix(span.number << 1 | 1).to_le_bytes());
    if !span.number.is_multiple_of(SPANS_PER_TRACE) {
        wire::bytes(out, field::span::PARENT_SPAN_ID, &mix((span.number - 1) << 1 | 1).to_le_bytes());
    }
    wire::string(out, field::span::NAME, &name);
    wire::uint64(out, field::span::KIND, kind);
    wire::fixed64(out, field::span::START_TIME_UNIX_NANO, start);
    wire::fixed64(out, field::span::END_TIME_UNIX_NANO, start + 1_000_000 + span.pick(4, 90_000_000));
    match work {
        0..=2 => serve(out, span, operation),
        3..=5 => call(out, span, operation),
        6 | 7 => query(out, span),
        8 => send(out, span),
        _ => compute(out, span),
    }
    if span.lane != "base" {
        attribute::string(out, field::span::ATTRIBUTES, "lane", span.lane);
    }
    if span.pick(5, 50) == 0 {
        exception(out, start);
        wire::message(out, field::span::STATUS, |out| {
            wire::string(out, field::status::MESSAGE, "deadline exceeded");
            wire::uint64(out, field::status::CODE, 2);
        });
    }
    wire::fixed32(out, field::span::FLAGS, 0x101);
}

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    attribute::string(out, field::span::ATTRIBUTES, key, value);
}

fn int(out: &mut Vec<u8>, key: &str, value: u64) {
    attribute::int(out, field::span::ATTRIBUTES, key, value as i64);
}

fn user(out: &mut Vec<u8>, span: Span) {
    text(out, "user.id", &format!("u-{:07}", mix(span.trace) % 1_000_000));
}

fn serve(out: &mut Vec<u8>, span: Span, operation: u64) {
    text(out, "http.request.method", "GET");
    text(out, "http.route", &format!("/service-{}/{{id}}/op-{operation}", span.service));
    text(
        out,
        "url.path",
        &format!("/service-{}/{:010}/op-{operation}", span.service, span.pick(6, 10_000_000_000)),
    );
    text(out, "url.scheme", "http");
    int(out, "http.response.status_code", 200);
    int(out, "http.response.body.size", span.pick(7, 9000));
    text(out, "server.address", &format!("service-{}", span.service));
    int(out, "server.port", 8080);
    text(out, "client.address", &format!("10.{}.{}.7", span.service, span.pick(8, 250)));
    text(out, "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) shop-client/3.2");
    user(out, span);
}

fn call(out: &mut Vec<u8>, span: Span, operation: u64) {
    let peer = span.pick_part(3, SERVICES);
    text(out, "http.request.method", "GET");
    let id = span.pick(6, 10_000_000_000);
    text(
        out,
        "url.full",
        &format!("http://service-{peer}.shop.svc:8080/service-{peer}/{id:010}/op-{operation}"),
    );
    int(out, "http.response.status_code", 200);
    text(out, "server.address", &format!("service-{peer}.shop.svc"));
    int(out, "server.port", 8080);
    text(out, "network.peer.address", &format!("10.96.{peer}.11"));
    text(out, "network.protocol.version", "1.1");
    text(out, "service.peer.name", &format!("service-{peer}"));
    int(out, "thread.id", span.pick(9, 16));
    user(out, span);
}

fn query(out: &mut Vec<u8>, span: Span) {
    text(out, "db.system.name", "postgresql");
    text(out, "db.namespace", "shop");
    text(out, "db.collection.name", &format!("service_{}", span.service));
    text(out, "db.operation.name", "SELECT");
    text(
        out,
        "db.query.text",
        &format!("SELECT id, owner, state, total, changed_at FROM service_{} WHERE id = ?", span.service),
    );
    text(out, "server.address", &format!("service-{}-postgresql.data.svc", span.service));
    int(out, "server.port", 5432);
    int(out, "db.response.returned_rows", span.pick(10, 20));
    int(out, "thread.id", span.pick(9, 16));
}

fn send(out: &mut Vec<u8>, span: Span) {
    text(out, "messaging.system", "kafka");
    text(out, "messaging.destination.name", &format!("service-{}.events", span.service));
    text(out, "messaging.operation.type", "send");
    text(out, "messaging.client.id", &format!("service-{}-1", span.service));
    text(out, "messaging.destination.partition.id", &span.pick(11, 12).to_string());
    text(out, "messaging.message.id", &format!("{:016x}", mix(span.number)));
    int(out, "messaging.message.body.size", span.pick(12, 4000));
    text(out, "server.address", "kafka.data.svc");
}

fn compute(out: &mut Vec<u8>, span: Span) {
    text(out, "code.function.name", "shop::rules::validate");
    text(out, "code.file.path", "src/rules.rs");
    int(out, "code.line.number", 118);
    int(out, "thread.id", span.pick(9, 16));
    text(out, "thread.name", "worker");
    attribute::boolean(out, field::span::ATTRIBUTES, "shop.cache.hit", span.pick(13, 2) == 0);
    attribute::double(out, field::span::ATTRIBUTES, "shop.score", span.pick(14, 1000) as f64 / 1000.0);
    user(out, span);
}

fn exception(out: &mut Vec<u8>, time_unix_ns: u64) {
    wire::message(out, field::span::EVENTS, |out| {
        wire::fixed64(out, field::event::TIME_UNIX_NANO, time_unix_ns + 500);
        wire::string(out, field::event::NAME, "exception");
        let frame = "\n    at shop.orders.Handler.run(Handler.java:42)";
        attribute::string(out, field::event::ATTRIBUTES, "exception.type", "shop.DeadlineExceededException");
        attribute::string(out, field::event::ATTRIBUTES, "exception.stacktrace", &frame.repeat(14));
    });
}

/// A well-mixed number (the finaliser of SplitMix64, Steele et al., 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}
