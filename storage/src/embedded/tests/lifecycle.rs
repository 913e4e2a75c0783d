//! Merging, retention, deletion and snapshots of a whole store.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::merge::Outcome;
use super::super::{merge, retention};
use super::*;
use crate::testing::EPOCH_UNIX_NS;
use crate::{AdminError, Deletion};

/// Seals whatever is open.
pub(in super::super) async fn seal(store: &EmbeddedStore) {
    let shared = Arc::clone(&store.shared);
    tokio::task::spawn_blocking(move || super::super::seal::seal_open(&shared)).await.unwrap().unwrap();
}

/// Merges whatever can be.
pub(in super::super) fn merge_all(store: &EmbeddedStore) {
    loop {
        let alone = store.shared.maintenance.alone();
        if merge::merge_next(&store.shared, &alone, false).unwrap() == Outcome::NothingToDo {
            return;
        }
    }
}

/// A data directory as a process leaves it that is killed now.
///
/// Logs are copied first: what becomes a part meanwhile is there twice, as after a crash, and not missing. Whoever merges or removes at
/// the same time must be kept from it.
pub(in super::super) fn killed(data_dir: &Path) -> TempDir {
    let copied = TempDir::new().unwrap();
    for first in ["wal", "."] {
        copy_dir(&data_dir.join(first), &copied.path().join(first));
    }
    copied
}

pub(super) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let entries = match std::fs::read_dir(from) {
        Ok(entries) => entries,
        // A part in the making that got its name meanwhile. If `parts` was copied before, its log was too.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("{}: {error}", from.display()),
    };
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let target = to.join(&name);
        if name.starts_with("recycle-") || target.exists() {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else if let Err(error) = std::fs::copy(entry.path(), &target) {
            // A log that was released meanwhile.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", entry.path().display());
        }
    }
}

pub(super) fn part_dirs(data_dir: &Path) -> Vec<String> {
    let dirs = std::fs::read_dir(data_dir.join("parts")).unwrap();
    let mut names: Vec<String> =
        dirs.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(super) fn all_spans(store: &EmbeddedStore) -> Vec<u64> {
    let view = store.shared.view();
    let mut spans = Vec::new();
    for part in &view.parts {
        let stored = super::super::part::read_all(part).unwrap();
        spans.extend(stored.iter().map(|span| u64::from_be_bytes(span.span_id.to_bytes())));
    }
    spans.sort_unstable();
    spans
}

/// A store of so many sealed segments of ten spans each, ids from 1 on; segment `n` holds trace `n` of service `s<n>`, and a span of
/// trace 999 of service `everywhere`.
pub(in super::super) async fn store_of(options: Options, segments: u64) -> Arc<EmbeddedStore> {
    let store = EmbeddedStore::open(options).unwrap();
    for segment in 1..=segments {
        let spans: Vec<Span> = (0..10u64)
            .map(|i| {
                let one = span("op").id(segment * 10 + i).after(segment * 1_000_000 + i);
                match i {
                    0 => one.trace(999).service("everywhere").build(),
                    _ => one.trace(u128::from(segment)).service(&format!("s{segment}")).build(),
                }
            })
            .collect();
        append(&store, &spans).await;
        seal(&store).await;
    }
    store
}

/// Nothing is merged but on request.
pub(in super::super) fn unmerged(dir: &Path) -> Options {
    Options { merge: MergeOptions { enabled: false, ..MergeOptions::default() }, ..options(dir) }
}

#[tokio::test]
async fn small_parts_become_one_and_the_old_ones_go() {
    let dir = TempDir::new().unwrap();
    let store = store_of(options(dir.path()), 8).await;
    merge_all(&store);
    assert_eq!(part_dirs(dir.path()), ["00000000000000000001-00000000000000000008-1"]);
    assert_eq!(all_spans(&store), (10..90).collect::<Vec<_>>());
    let stats = store.stats();
    assert_eq!((stats.parts, stats.part_spans), (1, 80));
    assert_eq!((stats.maintenance.merges, stats.maintenance.merged_spans), (1, 80));
    assert!(stats.maintenance.merge_cpu_ns > 0);
    let id = TraceId::from_bytes(999u128.to_be_bytes()).unwrap();
    assert_eq!(store.trace(id, None).await.unwrap().unwrap().spans.len(), 8);
}

#[tokio::test]
async fn a_query_goes_on_with_parts_that_were_replaced_meanwhile() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 8).await;
    let view = store.shared.view();
    let snapshot = view.snapshot();
    drop(view);
    store.close().await;
    drop(store);
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    let begun = store.shared.view().snapshot();
    merge_all(&store);
    let work = Work::new(usize::MAX, Arc::clone(&store.shared.query_helpers));
    for snapshot in [&snapshot, &begun] {
        let id = TraceId::from_bytes(999u128.to_be_bytes()).unwrap();
        assert_eq!(search::trace(snapshot, id, &work).unwrap().unwrap().spans.len(), 8);
    }
    let removed = || std::fs::read_dir(dir.path().join("tmp")).unwrap().count();
    assert_eq!(removed(), 8, "they are kept as long as a query holds them");
    drop(begun);
    store.close().await;
    assert_eq!(removed(), 0);
}

