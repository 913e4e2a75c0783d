use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use insta::{assert_json_snapshot, assert_snapshot};
use laneway_storage::model::SpanKind;
use laneway_storage::testing::{EPOCH_UNIX_NS, MemoryStore, SpanBuilder, attribute, span};

use crate::Api;
use crate::testing::{Client, client};

const MS: u64 = 1_000_000;

/// A checkout in a lane, which fails in its second service; a lonely health check.
fn shop() -> Vec<SpanBuilder> {
    let root = span("POST /checkout").trace(0xa1).service("web").instance("web-1").lane("grey-v2");
    let root = root.kind(SpanKind::Server).duration(30 * MS);
    let pay = span("pay").service("payment").lane("grey-v2").kind(SpanKind::Client).child_of(&root);
    let charge = span("charge").service("payment").instance("pay-7").kind(SpanKind::Server);
    vec![
        charge.child_of(&pay).after(2 * MS).duration(20 * MS).error("card declined"),
        pay.after(MS).duration(25 * MS),
        root,
        span("GET /health").trace(0xb2).service("web").instance("web-2").kind(SpanKind::Server).after(5 * MS),
    ]
}

#[tokio::test]
async fn services_with_lanes_instances_and_red() {
    assert_json_snapshot!(client(shop()).get("/api/v1/services").await.json());
}

#[tokio::test]
async fn operations_with_kind_and_red() {
    let client = client(shop());
    assert_json_snapshot!(client.get("/api/v1/services/payment/operations").await.json());
    let none = client.get("/api/v1/services/nobody/operations").await.json();
    assert_eq!(none, serde_json::json!({"operations": []}));
}

#[tokio::test]
async fn a_service_of_any_name_can_be_asked_for() {
    let client = client([span("x").service("a/b c?ü")]);
    let answer = client.get("/api/v1/services/a%2Fb%20c%3F%C3%BC/operations").await.json();
    assert_eq!(answer["operations"][0]["name"], "x");
    let (status, code, ..) = client.get("/api/v1/services/%FF/operations").await.error();
    assert_eq!((status, code.as_str()), (400, "bad_path"));
}

#[tokio::test]
async fn traces_in_brief() {
    assert_json_snapshot!(client(shop()).get("/api/v1/traces").await.json());
}

#[tokio::test]
async fn each_condition_narrows_the_search_and_all_hold_for_one_span() {
    let client = client(shop());
    for (query, found) in [
        ("service=web", "b2 a1"),
        ("service=payment", "a1"),
        ("service=payment&service=", "a1"),
        ("operation=GET%20/health", "b2"),
        ("operation=GET+/health", "b2"),
        ("lane=grey-v2", "a1"),
        ("lane=base&service=payment", "a1"),
        ("lane=base&service=web", "b2"),
        ("status=error", "a1"),
        ("status=error&service=web", ""),
        ("status=ok", ""),
        ("minDuration=21ms", "a1"),
        ("minDuration=30ms&maxDuration=30ms", "a1"),
        ("maxDuration=1ms", "b2"),
        ("minDuration=26ms&service=payment", ""),
        ("tag=service.instance.id=web-2", "b2"),
        ("tag=error=true&tag=span.kind=server", "a1"),
        ("tag=error=true&tag=span.kind=client", ""),
        ("tag=k=a=b", ""),
        ("start=now-9m", ""),
        ("end=2025-12-31T23:59:59Z", ""),
        ("start=1767225600000&end=1767225600001", "a1"),
        ("limit=1", "b2"),
    ] {
        let answer = client.get(&format!("/api/v1/traces?{query}")).await.json();
        assert_eq!(ids(&answer).join(" "), found, "{query}");
    }
}

fn ids(answer: &serde_json::Value) -> Vec<String> {
    let traces = answer["traces"].as_array().unwrap().iter();
    traces.map(|trace| trace["traceId"].as_str().unwrap().trim_start_matches('0').to_owned()).collect()
}

