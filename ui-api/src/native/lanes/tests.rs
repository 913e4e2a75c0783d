use insta::assert_json_snapshot;

use crate::testing::client;
use crate::testing::fleet::fleet;

#[tokio::test]
async fn lanes_and_what_they_cover() {
    assert_json_snapshot!(client(fleet()).get("/api/v1/lanes").await.json());
}

#[tokio::test]
async fn a_lane_with_its_edges_and_leaks() {
    let lane = client(fleet()).get("/api/v1/lanes/grey-v2").await.json();
    assert_json_snapshot!(lane["leaks"]);
    let edges = lane["edges"].as_array().unwrap().iter();
    let edges: Vec<_> = edges.map(|edge| format!("{} {}", edge["source"], edge["target"])).collect();
    assert_eq!(edges.len(), 6, "{edges:?}");
    assert_eq!(lane["verdicts"]["lost"], 2);
    assert_eq!(lane["services"], serde_json::json!(["cart"]));
}

#[tokio::test]
async fn a_lane_that_was_not_seen() {
    let client = client(fleet());
    let (status, code, ..) = client.get("/api/v1/lanes/grey-v3").await.error();
    assert_eq!((status, code.as_str()), (404, "lane_not_found"));
    let (status, code, ..) = client.get("/api/v1/lanes/Grey%20V3").await.error();
    assert_eq!((status, code.as_str()), (400, "bad_parameter"));
}