#[tokio::test]
async fn killed_at_any_step_of_a_merge_the_old_or_the_new_is_there() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 8).await;
    let before = killed(dir.path());
    store.close().await;
    drop(store);
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    merge_all(&store);
    let merged = "00000000000000000001-00000000000000000008-1";
    let merged_dir = dir.path().join("parts").join(merged);

    let open_and_check = |dir: &Path, parts: usize| {
        let store = EmbeddedStore::open(unmerged(dir)).unwrap();
        assert_eq!(all_spans(&store), (10..90).collect::<Vec<_>>());
        assert_eq!(part_dirs(dir).len(), parts);
        assert_eq!(std::fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
        assert_eq!(store.stats().maintenance.quarantined_parts, 0);
    };
    // While it is written: any of its files is missing or cut.
    for file in ["spans.parquet", "part.idx", "part.json"] {
        let killed = killed(before.path());
        copy_dir(&merged_dir, &killed.path().join("tmp").join(merged));
        let file = killed.path().join("tmp").join(merged).join(file);
        std::fs::write(&file, &std::fs::read(&file).unwrap()[..10]).unwrap();
        open_and_check(killed.path(), 8);
    }
    // After the commit, before any of the old parts is gone, and when some of them are.
    for gone in 0..=8 {
        let killed = killed(before.path());
        copy_dir(&merged_dir, &killed.path().join("parts").join(merged));
        for old in part_dirs(killed.path()).iter().filter(|name| *name != merged).take(gone) {
            std::fs::rename(killed.path().join("parts").join(old), killed.path().join("tmp").join(old))
                .unwrap();
        }
        open_and_check(killed.path(), 1);
    }
    // The new part was committed and is damaged: the old ones still serve.
    let killed = killed(before.path());
    let target = killed.path().join("parts").join(merged);
    copy_dir(&merged_dir, &target);
    std::fs::write(target.join("part.json"), "{}").unwrap();
    let store = EmbeddedStore::open(unmerged(killed.path())).unwrap();
    assert_eq!(all_spans(&store), (10..90).collect::<Vec<_>>());
    assert_eq!(store.stats().maintenance.parts_in_quarantine, 1);
}

#[tokio::test]
async fn a_merge_gives_way_and_leaves_nothing_behind() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 8).await;
    store.close().await;
    drop(store);
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    let alone = store.shared.maintenance.alone();
    // A store that closes wants its threads back.
    store.shared.maintenance.close();
    assert_eq!(merge::merge_next(&store.shared, &alone, false).unwrap(), Outcome::GaveWay);
    assert_eq!(store.stats().parts, 8);
    assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_merge_does_not_give_way_to_a_merge() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 8).await;
    let alone = store.shared.maintenance.alone();
    // The maintenance thread wants its turn all the time.
    for _ in 0..100 {
        store.shared.maintenance.wake();
        std::thread::yield_now();
    }
    assert_eq!(merge::merge_next(&store.shared, &alone, false).unwrap(), Outcome::Merged);
}

