//! OpenTelemetry's own Python SDK, over each of its exporters: every field comes back over both APIs.

use laneway_e2e::otlp::Spans;
use laneway_e2e::{Laneway, python};
use serde_json::{Value, json};
use tempfile::TempDir;

const TRACE_ID: &str = "5b8efff798038103d269b633813fc60c";
const START_NS: u64 = 1_700_000_000_000_000_001;

/// What `send.py` sends, as OTLP/JSON.
fn sent() -> Value {
    let string = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let array = |key: &str, kind: &str, values: Value| {
        let values: Vec<Value> =
            values.as_array().unwrap().iter().map(|value| json!({kind: value})).collect();
        json!({"key": key, "value": {"arrayValue": {"values": values}}})
    };
    let server = json!({
        "traceId": TRACE_ID,
        "spanId": "0000000000000001",
        "parentSpanId": "abcdef0123456789",
        "traceState": "vendor=a:b,other=1",
        // A sampled parent from another process: bits 8 and 9 of the flags.
        "flags": 0x300,
        "name": "POST /checkout/{id}",
        "kind": 2,
        "startTimeUnixNano": START_NS.to_string(),
        "endTimeUnixNano": (START_NS + 1_000_000_000).to_string(),
        "attributes": [
            string("text", "naïve ☃ \u{1f6d2}"),
            {"key": "yes", "value": {"boolValue": true}},
            {"key": "no", "value": {"boolValue": false}},
            {"key": "count", "value": {"intValue": "-9007199254740993"}},
            {"key": "ratio", "value": {"doubleValue": 0.1}},
            array("texts", "stringValue", json!(["a", "", "c"])),
            array("flags", "boolValue", json!([true, false])),
            array("counts", "intValue", json!(["1", "-2", "9223372036854775807"])),
            array("ratios", "doubleValue", json!([0.5, -1e300])),
        ],
        "droppedAttributesCount": 1,
        "events": [
            {
                "timeUnixNano": (START_NS + 10).to_string(),
                "name": "cache.miss",
                "attributes": [string("key", "cart:42"), {"key": "bytes", "value": {"intValue": "0"}}],
            },
            {"timeUnixNano": (START_NS + 20).to_string(), "name": "empty"},
        ],
        "links": [{
            "traceId": "11111111111111112222222222222222",
            "spanId": "3333333333333333",
            "attributes": [{"key": "link.position", "value": {"intValue": "7"}}],
            "flags": 0x300,
        }],
        "status": {"code": 2, "message": "card declined"},
    });
    let child = |(number, kind): (u64, u64)| {
        let start_ns = START_NS + 100 * (number + 1);
        json!({
            "traceId": TRACE_ID,
            "spanId": format!("{:016x}", number + 2),
            "parentSpanId": "0000000000000001",
            "traceState": "vendor=a:b,other=1",
            "flags": 0x100,
            "name": format!("child {number}"),
            "kind": kind,
            "startTimeUnixNano": start_ns.to_string(),
            "endTimeUnixNano": (start_ns + number).to_string(),
            "status": {"code": u64::from(kind == 1)},
        })
    };
    let children = [1, 3, 4, 5].into_iter().zip(0..).map(|(kind, number)| child((number, kind)));
    let spans: Vec<Value> = std::iter::once(server).chain(children).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            string("service.name", "checkout"),
            string("service.instance.id", "checkout-1"),
            string("service.lane", "grey-v2"),
            array("process.command_args", "stringValue", json!(["checkout", "--fast"])),
        ]},
        "scopeSpans": [{
            "scope": {"name": "checkout.tracer", "version": "2.1.0", "attributes": [string("scope.kind", "test")]},
            "schemaUrl": "https://opentelemetry.io/schemas/1.30.0",
            "spans": spans,
        }],
    }]})
}

