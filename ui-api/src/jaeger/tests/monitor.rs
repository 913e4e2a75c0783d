//! Dependencies and metrics.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::testing::client;
use crate::testing::fleet::fleet;

#[tokio::test]
async fn dependencies_are_calls_between_services_and_queues() {
    let client = client(fleet());
    let answer = client.get("/api/dependencies?lookback=3600000").await.json();
    assert_json_snapshot!(answer["data"]);
    assert_eq!(answer["total"], 0);
    let of_cart = client.get("/api/dependencies?service=cart").await.json();
    assert_eq!(of_cart["data"], json!([{"parent": "web", "child": "cart", "callCount": 5}]));
    let before = client.get("/api/dependencies?endTs=1767225599999").await.json();
    assert_eq!(before["data"], json!([]));
}

/// Requests start 20, 40, 60, 80 and 100 s after the epoch of tests.
const AT: &str = "endTs=1767225720000&lookback=60000&step=30000&ratePer=60000";

#[tokio::test]
async fn latencies_of_a_service() {
    let uri = format!("/api/metrics/latencies?service=pay&quantile=0.95&{AT}");
    assert_json_snapshot!(client(fleet()).get(&uri).await.json());
}

#[tokio::test]
async fn rates_are_over_the_window_before_each_point() {
    let client = client(fleet());
    let of = async |what, query| {
        let family = client.get(&format!("/api/metrics/{what}?{AT}&{query}")).await.json();
        let metrics = family["metrics"].as_array().unwrap().clone();
        let values = metrics.iter().map(|metric| {
            let points = metric["metricPoints"].as_array().unwrap().iter();
            points.map(|point| point["gaugeValue"]["doubleValue"].as_f64().unwrap() * 60.0).collect()
        });
        (family["name"].as_str().unwrap().to_owned(), values.collect::<Vec<Vec<f64>>>())
    };
    // Within (0, 60], (30, 90] and (60, 120]: two, three and three requests start.
    assert_eq!(of("calls", "service=pay").await, ("service_call_rate".into(), vec![vec![2.0, 3.0, 3.0]]));
    assert_eq!(of("errors", "service=pay").await.1, [[60.0, 60.0, 60.0]]);
    assert_eq!(of("errors", "service=cart").await.1, [[0.0, 0.0, 0.0]]);
    let (name, values) = of("calls", "service=web&service=cart&groupByOperation=true").await;
    assert_eq!((&*name, values.len()), ("service_operation_call_rate", 2));
    assert_eq!(of("calls", "service=web&spanKind=client&spanKind=producer").await.1[0][0], 6.0);
    assert_eq!(of("calls", "service=nobody").await.1.len(), 0);
}

#[tokio::test]
async fn the_shortest_step() {
    assert_eq!(client(fleet()).get("/api/metrics/minstep").await.json()["data"], 10_000);
}
