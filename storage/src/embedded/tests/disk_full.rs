//! A disk that runs full, and has space again: on a small file system of its own, where the user may mount one.

use std::path::PathBuf;
use std::process::Command;

use super::super::merge;
use super::lifecycle::{merge_all, seal, unmerged};
use super::*;

/// A mounted tmpfs; unmounted when dropped.
struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(mebibytes: u32) -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let size = format!("size={mebibytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        mount.ok()?.status.success().then_some(Self { dir })
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Leaves so many bytes free.
    fn fill(&self, leave: u64) -> Filler {
        let path = self.dir.path().join("filler");
        let fill = || {
            let free = super::super::disk::space(self.dir.path()).unwrap().free_bytes;
            std::fs::write(&path, vec![1; free.saturating_sub(leave) as usize])
        };
        // The store may take space between the look and the write, for a spare log.
        while fill().is_err() {
            std::fs::remove_file(&path).unwrap();
        }
        Filler(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.dir.path()).status();
    }
}

/// What fills the disk.
struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

macro_rules! small_disk {
    ($mebibytes:literal) => {
        match SmallDisk::mount($mebibytes) {
            Some(disk) => disk,
            // What the log does on a full disk is tested without one: `wal::tests::writing`.
            None => return,
        }
    };
}

/// Text that does not compress.
fn noise(seed: u64) -> String {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    (0..4_000).map(|_| next()).collect()
}

fn large(id: u64) -> Span {
    span("large").trace(u128::from(id)).id(id).attribute("noise", &*noise(id)).build()
}

async fn is_there(store: &EmbeddedStore, id: u64) -> bool {
    let trace = store.trace(TraceId::from_bytes(u128::from(id).to_be_bytes()).unwrap(), None).await.unwrap();
    trace.is_some()
}

#[tokio::test]
async fn ingest_refuses_reads_go_on_and_space_brings_it_back() {
    let disk = small_disk!(8);
    let options = Options { segment_max_spans: 1_000_000, ..unmerged(&disk.data_dir()) };
    let store = EmbeddedStore::open(options.clone()).unwrap();
    append(&store, &[large(1)]).await;
    let filler = disk.fill(20_000);
    let (mut acknowledged, mut refused) = (1, 0);
    while refused < 3 {
        match store.append(request(&[large(acknowledged + 1)])).await {
            Ok(_) => acknowledged += 1,
            Err(AppendError::Unavailable(why)) => {
                assert!(why.contains("disk full"), "{why}");
                refused += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(store.health(), Health::Ready, "a full disk is no reason for a restart");
    for id in 1..=acknowledged {
        assert!(is_there(&store, id).await, "span {id} of {acknowledged}");
    }
    assert!(!is_there(&store, acknowledged + 1).await);
    drop(filler);
    append(&store, &[large(acknowledged + 1)]).await;
    store.close().await;
    drop(store);
    let store = EmbeddedStore::open(options).unwrap();
    assert_eq!(
        store.stats().recovered_spans,
        acknowledged + 1,
        "each acknowledged span once, no refused one"
    );
}

#[tokio::test]
async fn sealing_waits_for_space_and_leaves_nothing_behind() {
    let disk = small_disk!(8);
    let store =
        EmbeddedStore::open(Options { segment_max_spans: 200, ..unmerged(&disk.data_dir()) }).unwrap();
    let tmp = || std::fs::read_dir(disk.data_dir().join("tmp")).unwrap().count();
    append(&store, &(1..=150).map(large).collect::<Vec<_>>()).await;
    let filler = disk.fill(300_000);
    // Room for a request, but not for the part.
    append(&store, &(151..=200).map(large).collect::<Vec<_>>()).await;
    let is_failing = || store.shared.view().live.len() == 2 && tmp() == 0;
    while !is_failing() {
        tokio::task::yield_now().await;
    }
    assert!(is_there(&store, 1).await && is_there(&store, 200).await);
    assert_eq!(store.stats().parts, 0);
    drop(filler);
    sealed(&store).await;
    assert_eq!((store.stats().parts, store.stats().part_spans, tmp()), (1, 200, 0));
}

#[tokio::test]
async fn merging_waits_for_space_and_leaves_nothing_behind() {
    let disk = small_disk!(16);
    let data_dir = disk.data_dir();
    let store = EmbeddedStore::open(unmerged(&data_dir)).unwrap();
    for segment in 0..8u64 {
        append(&store, &(1..=11).map(|i| large(segment * 20 + i)).collect::<Vec<_>>()).await;
        seal(&store).await;
    }
    store.close().await;
    drop(store);
    let filler = disk.fill(200_000);
    let store = EmbeddedStore::open(options(&data_dir)).unwrap();
    {
        let alone = store.shared.maintenance.alone();
        let full = merge::merge_next(&store.shared, &alone, false).unwrap_err();
        assert!(full.to_string().contains("no storage space"), "{full}");
    }
    assert_eq!(std::fs::read_dir(data_dir.join("tmp")).unwrap().count(), 0);
    assert_eq!(store.stats().parts, 8);
    assert!(is_there(&store, 1).await && is_there(&store, 151).await);
    drop(filler);
    merge_all(&store);
    assert_eq!((store.stats().parts, store.stats().part_spans), (1, 88));
}

/// The log may have room for more, in spare files that were written before; a part has none.
#[tokio::test]
async fn ingest_refuses_at_once_while_the_segment_is_full_and_cannot_be_sealed() {
    let dir = TempDir::new().unwrap();
    let store = EmbeddedStore::open(Options { segment_max_spans: 10, ..unmerged(dir.path()) }).unwrap();
    // No part can be written, as on a full disk.
    let (tmp, away) = (dir.path().join("tmp"), dir.path().join("away"));
    std::fs::rename(&tmp, &away).unwrap();
    let mut acknowledged = 0;
    let mut append_next = async || {
        let spans: Vec<Span> = (0..10).map(|i| span("x").id(acknowledged * 10 + i + 1).build()).collect();
        let answer = tokio::time::timeout(Duration::from_secs(60), store.append(request(&spans))).await;
        let answer = answer.expect("it is answered");
        acknowledged += u64::from(answer.is_ok());
        answer
    };
    let refused = loop {
        if let Err(refused) = append_next().await {
            break refused;
        }
    };
    let AppendError::Unavailable(why) = refused else { panic!("{refused:?}") };
    assert!(why.starts_with("segments cannot be sealed: "), "{why}");
    assert_eq!(store.health(), Health::Ready, "no reason for a restart");
    std::fs::rename(&away, &tmp).unwrap();
    while append_next().await.is_err() {
        tokio::task::yield_now().await;
    }
    sealed(&store).await;
    let stats = store.stats();
    assert_eq!(stats.part_spans + stats.unsealed_spans, acknowledged * 10, "each once, and no refused one");
}
