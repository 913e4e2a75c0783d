//! A whole life against the reference store: appends, resends, seals, merges, expiry, deletions, snapshots, restarts, kills.

use std::time::Duration;

use proptest::sample::select;

use super::super::retention;
use super::lifecycle::{killed, merge_all, seal};
use super::*;
use crate::Deletion;
use crate::testing::EPOCH_UNIX_NS;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Span>),
    Resend,
    Seal,
    Merge,
    /// Spans that started earlier than this after the epoch, in nanoseconds, are too old.
    Expire(u64),
    DeleteTrace(u128),
    DeleteService(&'static str),
    Snapshot,
    Reopen,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => arbitrary::spans(1..10).prop_map(Step::Append),
        1 => Just(Step::Resend),
        4 => Just(Step::Seal),
        3 => Just(Step::Merge),
        1 => (0..5_000_000u64).prop_map(Step::Expire),
        1 => (1..6u128).prop_map(Step::DeleteTrace),
        1 => select(&["cart", "order", "nobody"][..]).prop_map(Step::DeleteService),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ]
}

/// Small enough for merges of both tiers within a few steps, some of which join parts.
fn small(dir: &Path) -> Options {
    let merge = MergeOptions { max_part_spans: 40, full_group_spans: 6, ..MergeOptions::default() };
    Options { merge, ..options(dir) }
}

struct Life {
    dir: TempDir,
    store: Arc<EmbeddedStore>,
    oracle: MemoryStore,
    last: Vec<Span>,
    /// How many different ones were sent.
    sent: u64,
}

impl Life {
    fn begin() -> Self {
        let dir = TempDir::new().unwrap();
        let store = EmbeddedStore::open(small(dir.path())).unwrap();
        Self { dir, store, oracle: MemoryStore::new(), last: Vec::new(), sent: 0 }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Append(mut spans) => {
                distinct(&mut spans, &mut self.sent);
                append(&self.store, &spans).await;
                self.oracle.append(request(&spans)).await.unwrap();
                self.last = spans;
            }
            Step::Resend => {
                append(&self.store, &self.last).await;
                self.oracle.append(request(&self.last)).await.unwrap();
            }
            Step::Seal => seal(&self.store).await,
            Step::Merge => merge_all(&self.store),
            Step::Expire(before) => self.expire(EPOCH_UNIX_NS + before).await,
            Step::DeleteTrace(id) => {
                self.delete(Deletion::Trace(TraceId::from_bytes(id.to_be_bytes()).unwrap())).await;
            }
            Step::DeleteService(name) => self.delete(Deletion::Service(name.to_owned())).await,
            Step::Snapshot => {
                let path = self.store.take_snapshot("one").await.unwrap();
                let copy = EmbeddedStore::open(small(&path)).unwrap();
                assert_alike(&*copy, &self.oracle, &[], TimeRange::ALL).await;
                copy.close().await;
                assert!(self.store.delete_snapshot("one").await.unwrap());
            }
            Step::Reopen => {
                self.store.close().await;
                self.reopen(None);
            }
            Step::Kill => {
                let killed = {
                    let _alone = self.store.shared.maintenance.alone();
                    killed(self.dir.path())
                };
                self.reopen(Some(killed));
            }
        }
    }

    fn reopen(&mut self, dir: Option<TempDir>) {
        // The directory is locked until the store is dropped.
        let elsewhere = TempDir::new().unwrap();
        let old = std::mem::replace(&mut self.store, EmbeddedStore::open(small(elsewhere.path())).unwrap());
        drop(old);
        if let Some(dir) = dir {
            self.dir = dir;
        }
        loop {
            match EmbeddedStore::open(small(self.dir.path())) {
                Ok(store) => break self.store = store,
                // Threads of the store that was dropped may still be ending.
                Err(OpenError::Locked { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn delete(&mut self, what: Deletion) {
        let known = self.oracle.delete(what.clone()).await.unwrap();
        // Spans that were sent more than once may be stored more than once.
        let deleted = self.store.delete(what.clone()).await.unwrap();
        assert!(deleted >= known && (known > 0 || deleted == 0), "{what:?}: {deleted} {known}");
    }

    /// Parts go as a whole: no span goes too early, and no part stays too long.
    async fn expire(&mut self, before_unix_ns: u64) {
        let max_age = Some(Duration::ZERO);
        // A segment may become a part at any time, and is looked at the next time.
        let sealed: Vec<_> = self.store.shared.view().parts.iter().map(|part| part.id()).collect();
        {
            let alone = self.store.shared.maintenance.alone();
            let by_age = RetentionOptions { max_age, ..RetentionOptions::default() };
            retention::expire(&self.store.shared, &alone, &by_age, before_unix_ns);
        }
        let is_too_old = |range: TimeRange| range.end_unix_ns < before_unix_ns;
        let view = self.store.shared.view();
        assert!(!view.parts.iter().any(|part| sealed.contains(&part.id()) && is_too_old(part.range())));
        let mut kept = Vec::new();
        for id in 1..7u128 {
            let id = TraceId::from_bytes(id.to_be_bytes()).unwrap();
            let stored = self.store.trace(id, None).await.unwrap().map_or(Vec::new(), |trace| trace.spans);
            let is_stored = |span: &Span| {
                stored
                    .iter()
                    .any(|other| (other.span_id, other.start_unix_ns) == (span.span_id, span.start_unix_ns))
            };
            let Some(trace) = self.oracle.trace(id, None).await.unwrap() else { continue };
            let spans = trace.spans.into_iter();
            kept.extend(spans.filter(|span| span.start_unix_ns >= before_unix_ns || is_stored(span)));
        }
        self.oracle = MemoryStore::of(kept);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_store_is_what_the_reference_store_is_whatever_it_went_through(
        steps in vec(step(), 1..40),
        filters in vec(arbitrary::filter(), 2),
        (from, length) in (0..5_000_000u64, 0..5_000_000u64),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut life = Life::begin();
            for step in steps {
                life.step(step).await;
            }
            let start_unix_ns = EPOCH_UNIX_NS + from;
            let range = TimeRange { start_unix_ns, end_unix_ns: start_unix_ns + length };
            assert_alike(&*life.store, &life.oracle, &filters, range).await;
            assert_eq!(life.store.stats().maintenance.quarantined_parts, 0);
            life.store.close().await;
        });
    }
}
