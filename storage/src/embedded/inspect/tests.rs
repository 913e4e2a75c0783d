use tempfile::TempDir;

use super::super::tests::lifecycle::{store_of, unmerged};
use super::*;
use crate::{Store, StoreStats};

#[tokio::test]
async fn parts_columns_and_logs_are_seen_beside_a_running_store() {
    let dir = TempDir::new().unwrap();
    let store = store_of(unmerged(dir.path()), 2).await;
    // A log is released only after its part can be seen.
    while inspect(dir.path(), false).unwrap().logs.len() > 1 {
        tokio::task::yield_now().await;
    }
    // Spare logs are prepared meanwhile.
    let stats = || StoreStats { wal_bytes: 0, ..store.stats() };
    let before = stats();
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
    assert_eq!(found.logs.iter().map(|log| (log.segment, log.requests)).collect::<Vec<_>>(), [(3, 0)]);
    // Nothing was changed by looking.
    assert_eq!(stats(), before);
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
