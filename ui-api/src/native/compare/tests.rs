use insta::{assert_json_snapshot, assert_snapshot};
use laneway_storage::testing::SpanBuilder;

use crate::testing::client;
use crate::testing::fleet::{MS, fleet, request};

/// 120 requests of the baseline and as many of the lane, all within the hour; `cart` of the lane is slow and fails.
fn release() -> Vec<SpanBuilder> {
    let of = |trace: u128| {
        let lane = trace.is_multiple_of(2).then_some("grey-v2");
        let spans = request(trace, lane).into_iter().enumerate();
        spans.map(move |(place, span)| {
            let span = span.with(|span| {
                let shift = u64::try_from(trace).unwrap_or(0) * 19_000 * MS;
                span.start_unix_ns -= shift;
                span.end_unix_ns -= shift;
            });
            match (lane, place) {
                (Some(_), 0..=2) => span.with(|span| span.end_unix_ns += 40 * MS).error("slow"),
                _ => span,
            }
        })
    };
    (1..=240).flat_map(of).collect()
}

#[tokio::test]
async fn a_bad_release_fails_where_it_is_bad() {
    let mut comparison = client(release()).get("/api/v1/lanes/grey-v2/compare?to=base").await.json();
    let rows = comparison["rows"].as_array_mut().unwrap();
    for row in rows.iter_mut() {
        // The last digits of logarithms differ between machines.
        for of in ["error_rate", "latency"] {
            for value in row[of].as_object_mut().unwrap().values_mut() {
                *value = ((value.as_f64().unwrap() * 1e6).round() / 1e6).into();
            }
        }
    }
    let verdicts: Vec<_> = rows
        .iter()
        .map(|row| {
            let name = format!(
                "{} {} {} {} {}",
                row["level"], row["service"], row["operation"], row["source"], row["target"]
            );
            format!("{name}: {} {}", row["verdict"], row["reasons"]).replace('"', "")
        })
        .collect();
    assert_snapshot!(verdicts.join("\n"));
    assert_json_snapshot!(rows[0]);
    assert_eq!((&comparison["verdict"], &comparison["to"]), (&"fail".into(), &"base".into()));
    assert_eq!(
        comparison["first_divergence"],
        serde_json::json!({"source": "service:web", "target": "service:cart", "operation": "GET /items"})
    );
}

#[tokio::test]
async fn criteria_are_parameters() {
    let client = client(release());
    let verdict = async |query: &str| {
        let uri = format!("/api/v1/lanes/grey-v2/compare?{query}");
        client.get(&uri).await.json()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("minRequests=121").await, "insufficient");
    assert_eq!(verdict("minErrorDifference=1&minLatencyRatio=1000").await, "fail", "all of them failed");
    assert_eq!(verdict("alpha=0.000000001").await, "fail");
}

#[tokio::test]
async fn few_requests_are_insufficient() {
    let comparison = client(fleet()).get("/api/v1/lanes/grey-v2/compare").await.json();
    assert_eq!(comparison["verdict"], "insufficient");
    let row = &comparison["rows"][0];
    assert_eq!(row["reasons"][0], "2 requests against 3: at least 100 are needed on both sides");
    assert_eq!((&row["error_rate"], &row["latency"]), (&().into(), &().into()));
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let client = client(fleet());
    let mut report = String::new();
    for query in
        ["to=grey-v2", "to=No", "alpha=0", "alpha=nan", "minRequests=1", "minEffect=0.4", "minCoverage=2"]
    {
        let uri = format!("/api/v1/lanes/grey-v2/compare?{query}");
        let (status, code, message, hint) = client.get(&uri).await.error();
        assert_eq!(status, 400, "{query}");
        report += &format!("{query}\n  {code}: {message}\n  {hint}\n");
    }
    assert_snapshot!(report);
    let (status, code, ..) = client.get("/api/v1/lanes/grey-v3/compare").await.error();
    assert_eq!((status, code.as_str()), (404, "lane_not_found"));
}
