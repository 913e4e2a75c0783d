//! A damaged part costs its own spans and nothing else.

use super::lifecycle::{part_dirs, store_of, unmerged};
use super::*;
use crate::testing::suite::pages;

const DAMAGED: &str = "00000000000000000002-00000000000000000002-0";

fn all_figures() -> FiguresQuery {
    let edges = Some(crate::topology::EdgeLevel::Instance);
    FiguresQuery { range: TimeRange::ALL, step_s: None, service: None, red: true, edges }
}

/// How many traces of segments 1 to 3 are found.
async fn found(store: &EmbeddedStore) -> Vec<bool> {
    let mut found = Vec::new();
    for id in 1..=3u128 {
        let id = TraceId::from_bytes(id.to_be_bytes()).unwrap();
        found.push(store.trace(id, None).await.unwrap().is_some());
    }
    found
}

#[tokio::test]
async fn whatever_byte_of_a_part_flips_the_rest_serves() {
    let dir = TempDir::new().unwrap();
    store_of(unmerged(dir.path()), 3).await.close().await;
    let (mut set_aside, mut tried) = (0, 0);
    for file in ["part.json", "part.idx", "spans.parquet", "figures.bin"] {
        let length =
            std::fs::metadata(dir.path().join("parts").join(DAMAGED).join(file)).unwrap().len() as usize;
        for at in (0..length).step_by(length.div_ceil(12)) {
            let killed = super::lifecycle::killed(dir.path());
            let path = killed.path().join("parts").join(DAMAGED).join(file);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[at] ^= 0x5a;
            std::fs::write(&path, bytes).unwrap();
            let store = EmbeddedStore::open(unmerged(killed.path())).unwrap();
            let traces = found(&store).await;
            assert!(traces[0] && traces[2], "{file} at {at}: {traces:?}");
            store.figures(all_figures()).await.unwrap();
            pages(&*store, &SpanFilter::All(Vec::new()), TimeRange::ALL, 100).await;
            tried += 1;
            if !traces[1] {
                store.shared.maintenance.wake();
                while store.stats().maintenance.parts_in_quarantine == 0 {
                    tokio::task::yield_now().await;
                }
                set_aside += 1;
                assert!(killed.path().join("quarantine").join(DAMAGED).join(file).exists());
                assert_eq!(part_dirs(killed.path()).len(), 2);
                assert_eq!(store.stats().maintenance.quarantined_parts, 1);
            }
        }
    }
    // A flipped bit may stand where nobody reads, or where a white space is.
    assert!(set_aside * 3 >= tried, "{set_aside} of {tried}");
}

#[tokio::test]
async fn a_part_without_a_file_is_set_aside_and_can_be_put_back() {
    let dir = TempDir::new().unwrap();
    store_of(unmerged(dir.path()), 3).await.close().await;
    let part = dir.path().join("parts").join(DAMAGED);
    let index = part.join("part.idx");
    let kept = std::fs::read(&index).unwrap();
    std::fs::remove_file(&index).unwrap();
    let store = EmbeddedStore::open(unmerged(dir.path())).unwrap();
    assert_eq!(found(&store).await, [true, false, true]);
    assert_eq!(store.stats().maintenance.parts_in_quarantine, 1);
    // Its neighbours are not merged over it, or it could not come back.
    store.close().await;
    drop(store);
    let merging = MergeOptions { max_part_spans: 25, ..MergeOptions::default() };
    let store = EmbeddedStore::open(Options { merge: merging, ..options(dir.path()) }).unwrap();
    super::lifecycle::merge_all(&store);
    assert_eq!(store.stats().parts, 2);
    store.close().await;
    drop(store);
    let quarantined = dir.path().join("quarantine").join(DAMAGED);
    std::fs::write(quarantined.join("part.idx"), kept).unwrap();
    std::fs::rename(&quarantined, &part).unwrap();
    let store = EmbeddedStore::open(unmerged(dir.path())).unwrap();
    assert_eq!(found(&store).await, [true, true, true]);
    assert_eq!(store.stats().maintenance.parts_in_quarantine, 0);
}
