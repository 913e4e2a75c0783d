//! Whichever call fails while a part is written, nothing is lost, nothing is there twice, and nothing of it is left behind.

use rustix::io::Errno;

use super::super::merge::{self, Outcome};
use super::lifecycle::{all_spans, killed, part_dirs, store_of, unmerged};
use super::*;

const ERRORS: [Errno; 2] = [Errno::IO, Errno::NOSPC];

fn left_in_tmp(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("tmp")).unwrap().count()
}

/// The spans that a store finds which starts where this one is killed now.
fn after_a_kill(dir: &Path) -> u64 {
    let killed = killed(dir);
    let store = EmbeddedStore::open(unmerged(killed.path())).unwrap();
    let stats = store.stats();
    assert_eq!(stats.maintenance.parts_in_quarantine, 0);
    stats.part_spans + stats.recovered_spans
}

/// A store with an open segment, one request short of being sealed.
async fn nearly_full() -> (TempDir, Arc<EmbeddedStore>) {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(unmerged(dir.path())).unwrap();
    append(&store, &(1..=11).map(|id| span("x").id(id).build()).collect::<Vec<_>>()).await;
    (dir, store)
}

/// The request that fills the segment.
async fn fill(store: &EmbeddedStore) {
    append(store, &[span("x").id(12).build()]).await;
}

#[tokio::test]
async fn a_segment_whose_part_cannot_be_written_is_sealed_from_the_start_later() {
    let (_dir, store) = nearly_full().await;
    let calls = {
        let faults = &store.shared.disk.faults;
        faults.fail(usize::MAX, ERRORS[0].raw_os_error());
        fill(&store).await;
        sealed(&store).await;
        faults.calls()
    };
    let mut failed = Vec::new();
    for (nth, errno) in (0..calls.len()).flat_map(|nth| ERRORS.map(|errno| (nth, errno))) {
        let (dir, store) = nearly_full().await;
        let faults = store.shared.disk.faults.clone();
        faults.fail(nth, errno.raw_os_error());
        fill(&store).await;
        while faults.failed().is_none() || left_in_tmp(dir.path()) != 0 {
            tokio::task::yield_now().await;
        }
        let call = faults.failed().unwrap();
        let stats = store.stats();
        assert_eq!((stats.parts, stats.unsealed_spans), (0, 12), "{call}, the {nth}th");
        assert_eq!(part_dirs(dir.path()), Vec::<String>::new(), "{call}, the {nth}th");
        assert_eq!(after_a_kill(dir.path()), 12, "{call}, the {nth}th");
        assert_eq!(store.health(), Health::Ready);
        failed.push((call, nth, dir, store));
    }
    let kinds: std::collections::BTreeSet<&str> = failed.iter().map(|(call, ..)| *call).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["create", "rename", "sync", "sync_dir", "write"]);
    // Sealing is tried again by itself. All stores wait at the same time.
    for (call, nth, dir, store) in failed {
        sealed(&store).await;
        assert_eq!(all_spans(&store), (1..=12).collect::<Vec<_>>(), "{call}, the {nth}th");
        // No call was left out because its like had been tried before: a sync least of all.
        assert!(store.shared.disk.faults.calls().ends_with(&calls), "{call}, the {nth}th");
        assert_eq!(after_a_kill(dir.path()), 12, "{call}, the {nth}th");
    }
}

/// Merges, while the nth call fails.
fn merge_failing(store: &EmbeddedStore, nth: usize, errno: Errno) -> Result<Outcome, QueryError> {
    loop {
        let alone = store.shared.maintenance.alone();
        store.shared.disk.faults.fail(nth, errno.raw_os_error());
        let outcome = merge::merge_next(&store.shared, &alone, false);
        // The maintenance thread wants its turn when it starts.
        if !matches!(outcome, Ok(Outcome::GaveWay)) {
            return outcome;
        }
    }
}

#[tokio::test]
async fn a_merge_that_cannot_be_written_changes_nothing_and_can_be_repeated() {
    // Joined, and merged row by row.
    for full_group_spans in [1, usize::MAX] {
        cannot_be_written_and_can_be_repeated(full_group_spans).await;
    }
}

async fn cannot_be_written_and_can_be_repeated(full_group_spans: usize) {
    let options = |dir: &Path| {
        let options = unmerged(dir);
        Options { merge: MergeOptions { full_group_spans, ..options.merge }, ..options }
    };
    let dir = TempDir::new().unwrap();
    store_of(unmerged(dir.path()), 8).await.close().await;
    let before = part_dirs(dir.path());
    let calls = {
        let copy = killed(dir.path());
        let store = EmbeddedStore::open(options(copy.path())).unwrap();
        assert_eq!(merge_failing(&store, usize::MAX, ERRORS[0]).unwrap(), Outcome::Merged);
        store.shared.disk.faults.calls()
    };
    let expected: Vec<u64> = (10..90).collect();
    for (nth, errno) in (0..calls.len()).flat_map(|nth| ERRORS.map(|errno| (nth, errno))) {
        let copy = killed(dir.path());
        let store = EmbeddedStore::open(options(copy.path())).unwrap();
        let error = merge_failing(&store, nth, errno).unwrap_err();
        let faults = &store.shared.disk.faults;
        let call = faults.failed().unwrap();
        assert!(matches!(error, QueryError::Io(_)), "{call}, the {nth}th: {error:?}");
        assert_eq!(
            (part_dirs(copy.path()), left_in_tmp(copy.path())),
            (before.clone(), 0),
            "{call}, the {nth}th"
        );
        assert_eq!(all_spans(&store), expected, "{call}, the {nth}th");
        assert_eq!(after_a_kill(copy.path()), 80, "{call}, the {nth}th");
        assert_eq!(merge_failing(&store, usize::MAX, errno).unwrap(), Outcome::Merged);
        assert!(faults.calls().ends_with(&calls), "{call}, the {nth}th");
        assert_eq!(all_spans(&store), expected, "{call}, the {nth}th");
        assert_eq!(after_a_kill(copy.path()), 80, "{call}, the {nth}th");
    }
}
