//! Figures of spans that reached several collectors.

use proptest::sample::Index;

use super::*;
use crate::testing::fleet::{assert_same_figures, world};

#[derive(Debug, Clone)]
enum Step {
    /// Spans by their place in the world, and which of the collectors they reach.
    Append(Vec<Index>, usize),
    /// Both have sent what they have.
    Drain,
    /// One of them ends, and begins again.
    Reopen(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (vec(any::<Index>(), 1..8), 0..2usize).prop_map(|(places, collector)| Step::Append(places, collector)),
        2 => Just(Step::Drain),
        1 => (0..2usize).prop_map(Step::Reopen),
    ]
}

async fn both(stores: &[Arc<ClickHouseStore>]) {
    for store in stores {
        assert!(store.drained(PATIENCE).await);
    }
    assert!(stores[0].derived(PATIENCE).await);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Halves of a trace meet, whichever collectors they reach and however often.
    #[test]
    fn however_spans_are_spread_over_collectors_figures_are_those_of_all_at_once(
        world in world(),
        steps in vec(step(), 1..12),
    ) {
        let Some(first) = Place::new() else { return Ok(()) };
        let places = [first.beside(), first];
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let oracle = MemoryStore::new();
            let mut stores = Vec::new();
            for place in &places {
                stores.push(place.open().await);
            }
            assert_ready(&stores[0]).await;
            for step in steps {
                match step {
                    Step::Append(spans, collector) => {
                        let spans: Vec<Span> = spans.iter().map(|place| place.get(&world).clone()).collect();
                        stores[collector].append(request(&spans)).await.unwrap();
                        oracle.append(request(&spans)).await.unwrap();
                    }
                    Step::Drain => {
                        both(&stores).await;
                        assert_same_figures(&*stores[0], &oracle).await;
                    }
                    Step::Reopen(collector) => {
                        stores[collector].close().await;
                        let ended = stores.remove(collector);
                        drop(ended);
                        stores.insert(collector, places[collector].open().await);
                    }
                }
            }
            both(&stores).await;
            assert_same_figures(&*stores[1], &oracle).await;
            for store in stores {
                store.close().await;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_while_figures_are_derived_each_span_counts_once() {
    let Some(place) = Place::apart("passes") else { return };
    let front = place.front;
    let options = ClickHouseOptions { takeover_after: Duration::from_secs(1), ..place.options() };
    let store = ClickHouseStore::open(options).await.unwrap();
    assert_ready(&store).await;
    let mut sent = 0;
    let tables = ["batches", "passes", "red", "edges", "presence", "passes_done"];
    for (table, fault) in tables.into_iter().flat_map(|table| [(table, Fault::Lose), (table, Fault::Error)]) {
        front.fail(fault, 1, &format!("INSERT INTO `laneway_{table}`"));
        let spans: Vec<Span> =
            (1..=20u64).map(|i| span("x").trace(u128::from(sent + i)).id(sent + i).build()).collect();
        sent += 20;
        store.append(request(&spans)).await.unwrap();
        assert!(store.drained(PATIENCE).await && store.derived(PATIENCE).await, "{table} {fault:?}");
        assert_eq!(
            place.run("SELECT sum(Spans) FROM $db.laneway_red"),
            sent.to_string(),
            "{table} {fault:?}"
        );
    }
    store.close().await;
}