#[tokio::test]
async fn pages_are_the_whole_set_without_repeats_even_at_equal_times() {
    let spans = (1..=60).map(|trace| span("x").trace(trace).after(u64::try_from(trace).unwrap() / 20));
    let client = client(spans);
    for limit in [1, 7, 59, 60, 61] {
        let (mut seen, mut cursor, mut requests) = (Vec::new(), String::new(), 0);
        loop {
            let answer = client.get(&format!("/api/v1/traces?limit={limit}&cursor={cursor}")).await.json();
            let page = ids(&answer);
            assert!(page.len() <= limit);
            seen.extend(page);
            requests += 1;
            let Some(next) = answer["nextCursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(requests, 60_usize.div_ceil(limit), "an empty last page is no page");
        assert_eq!(seen.len(), 60);
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 60);
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let client = client(shop());
    let mut report = String::new();
    for query in [
        "start=yesterday",
        "end=now-5y",
        "start=now&end=now-1m",
        "start=1969-01-01T00:00:00Z",
        "limit=0",
        "limit=1001",
        "limit=all",
        "status=bad",
        "lane=Not%20A%20Lane",
        "minDuration=5",
        "maxDuration=-1s",
        "minDuration=2s&maxDuration=1s",
        "tag=novalue",
        "tag==x",
        "cursor=abc",
        "service=a&service=b",
        "Service=a",
        "q=%7B%7D",
    ] {
        let (status, code, message, hint) = client.get(&format!("/api/v1/traces?{query}")).await.error();
        assert_eq!(status, 400, "{query}");
        report += &format!("{query}\n  {code}: {message}\n  {hint}\n");
    }
    assert_snapshot!(report);
}

#[tokio::test]
async fn every_route_refuses_parameters_that_it_does_not_know() {
    let client = client(shop());
    for path in [
        "services",
        "services/web/operations",
        "traces",
        "traces/a1a1a1a1a1a1a1a1",
        "topology",
        "red",
        "lanes",
        "lanes/base",
        "lanes/grey-v2/compare",
    ] {
        let (status, code, message, _) = client.get(&format!("/api/v1/{path}?lmit=5")).await.error();
        assert_eq!(
            (status, code.as_str(), message.as_str()),
            (400, "unknown_parameter", "unknown parameter 'lmit'")
        );
    }
}

#[tokio::test]
async fn errors_have_one_envelope() {
    let client = client(shop());
    for (path, status, code) in [
        ("/api/v1/nothing", 404, "not_found"),
        ("/nothing", 404, "not_found"),
        ("/api/v1/traces/0000000000000000000000000000dead", 404, "trace_not_found"),
        ("/api/v1/traces/xyz", 400, "bad_parameter"),
        ("/api/v1/traces/00000000000000000000000000000000", 400, "bad_parameter"),
    ] {
        let error = client.get(path).await.error();
        assert_eq!((error.0, error.1.as_str()), (status, code), "{path}");
    }
    let refused = client.call(Method::POST, "/api/v1/services").await;
    assert_eq!(refused.error().1, "method_not_allowed");
    assert_eq!((refused.status, refused.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"));
}

#[tokio::test]
async fn hostile_text_comes_out_as_json() {
    let hostile = "\u{0}\"</script>\u{2028}\u{7f}\\u0000\r\nx: y 😈";
    let store = MemoryStore::of([span(hostile)
        .service(hostile)
        .instance(hostile)
        .scope(hostile, hostile)
        .attribute(hostile, hostile)
        .attribute("nan", f64::NAN)
        .event(hostile, vec![attribute(hostile, hostile)])
        .link(1, 2, vec![attribute(hostile, hostile)])
        .error(hostile)
        .with(|span| span.trace_state = hostile.to_owned())]);
    let client = Client::of(Api::new(Arc::new(store)));
    assert_eq!(client.get("/api/v1/services").await.json()["services"][0]["name"], hostile);
    assert_eq!(client.get("/api/v1/traces").await.json()["traces"][0]["rootOperation"], hostile);
    assert_eq!(client.get("/api/services").await.json()["data"][0], hostile);
    let id = "00000000000000000000000000000001";
    let span = &client.get(&format!("/api/v1/traces/{id}")).await.json()["resourceSpans"][0]["scopeSpans"][0];
    assert_eq!(span["spans"][0]["name"], hostile);
    assert_eq!(span["spans"][0]["startTimeUnixNano"], EPOCH_UNIX_NS.to_string());
    let trace = client.get(&format!("/api/traces/{id}")).await.json();
    assert_eq!(trace["data"][0]["spans"][0]["operationName"], hostile);
}

#[tokio::test]
async fn accept_decides_how_a_trace_is_written() {
    let client = client(shop());
    for (accept, written) in [
        ("*/*", "application/json"),
        ("application/protobuf", "application/protobuf"),
        ("Application/X-Protobuf", "application/x-protobuf"),
        ("text/html, application/protobuf;q=0.9", "application/protobuf"),
        ("application/json, application/protobuf", "application/json"),
        ("application/json;q=0.5, application/protobuf", "application/protobuf"),
        ("application/protobuf;q=0", "application/json"),
        ("text/html", "application/json"),
    ] {
        let answer = client.get_accepting("/api/v1/traces/00000000000000a1", accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, written), "{accept}");
        assert_eq!(answer.header("vary"), "accept");
    }
}
