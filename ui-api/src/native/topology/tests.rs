use insta::assert_json_snapshot;
use laneway_storage::model::SpanKind;
use laneway_storage::testing::span;
use serde_json::Value;

use crate::testing::client;
use crate::testing::fleet::fleet;

fn edges(graph: &Value) -> Vec<String> {
    let edges = graph["edges"].as_array().unwrap().iter();
    edges
        .map(|edge| {
            let verdicts = edge["verdicts"].as_object().unwrap().iter();
            let verdicts: Vec<_> = verdicts
                .filter(|(_, count)| **count != 0)
                .map(|(name, count)| format!(" {name}={count}"))
                .collect();
            format!("{} -> {}{}", edge["source"], edge["target"], verdicts.concat()).replace('"', "")
        })
        .collect()
}

#[tokio::test]
async fn services_and_all_that_they_call() {
    assert_json_snapshot!(client(fleet()).get("/api/v1/topology").await.json());
}

#[tokio::test]
async fn every_level_has_ids_of_its_own() {
    let client = client(fleet());
    assert_json_snapshot!(edges(&client.get("/api/v1/topology?level=instance").await.json()));
    assert_json_snapshot!(edges(&client.get("/api/v1/topology?level=operation").await.json()));
}

#[tokio::test]
async fn a_lane_is_its_requests_and_those_that_lost_it() {
    let client = client(fleet());
    let of = async |lane| edges(&client.get(&format!("/api/v1/topology?lane={lane}")).await.json());
    assert_json_snapshot!(of("grey-v2").await);
    assert_json_snapshot!(of("base").await);
    assert_eq!(of("grey-v3").await, [""; 0]);
}

#[tokio::test]
async fn a_service_that_calls_nobody_is_a_node() {
    let graph = client([span("cron").service("lonely")]).get("/api/v1/topology").await.json();
    assert_eq!(graph["nodes"][0]["id"], "service:lonely");
    assert_eq!((&graph["nodes"][0]["requests"], &graph["edges"]), (&1.into(), &serde_json::json!([])));
}

#[tokio::test]
async fn ids_are_unambiguous() {
    let spans = [
        span("b/c").id(1).service("a").kind(SpanKind::Server),
        span("c").id(2).service("a/b").kind(SpanKind::Server),
        span("c").id(3).service("a%2Fb").kind(SpanKind::Server),
    ];
    let graph = client(spans).get("/api/v1/topology?level=operation").await.json();
    let ids: Vec<_> = graph["nodes"].as_array().unwrap().iter().map(|node| &node["id"]).collect();
    assert_eq!(ids, ["operation:a%252Fb/c", "operation:a%2Fb/c", "operation:a/b/c", "user:user"]);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let client = client(fleet());
    for (query, name) in [("level=pod", "level"), ("lane=No", "lane"), ("service=a&service=b", "service")] {
        let (status, code, message, _) = client.get(&format!("/api/v1/topology?{query}")).await.error();
        assert_eq!((status, code.as_str()), (400, "bad_parameter"));
        assert!(message.contains(&format!("'{name}'")), "{message}");
    }
}
