//! Parts are Parquet that other engines read: what DuckDB and ClickHouse find in them is what was sent.

use laneway_e2e::{Laneway, binary, python};
use serde_json::{Value, json};
use tempfile::TempDir;

const FORMAT: &str = include_str!("../../docs/storage-format.md");
const START_NS: u64 = 1_767_225_600_000_000_000;
const SPANS: u64 = 3_000;
const SPANS_PER_TRACE: u64 = 12;

/// A span as it is sent and as engines see it.
struct Sent {
    id: u64,
    parent: Option<u64>,
    duration_ns: u64,
    error: bool,
    /// Each attribute is on some spans only.
    text: Option<String>,
    count: Option<i64>,
    ratio: Option<f64>,
    yes: Option<bool>,
}

impl Sent {
    fn new(id: u64) -> Self {
        let place = id % SPANS_PER_TRACE;
        let parent = match place {
            // A root, and a span whose parent reported elsewhere.
            0 => None,
            1 => Some(1 << 60 | id),
            // Before it, and behind it.
            2..=6 => Some(id - place),
            7 => Some(id + 2),
            _ => Some(id - 1),
        };
        Self {
            id,
            parent,
            duration_ns: id * 1_000_003,
            error: id.is_multiple_of(7),
            text: (!id.is_multiple_of(3)).then(|| format!("naïve \u{1f6d2} {}", id % 100)),
            count: id.is_multiple_of(2).then(|| i64::MIN + id as i64),
            // Never whole, since JSON does not tell whole numbers of both types apart.
            ratio: id.is_multiple_of(5).then(|| id as f64 / 64.0 + 1.0 / 128.0),
            yes: id.is_multiple_of(4).then(|| id.is_multiple_of(8)),
        }
    }

    fn trace(&self) -> u64 {
        self.id / SPANS_PER_TRACE
    }

    fn name(&self) -> String {
        format!("op-{}", self.id % 13)
    }

    fn service(&self) -> &'static str {
        if self.id.is_multiple_of(2) { "cart" } else { "order" }
    }

    fn to_otlp(&self) -> Value {
        let one = |key: &str, value: Value| json!({"key": key, "value": value});
        let attributes: Vec<Value> = [
            self.text.as_ref().map(|value| one("text", json!({"stringValue": value}))),
            self.count.map(|value| one("count", json!({"intValue": value.to_string()}))),
            self.ratio.map(|value| one("ratio", json!({"doubleValue": value}))),
            self.yes.map(|value| one("yes", json!({"boolValue": value}))),
            // What has no column of its own.
            Some(one("raw", json!({"bytesValue": "AAEC/w=="}))),
            Some(one("list", json!({"arrayValue": {"values": [{"intValue": "1"}, {}]}}))),
            Some(one("map", json!({"kvlistValue": {"values": [one("key", json!({"boolValue": true}))]}}))),
            Some(one("nothing", json!({}))),
        ]
        .into_iter()
        .flatten()
        .collect();
        let start_ns = START_NS + self.id * 1_000;
        json!({
            "traceId": format!("{:032x}", self.trace() + 1),
            "spanId": hex(self.id),
            "parentSpanId": self.parent.map(hex).unwrap_or_default(),
            "name": self.name(),
            "startTimeUnixNano": start_ns.to_string(),
            "endTimeUnixNano": (start_ns + self.duration_ns).to_string(),
            "attributes": attributes,
            "events": [{"timeUnixNano": start_ns.to_string(), "name": "at"}],
            "status": {"code": if self.error { 2 } else { 0 }},
        })
    }

    /// The row that an engine answers with.
    fn row(&self) -> Value {
        let status = if self.error { "Error" } else { "Unset" };
        json!([
            hex(self.id),
            self.parent.map(hex),
            self.name(),
            self.service(),
            status,
            self.text,
            self.count,
            self.ratio,
            self.yes,
        ])
    }
}

fn hex(id: u64) -> String {
    format!("{id:016x}")
}

fn request(spans: &[Sent], service: &str) -> Vec<u8> {
    let spans: Vec<Value> =
        spans.iter().filter(|span| span.service() == service).map(Sent::to_otlp).collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).to_string().into()
}

/// The queries that the documentation gives, over the parts below this directory.
fn documented_queries(dir: &str) -> Vec<String> {
    let blocks = FORMAT.split("```sql\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    let with_path =
        |block: &str| block.trim_end().trim_end_matches(';').replace("'parts/", &format!("'{dir}/parts/"));
    blocks.map(with_path).collect()
}

#[tokio::test]
async fn duckdb_and_clickhouse_read_what_was_sent() {
    let dir = TempDir::new().unwrap();
    let server = Laneway::start(&dir.path().join("data"), &[]).await;
    let spans: Vec<Sent> = (SPANS_PER_TRACE..SPANS_PER_TRACE + SPANS).map(Sent::new).collect();
    for service in ["cart", "order"] {
        server.export("application/json", request(&spans, service)).await;
    }
    // A snapshot seals what is open.
    let copy = dir.path().join("copy");
    let copy = copy.to_str().unwrap();
    let taken = binary::run(&["snapshot", "--http", &server.url(""), copy]);
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));

    let duration_ns: u64 = spans.iter().map(|span| span.duration_ns).sum();
    let expected = json!({
        "totals": [SPANS, duration_ns, SPANS / SPANS_PER_TRACE],
        "rows": spans.iter().map(Sent::row).collect::<Vec<_>>(),
    });
    let queries = documented_queries(copy);
    assert_eq!(queries.len(), 2);
    for (engine, query) in ["duckdb", "clickhouse"].into_iter().zip(&queries) {
        let found: Value = serde_json::from_str(&python::run("read_parts.py", &[engine, query])).unwrap();
        assert_eq!(found["totals"], expected["totals"], "{engine}");
        let pairs = found["rows"].as_array().unwrap().iter().zip(expected["rows"].as_array().unwrap());
        for (found, expected) in pairs {
            assert_eq!(found, expected, "{engine}");
        }
        assert_eq!(found["rows"].as_array().unwrap().len() as u64, SPANS);
    }
}

/// The data directory that lies in the repository has one: nine segments of twelve spans, four of which name a parent that is nowhere and six
/// one that is there.
#[test]
fn duckdb_and_clickhouse_read_a_part_that_was_joined_of_others() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../storage/testdata/data-v5");
    for (engine, query) in ["duckdb", "clickhouse"].into_iter().zip(&documented_queries(dir)) {
        let found: Value =
            serde_json::from_str(&python::run("read_parts.py", &[engine, query, "parents"])).unwrap();
        assert_eq!(found, json!([9 * 12, 2 * 9 + 1, 9 * 10, 9 * 6]), "{engine}");
    }
}
