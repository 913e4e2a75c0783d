//! Spans of the fleet as OTLP: names, attributes, events and links in the current semantic conventions.

use laneway_proto::Lane;
use laneway_proto::otlp::{attribute, field, wire};

use super::fleet::{Fleet, OPERATIONS, Span, Work};
use super::ids::Number;
use super::template::{Template, Text};

#[cfg(test)]
mod tests;

const KIND_INTERNAL: u64 = 1;
const KIND_SERVER: u64 = 2;
const KIND_CLIENT: u64 = 3;
const KIND_PRODUCER: u64 = 4;
const KIND_CONSUMER: u64 = 5;
const STATUS_ERROR: u64 = 2;
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and the W3C sampled flag: a local parent, or none.
const FLAGS_LOCAL_PARENT: u32 = 0x101;
/// The same with `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`.
const FLAGS_REMOTE_PARENT: u32 = 0x301;

const DATABASES: [(&str, &str, i64); 4] = [
    ("postgresql", "SELECT", 5432),
    ("redis", "HGETALL", 6379),
    ("mysql", "UPDATE", 3306),
    ("mongodb", "find", 27017),
];
const REGIONS: [&str; 3] = ["eu-central-1", "us-east-1", "ap-east-1"];

/// An `ExportTraceServiceRequest` with these spans; `first` is the place of the first of them in its group.
///
/// Neighbours from the same instance share one `ResourceSpans`.
pub(super) fn export(fleet: &Fleet, spans: &[Span], first: usize) -> Template {
    let mut export = Template::default();
    let mut place = first as u32;
    for instance in spans.chunk_by(|a, b| (a.service, a.instance) == (b.service, b.instance)) {
        export.message(field::request::RESOURCE_SPANS, |resource_spans| {
            resource_spans.message(field::resource_spans::RESOURCE, |resource| {
                resource.fixed(|buf| write_resource(buf, fleet, &instance[0]));
            });
            resource_spans.message(field::resource_spans::SCOPE_SPANS, |scope_spans| {
                scope_spans.message(field::scope_spans::SCOPE, |scope| {
                    scope.fixed(|buf| {
                        wire::string(buf, field::scope::NAME, "laneway.load");
                        wire::string(buf, field::scope::VERSION, env!("CARGO_PKG_VERSION"));
                    });
                });
                for span in instance {
                    scope_spans.message(field::scope_spans::SPANS, |out| write_span(out, fleet, span, place));
                    place += 1;
                }
            });
        });
    }
    export
}

fn write_resource(buf: &mut Vec<u8>, fleet: &Fleet, span: &Span) {
    let (name, lane) = (fleet.service_name(span.service), fleet.instance_lane(span.instance).as_str());
    let pod = format!("{name}-{lane}-{}", span.instance);
    let attributes = [
        ("service.name", name.as_str()),
        ("service.namespace", "shop"),
        ("service.version", if lane == Lane::BASE { "1.14.2" } else { "1.15.0-rc1" }),
        ("service.instance.id", &format!("{pod}.{}", span.service)),
        ("service.lane", lane),
        ("deployment.environment.name", "production"),
        ("cloud.region", REGIONS[span.instance % REGIONS.len()]),
        ("host.name", &format!("node-{:02}", (span.service * 7 + span.instance) % 40)),
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", &pod),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "opentelemetry"),
    ];
    for (key, value) in attributes {
        attribute::string(buf, field::resource::ATTRIBUTES, key, value);
    }
}

