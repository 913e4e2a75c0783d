//! Lanes, hops and verdicts of small traces.

mod recorded;
mod shapes;
mod splits;
mod verdicts;

use super::*;
use crate::model::{Span, SpanKind};
use crate::testing::{EPOCH_UNIX_NS, SpanBuilder, span};

/// `source -> target lane verdict provenance`, of every hop at instance level, ordered; a count where it is not 1.
fn hops(spans: Vec<SpanBuilder>) -> Vec<String> {
    hops_of(&spans.into_iter().map(Into::into).collect::<Vec<_>>())
}

fn hops_of(spans: &[Span]) -> Vec<String> {
    let query = FiguresQuery {
        range: crate::query::TimeRange::ALL,
        step_s: None,
        service: None,
        red: true,
        edges: Some(EdgeLevel::Instance),
    };
    let figures = figures_of(spans, Resolution::TenSeconds).answer(&query);
    let edges = figures.edges.iter().map(|((key, _), figures)| {
        let outcome = match key.outcome {
            Outcome::Verdict(verdict) => verdict.as_str(),
            Outcome::None => "-",
            Outcome::ToBaseline => "unjudged",
        };
        let count = if figures.hops == 1 { String::new() } else { format!(" x{}", figures.hops) };
        let provenance = key.provenance.as_str();
        format!("{} -> {} {} {outcome} {provenance}{count}", key.source.node, key.target.node, key.lane)
    });
    let mut edges: Vec<String> = edges.collect();
    edges.sort();
    edges
}

fn client(name: &str, service: &str) -> SpanBuilder {
    span(name).service(service).kind(SpanKind::Client)
}

fn server(name: &str, service: &str) -> SpanBuilder {
    span(name).service(service).kind(SpanKind::Server)
}

#[test]
fn a_call_is_one_edge_with_both_latencies() {
    let entry = server("GET /", "shop").duration(9_000);
    let call = client("call", "shop").child_of(&entry).duration(5_000);
    let served = server("POST /pay", "pay").child_of(&call).duration(3_000);
    let spans: Vec<Span> = [&entry, &call, &served].map(|builder| builder.clone().build()).into();
    let figures = figures_of(&spans, Resolution::TenSeconds);
    let (key, edge) = figures
        .edges
        .iter()
        .find(|((key, _), _)| key.level == EdgeLevel::Operation && &*key.target.node.name == "pay")
        .unwrap();
    assert_eq!((&*key.0.source.detail, &*key.0.target.detail), ("GET /", "POST /pay"));
    assert_eq!(key.1, EPOCH_UNIX_NS / 1_000_000_000);
    assert_eq!((edge.hops, edge.errors), (1, 0));
    assert!(edge.duration_ns.quantile(1.0).unwrap() < edge.client_duration_ns.quantile(1.0).unwrap());
    assert_eq!(
        hops(vec![entry, call, served]),
        [
            "service:shop -> service:pay base baseline matched",
            "user:user -> service:shop base baseline one_sided"
        ]
    );
}
