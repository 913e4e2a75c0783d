use axum::http::StatusCode;
use insta::{assert_json_snapshot, assert_snapshot};
use laneway_proto::Lane;
use laneway_storage::model::{self, SpanKind, Value};
use laneway_storage::testing::{SpanBuilder, attribute, span};

use crate::testing::{Client, client};

mod fixtures;
mod monitor;

const MS: u64 = 1_000_000;

/// Two services; every kind of value, reference and derived tag.
fn shop() -> Vec<SpanBuilder> {
    let root = span("GET /cart")
        .trace(0x5b8e_fff7_9803_8103_d269_b633_813f_c60c)
        .id(0xeee1_9b7e_c3c1_b174)
        .service("web")
        .instance("web-1")
        .kind(SpanKind::Server)
        .scope("axum", "0.8")
        .attribute("z.text", "plain")
        .attribute("bool", true)
        .attribute("int", -7)
        .attribute("big", 1 << 53)
        .attribute("double", 72.5)
        .attribute("nan", f64::NAN)
        .attribute("bytes", &[0, 0, 48, 57][..])
        .attribute("list", Value::Array(vec![Value::Int(1), Value::String("x".to_owned())]))
        .attribute("map", Value::KvList(vec![attribute("k", "v")]))
        .attribute("peer.ipv4", 0x0a00_0001)
        .attribute("empty", Value::Empty)
        .duration(30 * MS + 999)
        .event("cache miss", vec![attribute("key", "cart:7"), attribute("age_ms", 12)])
        .event("", vec![attribute("message", "no name")])
        .event("named", vec![attribute("event", "an attribute takes the name's place")])
        .with(|span| {
            span.flags = 0x101;
            span.trace_state = "laneway=x".to_owned();
        });
    let query = span("SELECT")
        .id(0xaa)
        .service("cart")
        .kind(SpanKind::Client)
        .child_of(&root)
        .after(MS)
        .duration(2 * MS)
        .error("connection reset")
        .link(0xff, 0xee, vec![])
        .link(0x1234_0000_0000_0000_0000, 0xdd, vec![attribute("opentracing.ref_type", "child_of")])
        .link(0, 0xcc, vec![])
        .with(|span| span.lane = Lane::new("grey-v2").unwrap());
    let retry = span("retry").id(0xbb).service("cart").child_of(&root).after(4 * MS);
    let retry = retry.link(0x5b8e_fff7_9803_8103_d269_b633_813f_c60c, 0xeee1_9b7e_c3c1_b174, vec![]);
    vec![root, query, retry, span("lonely").trace(0x225).service("web").after(1)]
}

const TRACE: &str = "/api/traces/5b8efff798038103d269b633813fc60c";

#[tokio::test]
async fn a_trace_in_jaegers_model() {
    assert_json_snapshot!(client(shop()).get(TRACE).await.json());
}

