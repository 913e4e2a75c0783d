//! Traces of other projects: see `testdata/README.md`.

use std::collections::BTreeMap;

use laneway_proto::SpanId;
use serde_json::Value;

use super::*;
use crate::model::SpanKind;

/// A Zipkin v2 span, as much of it as topology needs.
fn zipkin_span(json: &Value) -> Span {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = match json["kind"].as_str() {
        Some("CLIENT") => SpanKind::Client,
        Some("SERVER") => SpanKind::Server,
        Some("PRODUCER") => SpanKind::Producer,
        Some("CONSUMER") => SpanKind::Consumer,
        _ => SpanKind::Internal,
    };
    let id = |value: &Value| u64::from_str_radix(value.as_str().unwrap(), 16).unwrap();
    let mut span = span(&text(&json["name"]))
        .trace(u128::from_str_radix(json["traceId"].as_str().unwrap(), 16).unwrap())
        .id(id(&json["id"]))
        .service(&text(&json["localEndpoint"]["serviceName"]))
        .kind(kind)
        .start(json["timestamp"].as_u64().unwrap_or_default() * 1000)
        .duration(json["duration"].as_u64().unwrap_or_default() * 1000);
    if json["parentId"].is_string() {
        span = span.parent(id(&json["parentId"]));
    }
    if let Some(name) = json["remoteEndpoint"]["serviceName"].as_str() {
        span = span.attribute("peer.service", name);
    }
    span.build()
}

fn zipkin(json: &str) -> Vec<String> {
    let spans: Vec<Value> = serde_json::from_str(json).unwrap();
    hops_of(&spans.iter().map(zipkin_span).collect::<Vec<_>>())
}

#[test]
fn shared_spans_of_which_some_halves_are_missing() {
    assert_eq!(
        zipkin(include_str!("../../../testdata/zipkin/ascend.json")),
        [
            "service:mobile-gateway -> service:auth-service base baseline matched",
            "service:mobile-gateway -> service:content-service base baseline matched",
            "user:user -> service:mobile-gateway base baseline one_sided",
        ]
    );
    assert_eq!(
        zipkin(include_str!("../../../testdata/zipkin/yelp.json")),
        [
            "service:mobile_api -> service:blt base - one_sided",
            "service:mobile_api -> service:memcache base - one_sided x2",
            "service:mobile_api -> service:spectre base baseline matched",
            "service:routing -> service:unknown base baseline matched",
            "service:routing -> service:yelp-main base baseline matched",
            "service:unknown -> service:yelp_main/api_proxy base baseline matched",
            "service:yelp-main -> service:memcache base - one_sided x3",
            "service:yelp-main -> service:mobile_api base baseline matched",
            "service:yelp-main -> service:mysql base - one_sided x2",
            "service:yelp_main/api_proxy -> service:yelp-main base baseline matched x2",
            "user:user -> service:routing base baseline one_sided",
        ]
    );
}

#[test]
fn messages_through_a_broker() {
    assert_eq!(
        zipkin(include_str!("../../../testdata/zipkin/messaging.json")),
        [
            "queue:rabbitmq -> service:backend base baseline matched",
            "service:frontend -> queue:rabbitmq base - one_sided",
            "user:user -> service:frontend base baseline one_sided",
        ]
    );
    assert_eq!(
        zipkin(include_str!("../../../testdata/zipkin/messaging2.json")),
        [
            "queue:rabbitmq -> service:notification-service base baseline one_sided",
            "service:mobile-gateway -> service:auth-service base baseline matched",
            "service:transfer-service -> queue:rabbitmq base - one_sided",
            "user:user -> service:mobile-gateway base baseline one_sided",
        ]
    );
}

#[test]
fn a_database_that_only_its_callers_name() {
    assert_eq!(
        zipkin(include_str!("../../../testdata/zipkin/simple-db-p6.json")),
        [
            "service:bootifulmeters -> service:app_db base - one_sided x4",
            "user:user -> service:bootifulmeters base baseline one_sided",
        ]
    );
}

#[test]
fn clocks_that_disagree() {
    assert_eq!(
        zipkin(include_str!("../../../testdata/zipkin/skew.json")),
        [
            "service:servicea -> service:serviceb base baseline matched",
            "user:user -> service:servicea base baseline one_sided",
        ]
    );
}

/// The rows of the extract: trace id, span id, parent id or `root`, pod, operation, start, end, duration.
fn nezha() -> Vec<[&'static str; 8]> {
    let rows = include_str!("../../../testdata/nezha/traces.csv").lines().skip(1);
    rows.map(|row| row.split(',').collect::<Vec<_>>().try_into().unwrap()).collect()
}

/// `frontend-579b9bff58-t2dbm` is a pod of `frontend`.
fn service_of(pod: &str) -> &str {
    pod.rsplitn(3, '-').last().unwrap()
}

#[test]
fn the_topology_of_online_boutique_is_that_of_its_parent_links() {
    let rows = nezha();
    let pods: BTreeMap<(&str, &str), &str> = rows.iter().map(|row| ((row[0], row[1]), row[3])).collect();
    let mut expected = BTreeMap::<(String, String), i64>::new();
    for row in &rows {
        if let Some(caller) = pods.get(&(row[0], row[2]))
            && service_of(caller) != service_of(row[3])
        {
            *expected.entry(((*caller).to_owned(), row[3].to_owned())).or_default() += 1;
        }
    }
    let spans: Vec<Span> = rows
        .iter()
        .map(|[trace, id, parent, pod, operation, start, end, _]| {
            let mut span = span(operation)
                .trace(u128::from_str_radix(trace, 16).unwrap())
                .id(u64::from_str_radix(id, 16).unwrap())
                .service(service_of(pod))
                .instance(pod)
                .start(start.parse().unwrap());
            span = span.duration(end.parse::<u64>().unwrap() - start.parse::<u64>().unwrap());
            span.with(|span| span.parent_span_id = parent.parse::<SpanId>().ok()).build()
        })
        .collect();
    let figures = figures_of(&spans, Resolution::Hour);
    let mut found = BTreeMap::<(String, String), i64>::new();
    for ((key, _), sums) in figures.edges.iter().filter(|((key, _), _)| key.level == EdgeLevel::Instance) {
        assert_eq!(key.provenance, Provenance::Matched);
        let ends = (key.source.detail.to_string(), key.target.detail.to_string());
        *found.entry(ends).or_default() += sums.hops;
    }
    assert_eq!(found, expected);
    assert_eq!(found.len(), 13, "{found:?}");
}
