//! Figures of a store, however its spans arrive and whatever it goes through, against those of all its spans at once.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::TempDir;

use super::*;
use crate::embedded::tests::lifecycle::{killed, merge_all, seal};
use crate::embedded::tests::{append, options};
use crate::embedded::{EmbeddedStore, Options, retention};
use crate::model::{Span, SpanKind};
use crate::store::Store;
use crate::testing::fleet::{self, assert_same_figures, world};
use crate::testing::{MemoryStore, span};
use crate::topology::{Addition, Roles};

#[derive(Debug, Clone)]
enum Step {
    /// Spans by their place in the world.
    Append(Vec<Index>),
    Seal,
    Merge,
    Reopen,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(any::<Index>(), 1..8).prop_map(Step::Append),
        4 => Just(Step::Seal),
        1 => Just(Step::Merge),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ]
}

fn open(dir: &std::path::Path) -> Arc<EmbeddedStore> {
    EmbeddedStore::open(Options { segment_max_spans: 6, ..options(dir) }).unwrap()
}

async fn live(world: &[Span], steps: Vec<Step>) {
    let mut dir = TempDir::new().unwrap();
    let mut store = open(dir.path());
    let oracle = MemoryStore::new();
    for step in steps {
        match step {
            Step::Append(places) => {
                let spans: Vec<Span> = places.iter().map(|place| place.get(world).clone()).collect();
                append(&store, &spans).await;
                oracle.insert(spans);
            }
            Step::Seal => seal(&store).await,
            Step::Merge => merge_all(&store),
            Step::Reopen => {
                store.close().await;
                drop(store);
                store = open(dir.path());
            }
            Step::Kill => {
                let copy = {
                    let _alone = store.shared.maintenance.alone();
                    killed(dir.path())
                };
                store.close().await;
                drop(store);
                dir = copy;
                store = open(dir.path());
            }
        }
        assert_same_figures(&*store, &oracle).await;
    }
    seal(&store).await;
    {
        let alone = store.shared.maintenance.alone();
        let rules = crate::RetentionOptions { max_bytes: Some(0), ..Default::default() };
        retention::expire(&store.shared, &alone, &rules, 0);
    }
    // Figures outlive their spans.
    assert_same_figures(&*store, &oracle).await;
    store.close().await;
    drop(store);
    assert_same_figures(&*open(dir.path()), &oracle).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_order_split_repetition_and_restart_gives_the_figures_of_all_spans_at_once(
        world in world(),
        steps in vec(step(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live(&world, steps));
    }
}

#[tokio::test]
async fn a_span_that_was_sealed_before_a_restart_is_not_counted_again() {
    let dir = TempDir::new().unwrap();
    let spans = [span("one").id(1).build(), span("two").id(2).parent(1).build()];
    let oracle = MemoryStore::of(spans.clone());
    let store = open(dir.path());
    append(&store, &spans).await;
    seal(&store).await;
    assert_same_figures(&*store, &oracle).await;
    append(&store, &spans[1..]).await;
    assert_same_figures(&*store, &oracle).await;
    store.close().await;
    drop(store);
    let store = open(dir.path());
    assert_same_figures(&*store, &oracle).await;
    append(&store, &spans[..1]).await;
    assert_same_figures(&*store, &oracle).await;
    seal(&store).await;
    assert_same_figures(&*store, &oracle).await;
}

#[tokio::test]
async fn a_deleted_service_is_in_no_figures() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let call = span("call").id(1).service("cart").kind(SpanKind::Client);
    let served = span("serve").id(2).service("payment").kind(SpanKind::Server).child_of(&call);
    // One part expires, so that its figures are history; the other is rewritten.
    for trace in 1..3u128 {
        append(&store, &[call.clone().trace(trace).build(), served.clone().trace(trace).build()]).await;
        seal(&store).await;
        if trace == 1 {
            let alone = store.shared.maintenance.alone();
            let rules = crate::RetentionOptions { max_bytes: Some(0), ..Default::default() };
            retention::expire(&store.shared, &alone, &rules, 0);
        }
    }
    store.delete(crate::Deletion::Service("payment".to_owned())).await.unwrap();
    for reopened in [false, true] {
        let store = if reopened {
            store.close().await;
            let copy = killed(dir.path());
            let store = open(copy.path());
            let figures = store.figures(fleet::queries().remove(0)).await.unwrap();
            store.close().await;
            figures
        } else {
            store.figures(fleet::queries().remove(0)).await.unwrap()
        };
        let services: Vec<&str> = store.red.keys().map(|(key, _)| &*key.service).collect();
        assert_eq!((services, store.edges.len()), (vec!["cart"], 0), "{reopened}");
        assert_eq!(store.red.values().map(|red| red.spans).sum::<i64>(), 2);
    }
}