#[tokio::test]
async fn expired_parts_go_and_are_counted() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 5).await;
    let expire = |retention: RetentionOptions, now_unix_ns| {
        let alone = store.shared.maintenance.alone();
        retention::expire(&store.shared, &alone, &retention, now_unix_ns);
    };
    // Segment 2 ends at 2 ms and 9 ns.
    let max_age = Some(Duration::from_millis(10));
    expire(RetentionOptions { max_age, ..RetentionOptions::default() }, EPOCH_UNIX_NS + 12_000_010);
    assert_eq!(all_spans(&store), (30..60).collect::<Vec<_>>());
    let (parts, bytes) = (store.stats().parts, store.stats().part_bytes);
    expire(RetentionOptions { max_bytes: Some(bytes - 1), ..RetentionOptions::default() }, 0);
    assert_eq!(all_spans(&store), (40..60).collect::<Vec<_>>());
    let stats = store.stats().maintenance;
    assert_eq!((parts, stats.expired_parts, stats.expired_spans), (3, 3, 30));
    assert_eq!(stats.early_expired_spans, 10, "only those of the second time went for want of space");
    assert!(stats.expired_bytes > 0);
    // A restart does not bring them back.
    let killed = killed(dir.path());
    let store = EmbeddedStore::open(unmerged(killed.path())).unwrap();
    assert_eq!(all_spans(&store), (40..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn retention_says_by_which_rules_and_what_is_kept() {
    let dir = TempDir::new().unwrap();
    let retention = RetentionOptions { max_bytes: Some(u64::MAX), ..RetentionOptions::default() };
    let store = store_of(Options { retention: retention.clone(), ..unmerged(dir.path()) }, 0).await;
    assert_eq!(store.retention().oldest_unix_ns, None, "nothing is stored");
    append(&store, &[span("later").after(7).build(), span("earlier").after(5).id(2).build()]).await;
    assert_eq!(store.retention().oldest_unix_ns, Some(EPOCH_UNIX_NS + 5), "though it is in no part yet");
    seal(&store).await;
    let kept = store.retention();
    assert_eq!((kept.options, kept.oldest_unix_ns), (retention, Some(EPOCH_UNIX_NS + 5)));
    let space = kept.space.expect("the directory's file system can be asked");
    assert!(0 < space.free_bytes && space.free_bytes <= space.total_bytes);
}

#[tokio::test]
async fn retention_works_by_itself() {
    let dir = TempDir::new().unwrap();
    let retention =
        RetentionOptions { max_age: Some(Duration::from_secs(3600)), ..RetentionOptions::default() };
    let store = store_of(Options { retention, ..options(dir.path()) }, 2).await;
    let shared = Arc::clone(&store.shared);
    let expired = tokio::task::spawn_blocking(move || {
        shared.wait_for_view(Instant::now() + Duration::from_secs(60), |view| view.parts.is_empty())
    });
    assert!(expired.await.unwrap(), "the spans of tests are older than an hour");
}

#[tokio::test]
async fn a_span_of_the_future_does_not_keep_a_part_for_ever() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(unmerged(dir.path())).unwrap();
    let mut future = span("early").build();
    future.start_unix_ns = u64::MAX / 2;
    append(&store, &[future]).await;
    seal(&store).await;
    let expire = |now_unix_ns| {
        let alone = store.shared.maintenance.alone();
        let max_age = Some(Duration::from_secs(60));
        retention::expire(
            &store.shared,
            &alone,
            &RetentionOptions { max_age, ..RetentionOptions::default() },
            now_unix_ns,
        );
        store.stats().parts
    };
    let now = merge::unix_ns(std::time::SystemTime::now());
    assert_eq!(expire(now), 1);
    assert_eq!(expire(now + 120_000_000_000), 0);
}

#[tokio::test]
async fn what_is_deleted_is_gone_for_good_and_the_rest_stays() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 3).await;
    // Not sealed yet.
    append(&store, &[span("open").trace(2).id(500).build(), span("open").trace(5).id(501).build()]).await;
    let trace = |id: u128| Deletion::Trace(TraceId::from_bytes(id.to_be_bytes()).unwrap());
    assert_eq!(store.delete(trace(2)).await.unwrap(), 10);
    assert_eq!(store.delete(trace(2)).await.unwrap(), 0, "it can be repeated");
    let rest: Vec<u64> = (10..21).chain(30..40).chain([501]).collect();
    assert_eq!(all_spans(&store), rest);
    // A part of nothing else is removed as a whole.
    assert_eq!(store.delete(Deletion::Service("everywhere".to_owned())).await.unwrap(), 3);
    assert_eq!(store.stats().parts, 3);
    assert_eq!(store.stats().maintenance.deleted_spans, 13);
    let rest: Vec<u64> = (11..20).chain(31..40).chain([501]).collect();
    assert_eq!(all_spans(&store), rest);
    let killed = killed(dir.path());
    let reopened = EmbeddedStore::open(unmerged(killed.path())).unwrap();
    assert_eq!(all_spans(&reopened), rest);
    assert_eq!(reopened.stats().unsealed_spans, 0);
    // What comes later is new.
    append(&store, &[span("again").trace(2).id(502).build()]).await;
    let id = TraceId::from_bytes(2u128.to_be_bytes()).unwrap();
    assert_eq!(store.trace(id, None).await.unwrap().unwrap().spans.len(), 1);
}

