use laneway_storage::model::SpanKind;
use laneway_storage::testing::{EPOCH_UNIX_NS, MemoryStore, SpanBuilder, span};

use super::*;

const EPOCH_S: u64 = EPOCH_UNIX_NS / 1_000_000_000;
const MS: u64 = 1_000_000;

/// A call in a lane, seen from both sides.
fn call(trace: u128) -> [SpanBuilder; 2] {
    let call = span("call").trace(trace).service("web").kind(SpanKind::Client).lane("grey").duration(9 * MS);
    let served = span("GET /items").service("cart").kind(SpanKind::Server).child_of(&call).duration(5 * MS);
    [call, served.resource_attribute("service.lane", "grey").error("full")]
}

async fn count(metrics: &SpanMetrics, store: &MemoryStore, now_s: u64) {
    let query = metrics.query(now_s).unwrap();
    metrics.forget(&query);
    metrics.count(&store.figures(query).await.unwrap());
}

/// The value of the first sample whose line begins so.
fn value(metrics: &SpanMetrics, begin: &str) -> Option<f64> {
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with(begin))?;
    line.rsplit(' ').next()?.parse().ok()
}

const CALLS: &str = "traces_spanmetrics_calls_total{service=\"cart\"";

#[tokio::test]
async fn names_and_labels_are_tempos() {
    let metrics = SpanMetrics::new(EPOCH_S, 100);
    let redis =
        span("GET").trace(2).service("web").kind(SpanKind::Client).attribute("db.system.name", "redis");
    let store = MemoryStore::of(call(1).into_iter().chain([redis.duration(3000 * MS)]));
    count(&metrics, &store, EPOCH_S + 90).await;
    let text = metrics.render();
    for line in [
        r#"traces_service_graph_request_total{client="web",client_service_namespace="",server="cart",server_service_namespace="grey",connection_type=""} 1"#,
        r#"traces_service_graph_request_total{client="web",client_service_namespace="",server="redis",server_service_namespace="",connection_type="database"} 1"#,
        r#"traces_service_graph_request_failed_total{client="web",client_service_namespace="",server="cart",server_service_namespace="grey",connection_type=""} 1"#,
        r#"traces_service_graph_request_server_seconds_bucket{client="web",client_service_namespace="",server="cart",server_service_namespace="grey",connection_type="",le="0.004"} 0"#,
        r#"traces_service_graph_request_server_seconds_bucket{client="web",client_service_namespace="",server="cart",server_service_namespace="grey",connection_type="",le="0.008"} 1"#,
        r#"traces_service_graph_request_server_seconds_bucket{client="web",client_service_namespace="",server="redis",server_service_namespace="",connection_type="database",le="+Inf"} 1"#,
        r#"traces_service_graph_request_client_seconds_bucket{client="web",client_service_namespace="",server="cart",server_service_namespace="grey",connection_type="",le="0.016"} 1"#,
        r#"traces_spanmetrics_calls_total{service="cart",span_name="GET /items",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR",lane="grey"} 1"#,
        r#"traces_spanmetrics_latency_count{service="cart",span_name="GET /items",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_ERROR",lane="grey"} 1"#,
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    let sum = value(&metrics, "traces_spanmetrics_latency_sum{service=\"cart\"").unwrap();
    assert!((0.004_8..0.005_3).contains(&sum), "{sum}");
}

#[tokio::test]
async fn minutes_are_counted_once_they_have_settled() {
    let metrics = SpanMetrics::new(EPOCH_S, 100);
    assert!(metrics.query(EPOCH_S + 89).is_none(), "the first minute may still change");
    let store = MemoryStore::of(call(1));
    count(&metrics, &store, EPOCH_S + 90).await;
    assert_eq!(value(&metrics, CALLS), Some(1.0));
    count(&metrics, &store, EPOCH_S + 150).await;
    assert_eq!(value(&metrics, CALLS), Some(1.0), "once");
    store.insert(call(2));
    count(&metrics, &store, EPOCH_S + 210).await;
    assert_eq!(value(&metrics, CALLS), Some(2.0), "late, but within what is looked at again");
    store.insert(call(3));
    count(&metrics, &store, EPOCH_S + 90 + 60 * REVISIT_MINUTES).await;
    assert_eq!(value(&metrics, CALLS), Some(2.0), "too late");
}

#[tokio::test]
async fn what_was_before_the_start_is_not_counted() {
    let metrics = SpanMetrics::new(EPOCH_S + 60, 100);
    let store = MemoryStore::of(call(1));
    count(&metrics, &store, EPOCH_S + 150).await;
    assert_eq!(value(&metrics, CALLS), None);
}

#[tokio::test]
async fn no_counter_ever_falls() {
    let metrics = SpanMetrics::new(EPOCH_S, 100);
    let [call, served] = call(1);
    let store = MemoryStore::of([served.clone()]);
    count(&metrics, &store, EPOCH_S + 90).await;
    let from = |client| format!("traces_service_graph_request_total{{client=\"{client}\"");
    assert_eq!(value(&metrics, &from("unknown")), Some(1.0));
    store.insert([call]);
    count(&metrics, &store, EPOCH_S + 150).await;
    assert_eq!(value(&metrics, &from("web")), Some(1.0));
    assert_eq!(value(&metrics, &from("unknown")), Some(1.0), "though there is no such call any more");
    store.insert([served.trace(2).id(99)]);
    count(&metrics, &store, EPOCH_S + 210).await;
    assert_eq!(value(&metrics, &from("unknown")), Some(1.0), "the minute has one again");
}

#[tokio::test]
async fn series_are_bounded_and_what_is_left_out_is_counted() {
    let metrics = SpanMetrics::new(EPOCH_S, 3);
    let spans = (1..=10).map(|id| span(&format!("operation {id:02}")).id(id).kind(SpanKind::Server));
    let store = MemoryStore::of(spans);
    for now_s in [EPOCH_S + 90, EPOCH_S + 150] {
        count(&metrics, &store, now_s).await;
        let text = metrics.render();
        assert_eq!(
            text.lines().filter(|line| line.starts_with("traces_spanmetrics_calls_total{")).count(),
            3
        );
        assert_eq!(value(&metrics, "laneway_span_metrics_left_out_total{of=\"spans\"}"), Some(7.0));
    }
}

#[tokio::test]
async fn hostile_names_are_escaped() {
    let metrics = SpanMetrics::new(EPOCH_S, 10);
    let store = MemoryStore::of([span("a\"} 1\nb\\").kind(SpanKind::Server)]);
    count(&metrics, &store, EPOCH_S + 90).await;
    assert!(metrics.render().contains(r#"span_name="a\"} 1\nb\\""#), "{}", metrics.render());
}

#[test]
fn it_wakes_when_a_minute_has_settled() {
    for (now_s, wait_s) in [(0, 30), (29, 1), (30, 60), (59, 31), (60, 30)] {
        assert_eq!(until_next_minute(Duration::from_secs(now_s)), Duration::from_secs(wait_s), "{now_s}");
    }
}

#[test]
fn a_quiet_store_is_asked_until_the_last_minute_has_settled() {
    let mut quiet = Quiet::default();
    let looks = [5, 6, 6, 6, 6, 6, 7, 7].map(|spans| quiet.has_lasted(Some(spans)));
    assert_eq!(looks, [false, false, false, false, true, true, false, false]);
    assert!((0..9).all(|_| !quiet.has_lasted(None)), "where others send spans, nobody knows");
}
