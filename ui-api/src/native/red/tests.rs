use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::Value;

use crate::testing::client;
use crate::testing::fleet::fleet;

fn names(answer: &Value) -> Vec<String> {
    let series = answer["series"].as_array().unwrap().iter();
    let requests = |one: &Value| {
        one["points"].as_array().unwrap().iter().map(|point| point["requests"].as_u64().unwrap()).sum::<u64>()
    };
    series
        .map(|one| {
            format!(
                "{} {} {} {}: {}",
                one["service"],
                one["operation"],
                one["lane"],
                one["kind"],
                requests(one)
            )
            .replace('"', "")
        })
        .collect()
}

#[tokio::test]
async fn a_series_of_one_operation_and_lane() {
    let uri = "/api/v1/red?service=pay&operation=POST%20/pay&lane=grey-v2&step=1m";
    assert_json_snapshot!(client(fleet()).get(uri).await.json());
}

#[tokio::test]
async fn series_are_kept_apart_by_what_is_asked() {
    let client = client(fleet());
    let of = async |query| names(&client.get(&format!("/api/v1/red?{query}")).await.json());
    assert_json_snapshot!(of("by=service").await);
    assert_json_snapshot!(of("by=lane,kind&service=web").await);
    assert_eq!(of("by=lane&kind=producer&lane=base").await, ["null null base null: 3"]);
}

#[tokio::test]
async fn what_has_no_place_is_summed_up() {
    let answer = client(fleet()).get("/api/v1/red?by=service&limit=3&step=1h").await.json();
    assert_eq!(names(&answer), ["cart null null null: 5", "mail null null null: 5", "pay null null null: 5"]);
    assert_eq!(answer["other"]["series"], 1);
    assert_eq!(answer["other"]["points"][0]["requests"], 5);
}

#[tokio::test]
async fn steps_divide_time_without_rest() {
    let client = client(fleet());
    let points = async |query| {
        let answer = client.get(&format!("/api/v1/red?by=service&service=web&{query}")).await.json();
        let points = answer["series"][0]["points"].as_array().unwrap().iter();
        let counts: Vec<_> = points.map(|point| point["requests"].as_u64().unwrap()).collect();
        (answer["step_ms"].as_u64().unwrap(), counts)
    };
    assert_eq!(points("").await, (60_000, vec![2, 3]), "by default at most 120 points");
    assert_eq!(points("step=10s").await, (10_000, vec![1, 1, 1, 1, 1]));
    assert_eq!(points("step=2m").await, (120_000, vec![5]));
    assert_eq!(points("start=1970-01-02T00:00:00Z").await, (4091 * 3_600_000, vec![5]));
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let client = client(fleet());
    let mut report = String::new();
    for query in [
        "step=5s",
        "step=90s",
        "step=61m",
        "step=1",
        "step=-1m",
        "step=10s&start=now-1d",
        "by=pod",
        "kind=x",
        "limit=501",
    ] {
        let (status, code, message, hint) = client.get(&format!("/api/v1/red?{query}")).await.error();
        assert_eq!(status, 400, "{query}");
        report += &format!("{query}\n  {code}: {message}\n  {hint}\n");
    }
    assert_snapshot!(report);
}
