//! Creating, releasing and recycling.

use std::path::Path;

use super::super::fault::{Call, Keep};
use super::super::{Fs, WalError, WalOptions};
use super::{Bench, append_synced, payloads, plain, replay};
use crate::testing::Random;

fn names(bench: &Bench) -> Vec<String> {
    bench.fs.list(Path::new("wal")).unwrap().into_iter().map(|entry| entry.name).collect()
}

fn segments(bench: &Bench) -> Vec<u64> {
    bench.dir.list().unwrap().into_iter().map(|log| log.segment).collect()
}

#[test]
fn logs_are_listed_by_number_and_other_files_are_left_alone() {
    let mut bench = Bench::new(WalOptions::default());
    for segment in [10, 9, u64::MAX] {
        bench.dir.create(segment).unwrap();
    }
    let strangers =
        ["7.wal", "+0000000000000000007.wal", "recycle-.wal", "recycle-1", "recycle-01.wal", "LOCK"];
    for name in strangers {
        bench.fs.write(&Path::new("wal").join(name), vec![1]);
    }
    bench.fs.write(Path::new("wal/recycle-5.tmp"), vec![1]);
    bench.reopen();
    assert_eq!(segments(&bench), [9, 10, u64::MAX]);
    assert_eq!(bench.dir.disk_bytes().unwrap(), 3 * 8192);
    assert_eq!(names(&bench).len(), 3 + strangers.len());
}

#[test]
fn as_many_spare_files_are_kept_as_wanted() {
    let mut bench = Bench::new(WalOptions { spare_files: 2, spare_bytes: 10_000, ..WalOptions::default() });
    assert!(bench.dir.prepare().unwrap());
    for segment in [1, 2, 3, 4] {
        bench.dir.create(segment).unwrap();
    }
    for segment in [1, 2, 3] {
        bench.dir.release(segment).unwrap();
        bench.dir.release(segment).unwrap();
    }
    assert_eq!((segments(&bench), names(&bench).len()), (vec![4], 3));
    assert!(!bench.dir.prepare().unwrap());
    // A new process knows them, and gives others numbers of their own.
    bench.reopen();
    bench.dir.create(5).unwrap();
    assert_eq!((segments(&bench), names(&bench).len()), (vec![4, 5], 3));
    assert!(!bench.dir.prepare().unwrap(), "the other is for the next log that is released");
    bench.dir.create(6).unwrap();
    assert!(bench.dir.prepare().unwrap());
    bench.dir.release(6).unwrap();
    assert_eq!((segments(&bench), names(&bench).len()), (vec![4, 5], 4));
    // And one that wants none removes them.
    let options = WalOptions { spare_files: 0, ..*bench.dir.options() };
    assert_eq!(super::WalDir::open(bench.fs.clone(), "wal", options).unwrap().list().unwrap().len(), 2);
    assert_eq!(names(&bench).len(), 2);
}

#[test]
fn a_log_in_use_is_never_overwritten() {
    let bench = Bench::new(WalOptions::default());
    bench.dir.prepare().unwrap();
    let mut log = bench.dir.create(1).unwrap();
    append_synced(&mut log, &[payloads(1, &[10])]);
    assert!(matches!(bench.dir.create(1), Err(WalError::Exists { .. })));
    assert_eq!(replay(&bench.dir, 1).0.len(), 1);
}

#[test]
fn creating_can_be_repeated_after_every_failure() {
    for spare_files in [0, 1] {
        for failing in [None, Some(Call::Write), Some(Call::Sync), Some(Call::Rename), Some(Call::SyncDir)] {
            let bench = Bench::new(WalOptions { spare_files, spare_bytes: 4096, ..WalOptions::default() });
            bench.dir.prepare().unwrap();
            match failing {
                Some(call) => bench.fs.fail_next(call),
                None => bench.fs.set_free_space(Some(100)),
            }
            if failing != Some(Call::Rename) || spare_files == 1 {
                let error = bench.dir.create(1).unwrap_err();
                assert_eq!(error.is_disk_full(), failing.is_none(), "{error}");
                assert!(segments(&bench).is_empty());
            }
            bench.fs.fail_no_more();
            bench.fs.set_free_space(None);
            let mut log = bench.dir.create(1).unwrap();
            append_synced(&mut log, &[payloads(1, &[10])]);
            bench.fs.power_cut(Keep::Nothing, &mut Random::new(1));
            assert_eq!(replay(&bench.dir, 1).0, payloads(1, &[10]));
        }
    }
}

#[test]
fn a_spare_file_that_vanished_is_done_without() {
    let bench = Bench::new(WalOptions { spare_bytes: 100, ..WalOptions::default() });
    bench.dir.prepare().unwrap();
    bench.fs.remove(Path::new("wal/recycle-0.wal")).unwrap();
    bench.dir.create(1).unwrap();
    assert_eq!(segments(&bench), [1]);
}

#[test]
fn preparing_fails_without_traces_when_the_disk_is_full() {
    let bench = Bench::new(WalOptions { spare_bytes: 10_000, ..WalOptions::default() });
    bench.fs.set_free_space(Some(5000));
    assert!(bench.dir.prepare().unwrap_err().is_disk_full());
    assert_eq!(names(&bench), [""; 0]);
    bench.fs.set_free_space(None);
    assert!(bench.dir.prepare().unwrap());
}

#[test]
fn a_release_that_a_crash_undid_is_repeated() {
    let mut bench = Bench::without_spares();
    let mut log = bench.dir.create(1).unwrap();
    append_synced(&mut log, &[payloads(1, &[10])]);
    bench.fs.fail_next(Call::SyncDir);
    bench.dir.release(1).unwrap_err();
    bench.fs.power_cut(Keep::Nothing, &mut Random::new(1));
    bench.reopen();
    assert_eq!(segments(&bench), [1]);
    bench.dir.release(1).unwrap();
    bench.fs.power_cut(Keep::Nothing, &mut Random::new(1));
    assert!(segments(&bench).is_empty());
}

#[test]
fn a_file_never_returns_under_an_earlier_name_with_a_later_content() {
    for reopened in [false, true] {
        let mut bench = Bench::new(WalOptions::default());
        let mut log = bench.dir.create(1).unwrap();
        append_synced(&mut log, &[payloads(1, &[10])]);
        if reopened {
            // The release is not synced, and another process finds the spare file.
            bench.fs.fail_next(Call::SyncDir);
            bench.dir.release(1).unwrap_err();
            bench.reopen();
        } else {
            bench.dir.release(1).unwrap();
        }
        // The header is written and synced, the rename is not.
        bench.fs.fail_next(Call::SyncDir);
        bench.dir.create(2).unwrap_err();
        bench.fs.power_cut(Keep::Nothing, &mut Random::new(1));
        bench.reopen();
        assert!(segments(&bench).is_empty());
        assert_eq!(names(&bench).len(), 1);
    }
}

#[test]
fn replaying_what_is_not_there_is_an_error() {
    let bench = Bench::without_spares();
    assert!(matches!(bench.dir.replay(1), Err(WalError::Io { .. })));
    let mut log = bench.dir.create(1).unwrap();
    log.append(&[plain(b"x")]).unwrap();
}
