use laneway_storage::query::Histogram;
use laneway_ui_api::QueryStats;

use super::{Outcome, Protocol, Signal, prometheus_text, queries};
use crate::testing::{ScriptedStore, options};

/// The samples of a metric.
fn samples<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name)).collect()
}

#[test]
fn counts_are_rendered_with_their_labels() {
    let metrics = options(&ScriptedStore::accepting()).metrics;
    metrics.request(Protocol::otlp_grpc, Outcome::accepted);
    metrics.request(Protocol::otlp_grpc, Outcome::accepted);
    metrics.spans(Protocol::otlp_http_json, 5, 2);
    metrics.body(Protocol::otlp_http, 10, 80);
    let text = metrics.render();
    assert_eq!(
        samples(&text, "laneway_receiver_requests_total"),
        [r#"laneway_receiver_requests_total{protocol="otlp_grpc",outcome="accepted"} 2"#]
    );
    assert!(
        text.contains(r#"laneway_receiver_spans_total{protocol="otlp_http_json",outcome="rejected"} 2"#),
        "{text}"
    );
    assert!(
        text.contains(r#"laneway_receiver_bytes_total{protocol="otlp_http",form="decompressed"} 80"#),
        "{text}"
    );
}

#[test]
fn a_stores_figures_are_read_at_the_scrape() {
    let metrics = options(&ScriptedStore::accepting()).metrics;
    assert_eq!(
        samples(&metrics.render(), "laneway_store_wal_syncs_total"),
        ["laneway_store_wal_syncs_total 7"]
    );
}

#[test]
fn an_unsupported_signal_is_new_once() {
    let metrics = options(&ScriptedStore::accepting()).metrics;
    assert!(metrics.unsupported(Signal::logs));
    assert!(!metrics.unsupported(Signal::logs));
    assert!(metrics.unsupported(Signal::metrics));
}

#[test]
fn every_metric_has_a_prefix_a_type_and_help_that_fit() {
    let metrics = options(&ScriptedStore::accepting()).metrics;
    metrics.request(Protocol::otlp_grpc, Outcome::accepted);
    let text = metrics.render();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert!(name.starts_with("laneway_"), "{line}");
        assert!(text.contains(&format!("# TYPE {name} ")), "no type: {line}");
        assert!(text.contains(&format!("# HELP {name} ")), "no help: {line}");
    }
}

#[test]
fn open_metrics_becomes_prometheus_text() {
    let open_metrics = "# HELP a_bytes Read.\n# TYPE a_bytes counter\n# UNIT a_bytes bytes\na_bytes_total 1\n\
                        # HELP b Now.\n# TYPE b gauge\nb{x=\"#\"} 2\n# EOF\n";
    assert_eq!(
        prometheus_text(open_metrics),
        "# HELP a_bytes_total Read\n# TYPE a_bytes_total counter\na_bytes_total 1\n# HELP b Now\n# TYPE b gauge\nb{x=\"#\"} 2\n"
    );
}

#[test]
fn queries_are_counted_by_outcome() {
    let text = queries::render(&QueryStats {
        running: 3,
        waiting: 1,
        limit: 16,
        ended: [90, 5, 0, 0, 2, 0, 0],
        recent_duration_ns: Histogram::default(),
    });
    let ended = samples(&text, "laneway_queries_total");
    assert_eq!(ended.len(), 7);
    assert_eq!(ended[0], r#"laneway_queries_total{outcome="answered"} 90"#);
    assert_eq!(ended[4], r#"laneway_queries_total{outcome="timed_out"} 2"#);
    assert_eq!(samples(&text, "laneway_queries_running"), ["laneway_queries_running 3"]);
    assert_eq!(samples(&text, "laneway_queries_waiting"), ["laneway_queries_waiting 1"]);
}
