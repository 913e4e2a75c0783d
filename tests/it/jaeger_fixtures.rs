//! The searches of Jaeger's storage integration tests, over the native and the Jaeger API of the real binary.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use laneway_e2e::otlp::{Spans, TracesData, from_json, hex};
use laneway_e2e::{ClickHouse, Laneway, testdata};
use prost::Message;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

/// The day on which most fixtures took place; the others took place the day before.
const DAY: &str = "2017-01-26T00:00:00Z";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Case {
    caption: String,
    query: Query,
    expected_fixtures: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    service_name: String,
    operation_name: String,
    tags: Option<BTreeMap<String, Value>>,
    start_time_min: String,
    start_time_max: String,
    duration_min: u64,
    duration_max: u64,
    num_traces: usize,
}

/// How far fixtures are moved, so that they took place yesterday.
fn shift() -> SignedDuration {
    let day: Timestamp = DAY.parse().unwrap();
    let today = Timestamp::now().as_second() / 86_400 * 86_400;
    Timestamp::from_second(today).unwrap().duration_since(day) - SignedDuration::from_hours(24)
}

/// A fixture, moved.
fn fixture(name: &str, shift: SignedDuration) -> TracesData {
    let mut data = from_json(&testdata(&format!("jaeger-fixtures/traces/{name}.json")));
    let shift_ns = shift.as_nanos() as u64;
    let scopes = data.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans) {
        span.start_time_unix_nano += shift_ns;
        span.end_time_unix_nano += shift_ns;
        span.events.iter_mut().for_each(|event| event.time_unix_nano += shift_ns);
    }
    data
}

fn shifted(time: &str, shift: SignedDuration) -> Timestamp {
    time.parse::<Timestamp>().unwrap() + shift
}

/// A tag's value as a user types it.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Query {
    fn native(&self, shift: SignedDuration) -> Vec<(&str, String)> {
        let mut query = vec![
            ("service", self.service_name.clone()),
            ("operation", self.operation_name.clone()),
            ("start", shifted(&self.start_time_min, shift).to_string()),
            ("end", shifted(&self.start_time_max, shift).to_string()),
            ("limit", self.num_traces.to_string()),
        ];
        query.extend(self.durations());
        query
            .extend(self.tags.iter().flatten().map(|(key, value)| ("tag", format!("{key}={}", text(value)))));
        query
    }

    fn jaeger(&self, shift: SignedDuration) -> Vec<(&str, String)> {
        let mut query = vec![
            ("service", self.service_name.clone()),
            ("operation", self.operation_name.clone()),
            ("start", shifted(&self.start_time_min, shift).as_microsecond().to_string()),
            ("end", shifted(&self.start_time_max, shift).as_microsecond().to_string()),
            ("limit", self.num_traces.to_string()),
        ];
        query.extend(self.durations());
        if let Some(tags) = &self.tags {
            let tags: BTreeMap<_, _> = tags.iter().map(|(key, value)| (key, text(value))).collect();
            query.push(("tags", serde_json::to_string(&tags).unwrap()));
        }
        query
    }

    fn durations(&self) -> impl Iterator<Item = (&'static str, String)> {
        let durations = [("minDuration", self.duration_min), ("maxDuration", self.duration_max)];
        durations.into_iter().filter(|(_, ns)| *ns > 0).map(|(name, ns)| (name, format!("{ns}ns")))
    }
}

async fn found(server: &Laneway, path: &str, query: &[(&str, String)]) -> Value {
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.get_ok(path, &query).await
}

/// The ids under this key.
fn ids(list: &Value, key: &str) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

/// A trace id as Jaeger writes it: without its first half, when that is zero.
fn in_jaeger(trace_id: &str) -> String {
    trace_id.strip_prefix(&"0".repeat(16)).unwrap_or(trace_id).to_owned()
}

#[tokio::test]
async fn every_search_finds_its_fixtures_and_nothing_else() {
    search_all(&[]).await;
}

#[tokio::test]
async fn every_search_finds_the_same_in_clickhouse() {
    let clickhouse = ClickHouse::start();
    clickhouse.migrate(&[]);
    search_all(&clickhouse.flags()).await;
}

/// Before and after a restart of a server with these flags: of what it had in memory, and of what it had stored.
async fn search_all(flags: &[&str]) {
    let shift = shift();
    let names: Vec<String> =
        std::fs::read_dir(laneway_e2e::workspace().join("tests/testdata/jaeger-fixtures/traces"))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
    let cases: Vec<Case> = serde_json::from_slice(&testdata("jaeger-fixtures/queries.json")).unwrap();
    assert_eq!(cases.len(), 25);

    let dir = TempDir::new().unwrap();
    let mut server = Laneway::start(dir.path(), flags).await;
    let mut fixtures = BTreeMap::new();
    for name in names {
        let fixture = fixture(&name, shift);
        server.export("application/x-protobuf", fixture.encode_to_vec()).await;
        fixtures.insert(name, Spans::of(fixture));
    }
    for source in ["memory", "disk"] {
        for case in &cases {
            let expected: BTreeSet<String> =
                case.expected_fixtures.iter().flat_map(|name| fixtures[name].trace_ids()).collect();
            let native = found(&server, "/api/v1/traces", &case.query.native(shift)).await;
            assert_eq!(ids(&native["traces"], "traceId"), expected, "{} ({source})", case.caption);
            let jaeger = found(&server, "/api/traces", &case.query.jaeger(shift)).await;
            let expected: BTreeSet<String> = expected.iter().map(|id| in_jaeger(id)).collect();
            assert_eq!(ids(&jaeger["data"], "traceID"), expected, "{} ({source}, Jaeger)", case.caption);
            for trace in jaeger["data"].as_array().unwrap() {
                let spans = fixtures.values().flat_map(|fixture| fixture.0.keys());
                let spans = spans.filter(|(trace_id, _)| trace["traceID"] == in_jaeger(&hex(trace_id)));
                let expected: BTreeSet<String> = spans.map(|(_, span_id)| hex(span_id)).collect();
                assert_eq!(ids(&trace["spans"], "spanID"), expected, "{} ({source})", case.caption);
            }
        }
        for (name, spans) in &fixtures {
            for trace_id in spans.trace_ids() {
                assert_eq!(server.spans(&trace_id).await, spans.of_trace(&trace_id), "{name} ({source})");
            }
        }
        server = server.restart().await;
    }
}
