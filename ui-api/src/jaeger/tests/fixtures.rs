//! Jaeger's own storage fixtures: searches over OTLP traces, with what each must find. They are asked in both dialects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use laneway_proto::otlp::json;
use laneway_proto::otlp::reader::TracesRequest;
use laneway_storage::model::{Span, Trace, from_otlp};
use laneway_storage::testing::MemoryStore;
use laneway_storage::{IngestRequest, Store};
use serde_json::Value;

use crate::Api;
use crate::testing::Client;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testdata/jaeger-fixtures")
}

/// The bytes of each fixture as a client would send them, by name.
fn fixtures() -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder().join("traces")).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, json::to_protobuf(&std::fs::read(path).unwrap()).unwrap())
        })
        .collect()
}

fn spans(request: &[u8]) -> Vec<Span> {
    from_otlp::spans(TracesRequest::new(request)).unwrap()
}

async fn client() -> Client {
    let store = MemoryStore::new();
    for request in fixtures().into_values() {
        store.append(IngestRequest { body: request.into(), compressed: None, connection: 0 }).await.unwrap();
    }
    Client::of(Api::new(Arc::new(store)))
}

struct Search {
    caption: String,
    service: String,
    operation: String,
    tags: serde_json::Map<String, Value>,
    start: Timestamp,
    end: Timestamp,
    min_ns: u64,
    max_ns: u64,
    limit: u64,
    expected: BTreeSet<String>,
}

fn searches() -> Vec<Search> {
    let queries: Vec<Value> =
        serde_json::from_slice(&std::fs::read(folder().join("queries.json")).unwrap()).unwrap();
    let fixtures = fixtures();
    let id = |fixture: &Value| spans(&fixtures[fixture.as_str().unwrap()])[0].trace_id.to_string();
    queries
        .iter()
        .map(|entry| {
            let query = &entry["Query"];
            let text = |name: &str| query[name].as_str().unwrap().to_owned();
            Search {
                caption: entry["Caption"].as_str().unwrap().to_owned(),
                service: text("ServiceName"),
                operation: text("OperationName"),
                tags: query["Tags"].as_object().cloned().unwrap_or_default(),
                start: text("StartTimeMin").parse().unwrap(),
                end: text("StartTimeMax").parse().unwrap(),
                min_ns: query["DurationMin"].as_u64().unwrap(),
                max_ns: query["DurationMax"].as_u64().unwrap(),
                limit: query["NumTraces"].as_u64().unwrap(),
                expected: entry["ExpectedFixtures"].as_array().unwrap().iter().map(id).collect(),
            }
        })
        .collect()
}

impl Search {
    fn native(&self) -> String {
        let mut uri = format!(
            "/api/v1/traces?service={}&operation={}&start={}&end={}&limit={}",
            self.service, self.operation, self.start, self.end, self.limit
        );
        for (key, value) in &self.tags {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            uri += &format!("&tag={key}={text}");
        }
        uri + &self.durations()
    }

    fn jaeger(&self) -> String {
        let tags = super::encoded(&Value::Object(self.tags.clone()).to_string());
        format!(
            "/api/traces?service={}&operation={}&start={}&end={}&limit={}&tags={tags}{}",
            self.service,
            self.operation,
            self.start.as_microsecond(),
            self.end.as_microsecond(),
            self.limit,
            self.durations(),
        )
    }

    fn durations(&self) -> String {
        let parameter = |name: &str, ns: u64| if ns > 0 { format!("&{name}={ns}ns") } else { String::new() };
        parameter("minDuration", self.min_ns) + &parameter("maxDuration", self.max_ns)
    }
}

#[tokio::test]
async fn both_dialects_find_what_jaeger_finds() {
    let client = client().await;
    let searches = searches();
    assert_eq!(searches.len(), 25);
    for search in searches {
        let answer = client.get(&search.native()).await.json();
        let ids = answer["traces"].as_array().unwrap().iter();
        let native: BTreeSet<_> = ids.map(|trace| trace["traceId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(native, search.expected, "{}", search.caption);

        let answer = client.get(&search.jaeger()).await.json();
        let ids = answer["data"].as_array().unwrap().iter();
        let jaeger: BTreeSet<_> =
            ids.map(|trace| format!("{:0>32}", trace["traceID"].as_str().unwrap())).collect();
        assert_eq!(jaeger, search.expected, "{}", search.caption);
    }
}

#[tokio::test]
async fn every_fixture_comes_back_as_it_was_sent() {
    let client = client().await;
    for (name, request) in fixtures() {
        let sent = Trace::new(spans(&request)).unwrap();
        let uri = format!("/api/v1/traces/{}", sent.trace_id);
        let protobuf = client.get_accepting(&uri, "text/html, application/protobuf;q=0.9").await;
        assert_eq!(protobuf.header("content-type"), "application/protobuf");
        assert_eq!(Trace::new(spans(&protobuf.body)).as_ref(), Some(&sent), "{name}");

        let json = client.get_accepting(&uri, "*/*").await;
        assert_eq!(json.header("content-type"), "application/json");
        assert_eq!(
            Trace::new(spans(&json::to_protobuf(&json.body).unwrap())).as_ref(),
            Some(&sent),
            "{name}"
        );

        let jaeger = client.get(&format!("/api/traces/{}", sent.trace_id)).await.json();
        assert_eq!(jaeger["data"][0]["spans"].as_array().unwrap().len(), sent.spans.len(), "{name}");
    }
}