/// The half of a call that arrives later is sealed with a part that has no span of the other service.
#[tokio::test]
async fn a_deleted_service_is_not_named_by_calls_that_other_parts_have_seen() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let call = span("call").id(1).service("cart").kind(SpanKind::Client);
    let served = span("serve").id(2).service("payment").kind(SpanKind::Server).child_of(&call);
    append(&store, &[served.build()]).await;
    seal(&store).await;
    append(&store, &[call.clone().build()]).await;
    seal(&store).await;
    let edges = || async { store.figures(fleet::queries().remove(0)).await.unwrap().edges };
    assert_eq!(edges().await.len(), 1);
    store.delete(crate::Deletion::Service("payment".to_owned())).await.unwrap();
    assert!(edges().await.is_empty());
    // Nor is it found by what is sealed next, nor taken back once more.
    append(&store, &[span("next").id(3).service("cart").child_of(&call).build()]).await;
    seal(&store).await;
    assert!(edges().await.is_empty());
    let parts = store.shared.view().parts.clone();
    assert!(parts.len() == 2 && parts.iter().all(|part| !part.figures_name("payment").unwrap()));
}

fn encoded(totals: &Totals) -> Encoded {
    let mut known = KnownKeys::default();
    let mut encoder = Encoder::new(&mut known);
    totals.visit(&mut encoder);
    encoder.finish(&totals.presence)
}

proptest! {
    #[test]
    fn an_answer_is_the_same_however_often_its_summands_are_added_up(world in world(), cuts in vec(any::<Index>(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(world.len() + 1)).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([world.len()]);
        let pieces = std::iter::once(0).chain(cuts.iter().copied()).zip(ends).map(|(from, to)| {
            let (mut roles, mut ledger) = (Roles::default(), Ledger::default());
            for (trace, spans) in crate::topology::known_spans(&world[from..to], &mut roles) {
                ledger.add_trace(&roles, trace, &[], &spans);
            }
            ledger.take_totals()
        });
        let pieces: Vec<Totals> = pieces.collect();
        for query in fleet::queries().iter().filter(|query| !query.is_of_presence()) {
            let [late, at_once] = [usize::MAX, 0].map(|max_bytes| {
                let mut wanted = answer::Wanted::new(query, max_bytes);
                pieces.iter().for_each(|piece| wanted.add(Arc::new(piece.at(query.resolution()))));
                wanted.figures()
            });
            prop_assert_eq!(late, at_once);
        }
        // Those of parts that are merged are added up as they are encoded.
        let files: Vec<Encoded> = pieces.iter().map(encoded).collect();
        let (mut of_files, mut decoded) = (decode::EncodedAddition::default(), Addition::default());
        files.iter().for_each(|file| of_files.add(&file.keys, &file.rows).unwrap());
        pieces.iter().for_each(|piece| decoded.add(piece));
        prop_assert_eq!(of_files.totals().unwrap().figures(), decoded.totals().figures());
    }

    /// Bytes that were changed anywhere are an error, or other figures, and no panic.
    #[test]
    fn damaged_figures_do_no_harm(world in world(), at in any::<Index>(), byte: u8, keep in any::<Index>()) {
        let mut roles = Roles::default();
        let mut ledger = Ledger::default();
        for (trace, spans) in crate::topology::known_spans(&world, &mut roles) {
            ledger.add_trace(&roles, trace, &[], &spans);
        }
        let totals = ledger.take_totals();
        let Encoded { keys, rows, .. } = encoded(&totals);
        prop_assert_eq!(decode::decode(&keys, &rows).unwrap().figures(), totals.figures());
        for (mut bytes, is_keys) in [(keys.clone(), true), (rows.clone(), false)] {
            let place = at.index(bytes.len());
            bytes[place] = byte;
            let cut = keep.index(bytes.len());
            for bytes in [&bytes[..], &bytes[..cut]] {
                let (keys, rows) = if is_keys { (bytes, &*rows) } else { (&*keys, bytes) };
                let _ = decode::decode(keys, rows);
                let mut addition = decode::EncodedAddition::default();
                if addition.add(keys, rows).is_ok() {
                    addition.totals().unwrap();
                }
            }
        }
    }
}
