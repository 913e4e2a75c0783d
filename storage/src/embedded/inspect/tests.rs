use tempfile::TempDir;

use super::super::tests::lifecycle::{store_of, unmerged};
use super::*;
use crate::Store;

#[tokio::test]
async fn parts_columns_and_logs_are_seen_beside_a_running_store() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 2).await;
    let parts =
        |stats: crate::StoreStats| (stats.parts, stats.part_spans, stats.part_bytes, stats.maintenance);
    let before = parts(store.stats());
    let found = inspect(dir.path(), true).unwrap();
    assert!(found.readable);
    assert_eq!(found.parts.len(), 2);
    let part = &found.parts[0];
    let content = part.content.as_ref().unwrap();
    assert_eq!((content.first_segment, content.level, content.spans), (1, 0, 10));
    assert_eq!(content.last_start_unix_ns - content.first_start_unix_ns, 9);
    assert!(part.problem.is_none() && content.bytes_per_span > 1.0);
    let column = |name: &str| part.columns.iter().find(|column| column.name == name).unwrap();
    // Segment 1 has one operation, and two services.
    assert_eq!(column("SpanName").dictionary_values, Some(1));
    assert_eq!(column("ServiceName").dictionary_values, Some(2));
    assert_eq!(column("SpanId").dictionary_values, None);
    assert!(column("SpanId").raw_bytes >= 80 && column("SpanId").encoded_bytes > 0);
    // The log of the last sealed segment may not have been released yet.
    assert_eq!(found.logs.last().map(|log| (log.segment, log.requests)), Some((3, 0)));
    // Nothing was changed by looking.
    assert_eq!(parts(store.stats()), before);
}

#[tokio::test]
async fn what_is_damaged_is_named_and_the_rest_is_seen() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 3).await;
    store.close().await;
    let file = |part: usize, name: &str| {
        dir.path().join("parts").join(PartId::of_segment(part as u64).dir_name()).join(name)
    };
    std::fs::remove_file(file(1, "part.json")).unwrap();
    let mut pages = std::fs::read(file(2, SPANS_FILE)).unwrap();
    pages[20..60].fill(0xff);
    std::fs::write(file(2, SPANS_FILE), pages).unwrap();
    std::fs::write(dir.path().join("wal/00000000000000000009.wal"), [7; 10_000]).unwrap();
    std::fs::write(dir.path().join(FORMAT_FILE), "something else\n").unwrap();
    let found = inspect(dir.path(), true).unwrap();
    assert!(!found.readable);
    let problems: Vec<bool> = found.parts.iter().map(|part| part.problem.is_some()).collect();
    assert_eq!(problems, [true, true, false]);
    assert!(!found.parts[0].columns.is_empty(), "its Parquet file is whole");
    assert!(found.logs.last().unwrap().problem.is_some());
    assert!(inspect(&dir.path().join("nowhere"), false).is_err());
}

#[tokio::test]
async fn verifying_finds_every_flipped_bit_of_an_index() {
    let dir = TempDir::new().unwrap();
    store_of(unmerged(dir.path()), 1).await.close().await;
    let index = dir.path().join("parts").join(PartId::of_segment(1).dir_name()).join("part.idx");
    let whole = std::fs::read(&index).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        std::fs::write(&index, flipped).unwrap();
        assert!(
            inspect(dir.path(), true).unwrap().parts[0].problem.is_some(),
            "byte {at} of {}",
            whole.len()
        );
    }
}