#[tokio::test]
async fn a_log_that_was_not_released_does_not_bring_deleted_spans_back() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(unmerged(dir.path())).unwrap();
    append(&store, &[span("x").trace(7).build()]).await;
    let log = dir.path().join("wal").join(format!("{:020}.wal", 1));
    let copy = std::fs::read(&log).unwrap();
    seal(&store).await;
    // As if sealing had been interrupted between its commit and the release of the log.
    while log.exists() {
        tokio::task::yield_now().await;
    }
    std::fs::write(&log, copy).unwrap();
    let id = TraceId::from_bytes(7u128.to_be_bytes()).unwrap();
    assert_eq!(store.delete(Deletion::Trace(id)).await.unwrap(), 1);
    let killed = killed(dir.path());
    let store = EmbeddedStore::open(unmerged(killed.path())).unwrap();
    assert!(store.trace(id, None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_snapshot_is_a_data_directory_of_its_own() {
    let dir = TempDir::new().unwrap();
    let store = store_of(options(dir.path()), 3).await;
    append(&store, &[span("open").id(500).build()]).await;
    let path = store.take_snapshot("first").await.unwrap();
    assert_eq!(path, dir.path().join("snapshots/first"));
    assert_eq!(store.snapshots().await.unwrap(), ["first"]);
    let expected: Vec<u64> = (10..40).chain([500]).collect();

    // Elsewhere, by links or copies; the original goes on and changes.
    let restored = TempDir::new().unwrap();
    let restored = restored.path().join("restored");
    copy_snapshot(&path, &restored).unwrap();
    assert!(copy_snapshot(&path, &restored).is_err(), "never over something else");
    assert_eq!(store.delete(Deletion::Service("everywhere".to_owned())).await.unwrap(), 3);
    for dir in [&path, &restored] {
        let copy = EmbeddedStore::open(unmerged(dir)).unwrap();
        assert_eq!(all_spans(&copy), expected);
        // What happens to a copy does not happen to the original.
        assert_eq!(copy.delete(Deletion::Service("s1".to_owned())).await.unwrap(), 9);
        append(&copy, &[span("new").id(900).build()]).await;
        copy.close().await;
    }
    assert_eq!(all_spans(&store).len(), expected.len() - 3);

    let refused = |error: Result<PathBuf, AdminError>| matches!(error, Err(AdminError::Refused(_)));
    assert!(refused(store.take_snapshot("first").await));
    for name in ["", "../up", "a/b", ".", "x".repeat(65).as_str()] {
        assert!(refused(store.take_snapshot(name).await), "{name}");
        assert!(store.delete_snapshot(name).await.is_err(), "{name}");
    }
    for n in 1..16 {
        store.take_snapshot(&n.to_string()).await.unwrap();
    }
    assert!(refused(store.take_snapshot("one-too-many").await));
    assert!(store.delete_snapshot("first").await.unwrap());
    assert!(!store.delete_snapshot("first").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_under_load_has_all_that_was_acknowledged_before() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(options(dir.path())).unwrap();
    let acknowledged = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let loading = {
        let (store, acknowledged, stop) = (Arc::clone(&store), Arc::clone(&acknowledged), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut id = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                id += 1;
                append(&store, &[span("load").trace(u128::from(id % 50) + 1).id(id).build()]).await;
                acknowledged.store(id, std::sync::atomic::Ordering::Release);
            }
            id
        })
    };
    for n in 0..4 {
        while acknowledged.load(std::sync::atomic::Ordering::Acquire) < 40 * (n + 1) {
            tokio::task::yield_now().await;
        }
        let before = acknowledged.load(std::sync::atomic::Ordering::Acquire);
        let path = store.take_snapshot(&format!("s{n}")).await.unwrap();
        let copy = EmbeddedStore::open(unmerged(&path)).unwrap();
        let spans = all_spans(&copy);
        let after = acknowledged.load(std::sync::atomic::Ordering::Acquire);
        // A prefix, each once, and at least what had been acknowledged.
        assert_eq!(spans, (1..=spans.len() as u64).collect::<Vec<_>>());
        assert!(
            spans.len() as u64 >= before && spans.len() as u64 <= after + 1,
            "{before} {} {after}",
            spans.len()
        );
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    loading.await.unwrap();
}