#[tokio::test]
async fn every_field_comes_back() {
    let sent = Spans::of_json(sent().to_string().as_bytes());
    for (protocol, compression) in [("grpc", "none"), ("grpc", "gzip"), ("http", "none"), ("http", "gzip")] {
        let dir = TempDir::new().unwrap();
        let server = Laneway::start(dir.path(), &[]).await;
        let endpoint = if protocol == "grpc" { server.otlp_grpc } else { server.otlp_http };
        python::run("send.py", &[protocol, &format!("http://{endpoint}"), compression]);

        assert_eq!(server.spans(TRACE_ID).await, sent, "{protocol} {compression}");
        let json = server.get_ok(&format!("/api/v1/traces/{TRACE_ID}"), &[]).await;
        assert_eq!(Spans::of_json(json.to_string().as_bytes()), sent, "{protocol} {compression}");
        assert_jaeger(&server.get_ok(&format!("/api/traces/{TRACE_ID}"), &[]).await);
    }
}

/// The same trace as Jaeger's page draws it: microseconds, tags in the order of their keys, and what has no field of
/// its own there as a tag.
fn assert_jaeger(answer: &Value) {
    let tag = |key: &str, kind: &str, value: Value| json!({"key": key, "type": kind, "value": value});
    let string = |key: &str, value: &str| tag(key, "string", json!(value));
    let trace = &answer["data"][0];
    assert_eq!(trace["traceID"], TRACE_ID);
    let process = json!({"serviceName": "checkout", "tags": [
        string("process.command_args", "[\"checkout\",\"--fast\"]"),
        string("service.instance.id", "checkout-1"),
        string("service.lane", "grey-v2"),
    ]});
    assert_eq!(trace["processes"], json!({"p1": process}));
    let scope = [string("otel.scope.name", "checkout.tracer"), string("otel.scope.version", "2.1.0")];
    let trace_state = string("w3c.tracestate", "vendor=a:b,other=1");
    let attributes = [
        // JavaScript would round it.
        tag("count", "int64", json!("-9007199254740993")),
        string("counts", "[1,-2,9223372036854775807]"),
        string("flags", "[true,false]"),
        tag("no", "bool", json!(false)),
        tag("ratio", "float64", json!(0.1)),
        string("ratios", "[0.5,-1e+300]"),
        string("text", "naïve ☃ \u{1f6d2}"),
        string("texts", "[\"a\",\"\",\"c\"]"),
        tag("yes", "bool", json!(true)),
    ];
    let status = [
        string("span.kind", "server"),
        string("otel.status_code", "ERROR"),
        tag("error", "bool", json!(true)),
        string("otel.status_description", "card declined"),
    ];
    let reference = |kind: &str, trace_id: &str, span_id: &str| json!({"refType": kind, "traceID": trace_id, "spanID": span_id});
    let tags = [&scope[..], &attributes, &status, std::slice::from_ref(&trace_state)].concat();
    let server = json!({
        "traceID": TRACE_ID,
        "spanID": "0000000000000001",
        "operationName": "POST /checkout/{id}",
        "references": [
            reference("CHILD_OF", TRACE_ID, "abcdef0123456789"),
            reference("FOLLOWS_FROM", "11111111111111112222222222222222", "3333333333333333"),
        ],
        "startTime": START_NS / 1000,
        "duration": 1_000_000,
        "processID": "p1",
        "tags": tags,
        "logs": [
            {"timestamp": START_NS / 1000, "fields": [
                string("event", "cache.miss"), tag("bytes", "int64", json!(0)), string("key", "cart:42"),
            ]},
            {"timestamp": START_NS / 1000, "fields": [string("event", "empty")]},
        ],
        "warnings": null,
    });
    assert_eq!(trace["spans"][0], server, "{trace:#}");
    for (number, kind) in ["internal", "client", "producer", "consumer"].into_iter().enumerate() {
        let mut tags = scope.to_vec();
        tags.push(string("span.kind", kind));
        tags.extend((kind == "internal").then(|| string("otel.status_code", "OK")));
        tags.push(trace_state.clone());
        let child = json!({
            "traceID": TRACE_ID,
            "spanID": format!("{:016x}", number + 2),
            "operationName": format!("child {number}"),
            "references": [reference("CHILD_OF", TRACE_ID, "0000000000000001")],
            "startTime": START_NS / 1000,
            "duration": 0,
            "processID": "p1",
            "tags": tags,
            "logs": [],
            "warnings": null,
        });
        assert_eq!(trace["spans"][number + 1], child);
    }
}
