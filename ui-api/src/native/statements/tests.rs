use insta::{assert_json_snapshot, assert_snapshot};
use laneway_storage::model::SpanKind;
use laneway_storage::testing::{SpanBuilder, span};
use serde_json::Value;

use crate::testing::client;
use crate::testing::fleet::{MS, fleet};

fn query(trace: u128, name: &str, duration_ms: u64) -> SpanBuilder {
    let span = span(name).trace(trace).id(trace as u64).service("cart").kind(SpanKind::Client);
    span.duration(duration_ms * MS).attribute("db.system", "mysql").attribute("db.name", "shop")
}

fn names(answer: &Value) -> Vec<&str> {
    answer["statements"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn statements_by_the_time_that_they_took_altogether() {
    let spans = [
        query(1, "SELECT items", 5).attribute("db.statement", "SELECT * FROM items"),
        query(2, "SELECT items", 30).attribute("db.query.text", "SELECT * FROM items WHERE id = ?"),
        query(3, "INSERT item", 20).error("locked"),
        span("GET /prices").trace(4).id(4).service("cart").kind(SpanKind::Client).duration(90 * MS),
        query(5, "SELECT items", 40).service("another"),
        query(6, "internal", 90).kind(SpanKind::Internal),
    ];
    let client = client(spans);
    assert_json_snapshot!(client.get("/api/v1/services/cart/statements").await.json());
    let none = client.get("/api/v1/services/nobody/statements").await.json();
    assert_json_snapshot!(none, @r#"
    {
      "examined": 0,
      "left_out": 0,
      "statements": [],
      "unknown": 0
    }
    "#);
}

#[tokio::test]
async fn only_those_of_a_lane_and_what_is_left_out_is_counted() {
    let client = client(fleet());
    let requests = async |uri: &str| client.get(uri).await.json()["statements"][0]["requests"].clone();
    assert_eq!(requests("/api/v1/services/cart/statements").await, 5);
    assert_eq!(requests("/api/v1/services/cart/statements?lane=grey-v2").await, 2);

    // Durations that differ by less than a histogram tells apart are equal.
    let many = (1..=60).map(|number| {
        let duration_ms =
            [(59, 100), (60, 200)].iter().find(|(one, _)| *one == number).map_or(1, |(_, ms)| *ms);
        query(number, &format!("SELECT {number}"), duration_ms)
    });
    let client = crate::testing::client(many);
    let answer = client.get("/api/v1/services/cart/statements?limit=2").await.json();
    assert_eq!(names(&answer), ["SELECT 60", "SELECT 59"]);
    assert_eq!((&answer["examined"], &answer["left_out"]), (&2.into(), &58.into()));
    let answer = client.get("/api/v1/services/cart/statements?limit=50").await.json();
    assert_eq!((&answer["examined"], &answer["left_out"]), (&50.into(), &10.into()));
}

#[tokio::test]
async fn a_long_text_is_cut_between_characters() {
    let client = client([query(1, "x", 1).attribute("db.query.text", &*"ü".repeat(5_000))]);
    let answer = client.get("/api/v1/services/cart/statements").await.json();
    assert_eq!(answer["statements"][0]["text"].as_str().unwrap().chars().count(), 4096);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let client = client(fleet());
    let mut report = String::new();
    for query in ["limit=0", "limit=51", "lane=No%20Lane", "start=yesterday", "service=x"] {
        let (status, code, message, _) =
            client.get(&format!("/api/v1/services/cart/statements?{query}")).await.error();
        report += &format!("{query}: {status} {code}: {message}\n");
    }
    assert_snapshot!(report);
}
