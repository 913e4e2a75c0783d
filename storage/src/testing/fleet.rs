//! A small fleet whose spans meet in every way, and figures of it against those of the reference store.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{EPOCH_UNIX_NS, MemoryStore, SpanBuilder, span};
use crate::Store;
use crate::model::{Span, SpanKind};
use crate::query::TimeRange;
use crate::topology::{EdgeLevel, Figures, FiguresQuery, Presence};

const SECOND_NS: u64 = 1_000_000_000;

/// A span of a small fleet, whose parent may be any other, or none that exists.
fn member(id: u64) -> impl Strategy<Value = SpanBuilder> {
    let kinds =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    let peers: [&[(&str, &str)]; 5] = [
        &[],
        &[("db.system.name", "redis"), ("server.address", "cache.local")],
        &[("messaging.system", "kafka"), ("messaging.destination.name", "orders")],
        &[("url.full", "https://user:secret@example.test/path?q"), ("http.request.method", "GET")],
        &[("peer.service", "payment"), ("rpc.system", "grpc")],
    ];
    let lane = || option::of(select(&["base", "grey-v2", "loadtest"][..]));
    let ids = (1..4u128, option::of(1..20u64), select(kinds.to_vec()), 0..7200u64, 0..5_000_000u64);
    let place = (select(&["cart", "order", "payment"][..]), 0..2u8, lane());
    (ids, place, lane(), select(peers.to_vec()), any::<bool>(), 0..6u8).prop_map(
        move |(
            (trace, parent, kind, start_s, duration_ns),
            (service, instance, serves),
            lane,
            peer,
            failed,
            state,
        )| {
            let mut one = span(["GET /", "charge"][(id % 2) as usize])
                .trace(trace)
                .id(id)
                .kind(kind)
                .start(EPOCH_UNIX_NS + start_s * SECOND_NS + id)
                .duration(duration_ns)
                .service(service)
                .instance(&format!("{service}-{instance}"));
            if let Some(parent) = parent {
                one = one.parent(parent);
            }
            if let Some(lane) = lane {
                one = one.lane(lane);
            }
            if let Some(serves) = serves {
                one = one.resource_attribute("service.lane", serves);
            }
            for (key, value) in peer {
                one = one.attribute(key, *value);
            }
            if failed {
                one = one.error("");
            }
            match state {
                0 => one.trace_state(&format!(
                    "laneway=1;{:016x};web;web-1;GET%20/;base;grey-v2",
                    parent.unwrap_or(9)
                )),
                1 => one.trace_state("ot=th:c"),
                _ => one,
            }
        },
    )
}

/// Spans of one start and id are equal, so it is of no importance which of them counts.
pub(crate) fn world() -> impl Strategy<Value = Vec<Span>> {
    (1..20u64)
        .map(member)
        .collect::<Vec<_>>()
        .prop_map(|members| members.into_iter().map(|member| member.build()).collect())
}

pub(crate) fn queries() -> Vec<FiguresQuery> {
    let all = FiguresQuery {
        range: TimeRange::ALL,
        step_s: None,
        service: None,
        red: true,
        edges: Some(EdgeLevel::Instance),
    };
    let start_unix_ns = EPOCH_UNIX_NS + 600 * SECOND_NS;
    let some = TimeRange { start_unix_ns, end_unix_ns: start_unix_ns + 3000 * SECOND_NS };
    vec![
        all.clone(),
        FiguresQuery { step_s: Some(10), edges: Some(EdgeLevel::Operation), ..all.clone() },
        FiguresQuery { step_s: Some(60), range: some, ..all.clone() },
        FiguresQuery { step_s: Some(3600), edges: Some(EdgeLevel::Operation), ..all.clone() },
        FiguresQuery { range: some, service: Some("cart".to_owned()), ..all },
        FiguresQuery::of_presence(TimeRange::ALL),
        FiguresQuery::of_presence(some),
    ]
}

/// Exemplars are hints: one that was corrected away may be left.
fn without_exemplars(mut figures: Figures) -> Figures {
    figures.red.values_mut().for_each(|red| red.exemplars = Default::default());
    figures.edges.values_mut().for_each(|edge| edge.exemplars = Default::default());
    figures
}

/// Compares figures of every kind.
pub(crate) async fn assert_same_figures(store: &dyn Store, oracle: &MemoryStore) {
    for query in queries() {
        let ours = without_exemplars(store.figures(query.clone()).await.unwrap());
        let theirs = without_exemplars(oracle.figures(query.clone()).await.unwrap());
        // Only what differs is of interest.
        let (mut more, mut less) = (ours.clone(), theirs.clone());
        more.red.retain(|key, red| theirs.red.get(key) != Some(red));
        more.edges.retain(|key, edge| theirs.edges.get(key) != Some(edge));
        less.red.retain(|key, red| ours.red.get(key) != Some(red));
        less.edges.retain(|key, edge| ours.edges.get(key) != Some(edge));
        assert_eq!((more.red, more.edges), (less.red, less.edges), "{query:?}");
        // Of other times than it asks for, an answer may know or not.
        let [ours, theirs] = [ours, theirs].map(|figures| {
            let mut within = Presence::default();
            within.merge_within(&figures.presence, query.range);
            within
        });
        assert_eq!(ours, theirs, "{query:?}");
    }
}
