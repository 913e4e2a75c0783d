//! What is left when a service or a trace was deleted.

use super::*;
use crate::model::SpanKind;
use crate::topology::{EdgeLevel, FiguresQuery};

const CALL: u64 = 7;

/// A call from a service to another, as both see it.
fn call(trace: u128, source: &str, target: &str) -> [Span; 2] {
    let id = trace as u64 * 100 + CALL;
    let one = |id, kind, service| {
        span("GET /")
            .trace(trace)
            .id(id)
            .kind(kind)
            .service(service)
            .resource_attribute("service.lane", "grey-v2")
    };
    [one(id, SpanKind::Client, source).build(), one(id + 1, SpanKind::Server, target).parent(id).build()]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deleted_service_no_row_of_any_table_is_left() {
    let Some(place) = Place::new() else { return };
    let store = place.open().await;
    assert_ready(&store).await;
    let hostile = "it's {name:String} \\";
    let spans = [call(1, "cart", hostile), call(2, "cart", "order")].concat();
    store.append(request(&spans)).await.unwrap();
    // Not yet in ClickHouse, maybe.
    assert_eq!(store.delete(Deletion::Service(hostile.to_owned())).await.unwrap(), 1);
    assert_eq!(store.stats().maintenance.deleted_spans, 1);
    assert_eq!(store.service_names().await.unwrap(), ["cart", "order"]);
    let query = FiguresQuery {
        range: TimeRange::ALL,
        step_s: None,
        service: None,
        red: true,
        edges: Some(EdgeLevel::Instance),
    };
    let figures = store.figures(query).await.unwrap();
    let red: Vec<&str> = figures.red.keys().map(|(key, _)| &*key.service).collect();
    assert!(!red.contains(&hostile) && red.contains(&"order"), "{red:?}");
    let edges: Vec<&str> = figures.edges.keys().map(|(key, _)| &*key.target.node.name).collect();
    assert_eq!(edges, ["order"]);
    for table in ["otel_traces", "laneway_operations", "laneway_red", "laneway_edges", "laneway_presence"] {
        let dump = place.run(&format!("SELECT * FROM $db.{table} FORMAT JSONEachRow"));
        assert!(!dump.is_empty() && !dump.contains("it's"), "{table}: {dump}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_be_deleted_while_clickhouse_is_away() {
    let Some(place) = Place::apart("away") else { return };
    let front = place.front;
    let store = place.open().await;
    assert_ready(&store).await;
    let one = TraceId::from_bytes(1u128.to_be_bytes()).unwrap();
    store.append(request(&call(1, "cart", "order"))).await.unwrap();
    front.fail(Fault::Error, 1, "DELETE WHERE");
    let refused = store.delete(Deletion::Trace(one)).await;
    assert!(matches!(refused, Err(AdminError::Data(_))), "{refused:?}");
    assert_eq!(store.stats().maintenance.deleted_spans, 0);
    assert!(store.trace(one, None).await.unwrap().is_some());
    assert_eq!(store.delete(Deletion::Trace(one)).await.unwrap(), 2);
    assert_eq!(store.trace(one, None).await.unwrap(), None);
    assert_eq!(place.run("SELECT count() FROM $db.otel_traces_trace_id_ts"), "0");
    store.close().await;
}