#[tokio::test]
async fn raw_leaves_out_what_is_adjusted_for_readers() {
    let answer = client(shop()).get(&format!("{TRACE}?raw=true")).await.json();
    let spans = &answer["data"][0]["spans"];
    let keys: Vec<_> = spans[0]["tags"].as_array().unwrap().iter().map(|tag| &tag["key"]).collect();
    assert_eq!(keys[2..5], ["z.text", "bool", "int"], "in the sender's order");
    assert!(spans[0].to_string().contains(r#""key":"peer.ipv4","type":"int64","value":167772161"#));
    assert_eq!(spans[1]["references"].as_array().unwrap().len(), 4, "also the link to nowhere");
    assert!(spans[1]["warnings"].is_null());
}

#[tokio::test]
async fn processes_of_equal_content_are_one() {
    let spans = (1..=12).map(|id| span("x").id(id).after(id).instance(&format!("i{}", id % 11)));
    let answer = client(spans).get("/api/traces/1").await.json();
    let trace = &answer["data"][0];
    assert_eq!(trace["processes"].as_object().unwrap().len(), 11);
    let of_span = |index: usize| trace["spans"][index]["processID"].as_str().unwrap();
    assert_eq!((of_span(0), of_span(9), of_span(10), of_span(11)), ("p1", "p10", "p11", "p1"));
}

#[tokio::test]
async fn lists_of_names() {
    let client = client(shop());
    for (uri, data) in [
        ("/api/services", r#"["cart","web"]"#),
        ("/api/services/web/operations", r#"["GET /cart","lonely"]"#),
        ("/api/services/nobody/operations", "[]"),
        ("/api/operations?service=cart&spanKind=client", r#"[{"name":"SELECT","spanKind":"client"}]"#),
        ("/api/operations?service=cart&spanKind=none", "[]"),
    ] {
        let answer = client.get(uri).await;
        let total = answer.json()["data"].as_array().unwrap().len();
        let expected = format!(r#"{{"data":{data},"total":{total},"limit":0,"offset":0,"errors":null}}"#);
        assert_eq!(answer.text(), expected, "{uri}");
    }
}

#[tokio::test]
async fn the_kind_of_an_operation_is_empty_when_unstated() {
    let client = client([span("x").kind(SpanKind::Unspecified), span("x").id(2).kind(SpanKind::Server)]);
    let answer = client.get("/api/operations?service=shop").await.json();
    assert_json_snapshot!(answer["data"], @r#"
    [
      {
        "name": "x",
        "spanKind": ""
      },
      {
        "name": "x",
        "spanKind": "server"
      }
    ]
    "#);
    assert_eq!(client.get("/api/services/shop/operations").await.json()["data"], serde_json::json!(["x"]));
}

#[tokio::test]
async fn searches() {
    let client = client(shop());
    for (query, found) in [
        ("service=web", "225 5b8efff798038103d269b633813fc60c"),
        ("service=web&limit=1", "225"),
        ("service=web&operation=GET+/cart", "5b8efff798038103d269b633813fc60c"),
        ("service=cart&tag=error:true", "5b8efff798038103d269b633813fc60c"),
        ("service=web&tag=error:true", ""),
        ("service=web&tag=bool:true&tag=int:-7", "5b8efff798038103d269b633813fc60c"),
        ("service=web&tag=bool:true&tag=int:8", ""),
        (
            r#"service=web&tags={"double":72.5,"bool":true,"z.text":"plain"}"#,
            "5b8efff798038103d269b633813fc60c",
        ),
        (r#"service=web&tags={"double":"72.5","span.kind":"server"}"#, "5b8efff798038103d269b633813fc60c"),
        (r#"service=web&tag=int:9&tags={"int":-7}"#, "5b8efff798038103d269b633813fc60c"),
        ("service=cart&tag=lane:grey-v2", "5b8efff798038103d269b633813fc60c"),
        ("service=web&minDuration=30ms", "5b8efff798038103d269b633813fc60c"),
        ("service=web&minDuration=0&maxDuration=29ms", "225"),
        ("service=web&maxDuration=0s&minDuration=1h", ""),
        ("service=web&start=1767225600000000&end=1767225600000000", "5b8efff798038103d269b633813fc60c"),
        ("service=web&start=-5&end=1767225599999999", ""),
        ("service=web&start=9&end=8", ""),
        ("service=web&lookback=1h&unknown=x", "225 5b8efff798038103d269b633813fc60c"),
        ("traceID=225&traceID=0000000000000225", "225"),
    ] {
        let answer = client.get(&format!("/api/traces?{}", encoded(query))).await.json();
        assert_eq!(ids(&answer).join(" "), found, "{query}");
        assert_eq!(answer["total"], 0, "as Jaeger, which counts only names");
    }
}

fn ids(answer: &serde_json::Value) -> Vec<String> {
    let traces = answer["data"].as_array().unwrap().iter();
    traces.map(|trace| trace["traceID"].as_str().unwrap().trim_start_matches('0').to_owned()).collect()
}

/// What JSON has and a URI may not have.
fn encoded(query: &str) -> String {
    query.replace('"', "%22").replace('{', "%7B").replace('}', "%7D").replace(' ', "%20")
}

#[tokio::test]
async fn a_search_looks_back_two_days() {
    let hours_before_now = |trace, hours: u64| {
        span("x").trace(trace).start(crate::testing::NOW_UNIX_NS - hours * 3600 * 1_000_000_000)
    };
    let client = client([hours_before_now(1, 48), hours_before_now(2, 49)]);
    assert_eq!(ids(&client.get("/api/traces?service=shop").await.json()), ["1"]);
}

#[tokio::test]
async fn traces_that_do_not_exist_are_named_beside_those_that_do() {
    let answer = client(shop()).get("/api/traces?traceID=225&traceID=dead").await.json();
    assert_eq!(ids(&answer), ["225"]);
    assert_json_snapshot!(answer["errors"], @r#"
    [
      {
        "msg": "trace not found",
        "traceID": "000000000000dead"
      }
    ]
    "#);
}

#[tokio::test]
async fn errors_are_jaegers() {
    let client = client(shop());
    let mut report = String::new();
    for path in [
        "operations",
        "traces",
        "traces?operation=x",
        "traces?service=x&start=noon",
        "traces?service=x&end=99999999999999999999",
        "traces?service=x&limit=many",
        "traces?service=x&limit=0",
        "traces?service=x&limit=1501",
        "traces?service=x&minDuration=5",
        "traces?service=x&maxDuration=1parsec",
        "traces?service=x&minDuration=2s&maxDuration=1s",
        "traces?service=x&tag=novalue",
        "traces?service=x&tags=[]",
        r#"traces?service=x&tags={"a":null}"#,
        "traces?service=x&raw=maybe",
        "traces?traceID=xyz",
        "traces/chumbawumba",
        "traces/123456789012345678901234567890123",
        "traces/225?start=now",
        "traces/225?raw=5",
        "traces/dead",
        "traces/0",
        "services/%FF/operations",
        "dependencies?endTs=noon",
        "dependencies?lookback=1h",
        "metrics",
        "metrics/calls",
        "metrics/calls?service=x&groupByOperation=foo",
        "metrics/calls?service=x&spanKind=foo",
        "metrics/calls?service=x&step=1&lookback=86400000",
        "metrics/latencies?service=x",
        "metrics/latencies?service=x&quantile=foo",
        "metrics/latencies?service=x&quantile=1.5",
    ] {
        let (status, message) = client.get(&format!("/api/{}", encoded(path))).await.jaeger_error();
        report += &format!("{path}\n  {status} {message}\n");
    }
    assert_snapshot!(report);
}

#[tokio::test]
async fn a_search_answers_a_bounded_number_of_spans() {
    let store = laneway_storage::testing::MemoryStore::of(
        (1..=6).map(|id| span("x").trace(id % 3 + 1).id(id as u64)),
    );
    let limits = crate::Limits { spans_per_search: 5, ..crate::Limits::default() };
    let client = Client::of(crate::Api::new(std::sync::Arc::new(store)).with_limits(limits));
    let (status, message) = client.get("/api/traces?service=shop").await.jaeger_error();
    assert_eq!((status, message.as_str()), (400, "the answer would hold 6 spans, the limit is 5"));
    assert_eq!(client.get("/api/traces?service=shop&limit=2").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_span_that_ends_before_it_starts_takes_no_time() {
    let client = client([span("x").with(|span: &mut model::Span| span.end_unix_ns = 0)]);
    assert_eq!(client.get("/api/traces/1").await.json()["data"][0]["spans"][0]["duration"], 0);
}

#[tokio::test]
async fn an_answer_can_be_indented() {
    let client = client(shop());
    let pretty = client.get("/api/services?prettyPrint=true").await;
    assert!(pretty.text().starts_with("{\n    \"data\": [\n        \"cart\","), "{}", pretty.text());
    assert_eq!(pretty.json(), client.get("/api/services?prettyPrint=false").await.json());
}