fn write_span(out: &mut Template, fleet: &Fleet, span: &Span, place: u32) {
    let mut described = Described { out, fleet, span };
    let (name, kind) = described.name_and_kind();
    let out = &mut *described.out;
    out.trace_id(field::span::TRACE_ID, span.trace);
    out.span_id(field::span::SPAN_ID, place);
    if let Some(parent) = span.parent {
        out.span_id(field::span::PARENT_SPAN_ID, parent);
    }
    out.fixed(|buf| {
        wire::string(buf, field::span::NAME, &name);
        wire::uint64(buf, field::span::KIND, kind);
    });
    out.time(field::span::START_TIME_UNIX_NANO, span.start_ns);
    out.time(field::span::END_TIME_UNIX_NANO, span.start_ns + span.duration_ns);
    described.attributes();
    if span.error {
        write_exception(described.out, span);
    }
    if let Some(link) = span.link {
        described.out.message(field::span::LINKS, |out| {
            out.trace_id(field::link::TRACE_ID, span.trace);
            out.span_id(field::link::SPAN_ID, link);
            out.fixed(|buf| attribute::string(buf, field::link::ATTRIBUTES, "messaging.batch.position", "0"));
        });
    }
    described.out.fixed(|buf| {
        if span.error {
            wire::message(buf, field::span::STATUS, |buf| {
                wire::string(buf, field::status::MESSAGE, "deadline exceeded");
                wire::uint64(buf, field::status::CODE, STATUS_ERROR);
            });
        }
        let entry = matches!(span.work, Work::Serve { .. } | Work::Consume { .. });
        let remote = span.parent.is_some() && entry;
        wire::fixed32(buf, field::span::FLAGS, if remote { FLAGS_REMOTE_PARENT } else { FLAGS_LOCAL_PARENT });
    });
}

fn write_exception(out: &mut Template, span: &Span) {
    let frames: String = (0..12)
        .map(|depth| {
            format!(
                "\n    at shop.orders.handler{}.Step{depth}.run(Step{depth}.java:{})",
                span.service,
                40 + depth * 17 + span.service
            )
        })
        .collect();
    out.message(field::span::EVENTS, |event| {
        event.time(field::event::TIME_UNIX_NANO, span.start_ns + span.duration_ns);
        event.fixed(|buf| {
            wire::string(buf, field::event::NAME, "exception");
            attribute::string(
                buf,
                field::event::ATTRIBUTES,
                "exception.type",
                "shop.DeadlineExceededException",
            );
            attribute::string(buf, field::event::ATTRIBUTES, "exception.message", "deadline exceeded");
            let stack = format!("shop.DeadlineExceededException: deadline exceeded{frames}");
            attribute::string(buf, field::event::ATTRIBUTES, "exception.stacktrace", &stack);
        });
    });
}

/// Writes what a span says about its work.
struct Described<'a> {
    out: &'a mut Template,
    fleet: &'a Fleet,
    span: &'a Span,
}

