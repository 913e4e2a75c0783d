//! In whatever pieces and order spans arrive, the sums are those of all at once.

use laneway_proto::TraceId;
use proptest::prelude::*;

use super::*;
use crate::testing::attribute;

/// A span of a small world, in which ids collide, parents are missing, halves share ids, and lanes come and go.
fn any_span() -> impl Strategy<Value = Span> {
    let kind = prop_oneof![
        Just(SpanKind::Internal),
        Just(SpanKind::Server),
        Just(SpanKind::Client),
        Just(SpanKind::Producer),
        Just(SpanKind::Consumer),
    ];
    let ids = (1_u64..9, 0_u64..9, 1_u128..3);
    let place = (0..3_usize, 0..2_usize, prop::option::of(0..3_usize));
    let times = (0_u64..40, 0_u64..30, 0_usize..4, any::<[bool; 2]>());
    (ids, kind, place, times).prop_map(
        |((id, parent, trace), kind, (service, instance, lane), (start, length, peer, [fails, declares]))| {
            let names = ["web", "cart", "mail"];
            let mut span = span(["GET", "PUT"][id as usize % 2]).trace(trace).id(id).service(names[service]);
            span = span.instance(&format!("{}-{instance}", names[service])).kind(kind);
            span = span.after(start * 1_000_000_000).duration(length * 1_000_000);
            if instance == 1 {
                span = span.resource_attribute("service.lane", "grey");
            }
            if let Some(lane) = lane {
                span = span.lane(["base", "grey", "blue"][lane]);
            }
            if fails {
                span = span.error("failed");
            }
            let mut span = span.with(|span| {
                let text = |key: &str, value: &str| attribute(key, value);
                match peer {
                    1 => span.attributes.push(text("service.peer.name", names[(service + 1) % 3])),
                    2 => span
                        .attributes
                        .extend([text("messaging.system", "kafka"), text("messaging.destination.name", "q")]),
                    3 => span.attributes.push(text("db.system.name", "mysql")),
                    _ => {}
                }
            });
            if parent > 0 {
                span = span.parent(parent);
            }
            if declares {
                let member = format!("laneway=1;{parent:016x};web;web-0;GET;base;grey");
                span = span.with(|span| span.trace_state = member);
            }
            span.build()
        },
    )
}

/// Sums without what is only a hint.
fn without_hints(mut figures: Figures) -> Figures {
    figures.red.values_mut().for_each(|sums| sums.exemplars = Exemplars::default());
    figures.edges.values_mut().for_each(|sums| sums.exemplars = Exemplars::default());
    figures
}

proptest! {
    #[test]
    fn any_split_order_and_repetition_gives_the_figures_of_the_batch(
        spans in prop::collection::vec(any_span(), 1..24),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..48),
        pieces in prop::collection::vec(1_usize..5, 1..8),
    ) {
        // Two spans that are the same are equal, as those of a sender that tries again are.
        let mut spans = spans;
        spans.sort_by_key(|span| (span.trace_id, span.start_unix_ns, span.span_id));
        spans.dedup_by_key(|span| (span.trace_id, span.start_unix_ns, span.span_id));
        // Some twice, in any order; then all that were left out.
        let mut arrivals: Vec<&Span> = order.iter().map(|index| index.get(&spans)).collect();
        arrivals.extend(&spans);

        let (mut roles, mut ledger) = (Roles::default(), Ledger::default());
        let mut sizes = pieces.iter().cycle();
        let mut arrived: Vec<Span> = Vec::new();
        while !arrivals.is_empty() {
            let size = (*sizes.next().unwrap()).min(arrivals.len());
            let before = known_spans(&arrived, &mut roles);
            arrived.extend(arrivals.drain(..size).cloned());
            for (trace_id, all) in known_spans(&arrived, &mut roles) {
                let before = before.get(&trace_id).map_or(&[][..], |spans| &**spans);
                ledger.add_trace(&roles, trace_id, before, &all);
            }
        }
        let totals = ledger.take_totals();
        for resolution in Resolution::ALL {
            let once = without_hints(figures_of(&spans, resolution));
            let split = without_hints(totals.at(resolution).figures());
            prop_assert_eq!(&split, &once);
        }
    }

    /// From the third on they are counted by plan.
    #[test]
    fn traces_that_are_built_alike_add_what_each_adds_alone(
        spans in prop::collection::vec(any_span(), 1..24),
        times in prop::collection::vec((0..100_000_000_u64, 1..9_u64), 5),
    ) {
        let mut roles = Roles::default();
        let known: Vec<Vec<KnownSpan>> = known_spans(&spans, &mut roles).into_values().collect();
        let alike = (1_u128..).zip(&times).flat_map(|(number, &(later_ns, slower))| {
            (0_u128..).zip(&known).map(move |(trace, spans)| {
                let spans = spans.iter().map(|span| KnownSpan {
                    start_unix_ns: span.start_unix_ns + later_ns,
                    duration_ns: span.duration_ns * slower,
                    ..*span
                });
                (TraceId::from_bytes((number << 8 | trace).to_be_bytes()).unwrap(), spans.collect::<Vec<_>>())
            })
        });
        let mut together = Ledger::default();
        let (mut sums, mut presence) = (Figures::default(), Presence::default());
        for (trace_id, spans) in alike {
            together.add_trace(&roles, trace_id, &[], &spans);
            let mut alone = Ledger::default();
            alone.add_trace(&roles, trace_id, &[], &spans);
            let figures = alone.take_totals().figures();
            figures.red.into_iter().for_each(|(key, sum)| sums.red.entry(key).or_default().merge(&sum));
            figures.edges.into_iter().for_each(|(key, sum)| sums.edges.entry(key).or_default().merge(&sum));
            presence.merge(&figures.presence);
        }
        prop_assert_eq!(together.take_totals().figures(), Figures { presence, ..sums });
    }

    #[test]
    fn every_arrival_and_departure_is_counted_at_both_levels(spans in prop::collection::vec(any_span(), 1..24)) {
        let figures = figures_of(&spans, Resolution::TenSeconds);
        let sum = |level| {
            let of_level = figures.edges.iter().filter(|((key, _), _)| key.level == level);
            of_level.map(|(_, sums)| (sums.hops, sums.errors, sums.duration_ns.count())).fold((0, 0, 0), |a, b| {
                (a.0 + b.0, a.1 + b.1, a.2 + b.2)
            })
        };
        prop_assert_eq!(sum(EdgeLevel::Instance), sum(EdgeLevel::Operation));
        let counted: i64 = figures.red.values().map(|sums| sums.spans).sum();
        let known = known_spans(&spans, &mut Roles::default());
        prop_assert_eq!(counted, known.values().map(|spans| spans.len() as i64).sum::<i64>());
    }
}