impl Described<'_> {
    fn name_and_kind(&self) -> (String, u64) {
        match self.span.work {
            Work::Serve { operation } => (self.route_name(self.span.service, operation), KIND_SERVER),
            Work::Call { peer, operation } => (self.route_name(peer, operation), KIND_CLIENT),
            Work::Query => {
                let (_, statement, _) = self.database();
                (format!("{statement} {}", self.service()), KIND_CLIENT)
            }
            Work::Publish => (format!("send {}.events", self.service()), KIND_PRODUCER),
            Work::Consume { publisher } => {
                (format!("process {}.events", self.fleet.service_name(publisher)), KIND_CONSUMER)
            }
            Work::Compute => ("validate".to_owned(), KIND_INTERNAL),
        }
    }

    fn attributes(&mut self) {
        match self.span.work {
            Work::Serve { operation } => self.serve(operation),
            Work::Call { peer, operation } => self.call(peer, operation),
            Work::Query => self.query(),
            Work::Publish => self.message("send", self.span.service),
            Work::Consume { publisher } => self.message("process", publisher),
            Work::Compute => self.compute(),
        }
        if !self.span.lane.is_base() {
            self.string("lane", self.span.lane.as_str());
        }
    }

    fn serve(&mut self, operation: usize) {
        let service = self.service();
        let (method, rest) = OPERATIONS[operation];
        self.string("http.request.method", method);
        self.string("http.route", &format!("/{service}/{{id}}{rest}"));
        self.text("url.path", &[Text::Literal(&format!("/{service}/")), self.order(), Text::Literal(rest)]);
        self.string("url.scheme", "http");
        self.int("http.response.status_code", self.status_code());
        self.int("http.response.body.size", 200 + i64::from(self.span.subject) * 37 % 9000);
        self.string("server.address", &service);
        self.int("server.port", 8080);
        self.string("client.address", &format!("10.{}.{}.7", self.span.service, self.span.subject % 250));
        self.string("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) shop-client/3.2");
        self.text("user.id", &[Text::Literal("u-"), Text::Number(Number::User(self.span.trace))]);
    }

    fn call(&mut self, peer: usize, operation: usize) {
        let peer = self.fleet.service_name(peer);
        let (method, rest) = OPERATIONS[operation];
        self.string("http.request.method", method);
        let host = format!("http://{peer}.shop.svc:8080/{peer}/");
        self.text("url.full", &[Text::Literal(&host), self.order(), Text::Literal(rest)]);
        self.int("http.response.status_code", self.status_code());
        self.string("server.address", &format!("{peer}.shop.svc"));
        self.int("server.port", 8080);
        self.string("network.peer.address", &format!("10.96.{}.11", self.span.service));
        self.string("network.protocol.version", "1.1");
        self.string("service.peer.name", &peer);
        self.int("thread.id", i64::from(self.span.subject % 16));
        self.text("user.id", &[Text::Literal("u-"), Text::Number(Number::User(self.span.trace))]);
    }

    fn query(&mut self) {
        let service = self.service();
        let (system, statement, port) = self.database();
        self.string("db.system.name", system);
        self.string("db.namespace", "shop");
        self.string("db.collection.name", &service);
        self.string("db.operation.name", statement);
        self.string(
            "db.query.text",
            &format!("{statement} id, owner, state, total, changed_at FROM {service} WHERE id = ?"),
        );
        self.string("server.address", &format!("{service}-{system}.data.svc"));
        self.int("server.port", port);
        self.int("db.response.returned_rows", i64::from(self.span.subject % 20));
        self.int("thread.id", i64::from(self.span.subject % 16));
    }

    fn message(&mut self, operation: &str, publisher: usize) {
        let topic = format!("{}.events", self.fleet.service_name(publisher));
        self.string("messaging.system", "kafka");
        self.string("messaging.destination.name", &topic);
        self.string("messaging.operation.type", operation);
        self.string("messaging.operation.name", operation);
        self.string("messaging.client.id", &format!("{}-1", self.service()));
        self.string("messaging.destination.partition.id", &(self.span.subject % 12).to_string());
        self.text("messaging.message.id", &[Text::Number(Number::Message(self.span.subject))]);
        self.int("messaging.message.body.size", 300 + i64::from(self.span.subject) * 13 % 4000);
        self.string("server.address", "kafka.data.svc");
    }

    fn compute(&mut self) {
        self.string("code.function.name", "shop::rules::validate");
        self.string("code.file.path", "src/rules.rs");
        self.int("code.line.number", 118);
        self.int("thread.id", i64::from(self.span.subject % 16));
        self.string("thread.name", "worker");
        self.fixed(|buf| attribute::boolean(buf, field::span::ATTRIBUTES, "shop.cache.hit", true));
        let score = f64::from(self.span.subject % 1000) / 1000.0;
        self.fixed(|buf| attribute::double(buf, field::span::ATTRIBUTES, "shop.score", score));
        self.text("user.id", &[Text::Literal("u-"), Text::Number(Number::User(self.span.trace))]);
    }

    fn service(&self) -> String {
        self.fleet.service_name(self.span.service)
    }

    fn route_name(&self, service: usize, operation: usize) -> String {
        let (method, rest) = OPERATIONS[operation];
        format!("{method} /{}/{{id}}{rest}", self.fleet.service_name(service))
    }

    fn database(&self) -> (&'static str, &'static str, i64) {
        DATABASES[self.span.service % DATABASES.len()]
    }

    fn status_code(&self) -> i64 {
        if self.span.error { 504 } else { 200 }
    }

    fn order(&self) -> Text<'static> {
        Text::Number(Number::Order(self.span.subject))
    }

    fn string(&mut self, key: &str, value: &str) {
        self.fixed(|buf| attribute::string(buf, field::span::ATTRIBUTES, key, value));
    }

    fn int(&mut self, key: &str, value: i64) {
        self.fixed(|buf| attribute::int(buf, field::span::ATTRIBUTES, key, value));
    }

    fn fixed(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.fixed(write);
    }

    fn text(&mut self, key: &str, pieces: &[Text<'_>]) {
        self.out.message(field::span::ATTRIBUTES, |out| {
            out.fixed(|buf| wire::string(buf, field::key_value::KEY, key));
            out.message(field::key_value::VALUE, |out| out.text(field::any_value::STRING_VALUE, pieces));
        });
    }
}
