use std::time::{Duration, Instant};

use super::super::fault::{Call, Keep};
use super::super::{MAX_PAYLOAD_BYTES, OsFs, SyncMode, WalDir, WalError, WalOptions};
use super::{Bench, append, append_synced, payloads, plain, replay};
use crate::testing::Random;

#[test]
fn records_come_back_in_order_from_the_real_file_system() {
    let home = tempfile::tempdir().unwrap();
    let options = WalOptions { spare_bytes: 100_000, ..WalOptions::default() };
    let dir = WalDir::open(OsFs, home.path().join("a/b"), options).unwrap();
    let groups = [payloads(1, &[0, 1, 5_000_000]), payloads(2, &[70_000; 20]), payloads(3, &[9_000_000])];
    for segment in [1, 2] {
        // The second segment's log is a spare file that held longer records.
        let mut log = dir.create(segment).unwrap();
        append_synced(&mut log, &groups[..4 - segment as usize]);
        let bytes = log.bytes();
        log.close().unwrap();

        let (read, end) = replay(&dir, segment);
        assert_eq!(read, groups[..4 - segment as usize].concat());
        assert_eq!((end.records as usize, end.valid_bytes), (read.len(), bytes - 8192));
        assert_eq!((end.cut_bytes, end.corrupt.places), (0, 0));
        dir.release(segment).unwrap();
        assert_eq!(dir.list().unwrap(), []);
    }
    assert!(!dir.prepare().unwrap(), "the last log is a spare file now");
    dir.create(3).unwrap();
    assert!(dir.prepare().unwrap());
}

#[test]
fn a_staged_group_is_in_one_piece_and_what_is_taken_back_is_not_logged() {
    for sync in [SyncMode::Always, SyncMode::Never] {
        let home = tempfile::tempdir().unwrap();
        let dir = WalDir::open(OsFs, home.path(), WalOptions { sync, ..WalOptions::default() }).unwrap();
        let mut log = dir.create(1).unwrap();
        let mut kept = Vec::new();
        for (seed, lengths) in
            [(1, &[10, 0, 3_000_000, 5][..]), (2, &[1]), (3, &[9_000_000, 4096]), (4, &[4_064])]
        {
            for (number, payload) in payloads(seed, lengths).into_iter().enumerate() {
                let staged = log.staged();
                let pieces = payload.chunks(1_000_000);
                assert_eq!(log.stage(None, payload.len() as u32, pieces).unwrap(), payload);
                if number % 2 == 1 {
                    log.unstage(staged);
                } else {
                    kept.push(payload);
                }
            }
            let before = log.bytes();
            let staged = log.staged() as u64;
            assert_eq!(log.append_staged().unwrap(), staged);
            assert_eq!((log.bytes() - before, log.staged()), (staged, 0));
            log.sync().unwrap();
        }
        assert_eq!(log.append_staged().unwrap(), 0, "nothing is staged");
        log.close().unwrap();
        assert!(replay(&dir, 1).0 == kept);
    }
}

#[test]
fn no_sync_means_no_sync_and_always_means_every_group() {
    for (sync, expected) in [(SyncMode::Always, 3), (SyncMode::Never, 0)] {
        let bench = Bench::new(WalOptions { sync, ..WalOptions::default() });
        let mut log = bench.dir.create(1).unwrap();
        let before = bench.fs.syncs();
        for _ in 0..3 {
            append(&mut log, &payloads(1, &[100])).unwrap();
            assert_eq!(log.sync_if_due(Instant::now()).unwrap(), expected > 0);
            assert_eq!(log.next_sync(), None);
        }
        assert_eq!(bench.fs.syncs() - before, expected);
        log.close().unwrap();
        bench.fs.power_cut(Keep::Nothing, &mut Random::new(1));
        assert_eq!(replay(&bench.dir, 1).0.len(), 3, "closing syncs in every mode");
    }
}

#[test]
fn an_interval_begins_with_the_first_group_that_is_not_synced() {
    let interval = Duration::from_millis(100);
    let bench = Bench::new(WalOptions { sync: SyncMode::Interval(interval), ..WalOptions::default() });
    let mut log = bench.dir.create(1).unwrap();
    let start = Instant::now();
    assert!(!log.sync_if_due(start + interval * 9).unwrap(), "nothing to sync");
    for (at_ms, synced, next_ms) in
        [(0, false, Some(100)), (60, false, Some(100)), (100, true, None), (150, false, Some(250))]
    {
        append(&mut log, &payloads(1, &[10])).unwrap();
        assert_eq!(log.sync_if_due(start + Duration::from_millis(at_ms)).unwrap(), synced, "at {at_ms} ms");
        assert_eq!(log.next_sync(), next_ms.map(|ms| start + Duration::from_millis(ms)));
        assert_eq!(log.is_dirty(), !synced);
    }
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    let mut bench = Bench::without_spares();
    let mut log = bench.dir.create(1).unwrap();
    append_synced(&mut log, &[payloads(1, &[100])]);
    append(&mut log, &payloads(2, &[100])).unwrap();
    bench.fs.fail_next(Call::Sync);
    let first = log.sync().unwrap_err();
    assert!(first.is_poisoned() && !first.is_disk_full());
    let syncs = bench.fs.syncs();
    let later = [
        log.sync().unwrap_err(),
        log.append(&[plain(b"more")]).unwrap_err(),
        log.sync_if_due(Instant::now()).unwrap_err(),
        log.close().unwrap_err(),
    ];
    for error in later {
        assert_eq!(error.to_string(), first.to_string());
    }
    assert_eq!(bench.fs.syncs(), syncs);

    bench.fs.power_cut(Keep::Everything, &mut Random::new(1));
    bench.reopen();
    assert_eq!(replay(&bench.dir, 1).0, payloads(1, &[100]), "the kernel forgot the other one");
}

#[test]
fn a_failed_write_poisons() {
    let bench = Bench::without_spares();
    let mut log = bench.dir.create(1).unwrap();
    bench.fs.fail_next(Call::Write);
    assert!(log.append(&[plain(b"one")]).unwrap_err().is_poisoned());
    assert!(log.append(&[plain(b"two")]).unwrap_err().is_poisoned());
}

#[test]
fn a_full_disk_refuses_the_group_and_nothing_else() {
    let bench = Bench::without_spares();
    let mut log = bench.dir.create(1).unwrap();
    let (first, refused, last) = (payloads(1, &[100]), payloads(2, &[200, 200, 200]), payloads(3, &[200]));
    append_synced(&mut log, std::slice::from_ref(&first));
    bench.fs.set_free_space(Some(500));
    for _ in 0..3 {
        let error = append(&mut log, &refused).unwrap_err();
        assert!(error.is_disk_full() && !error.is_poisoned(), "{error}");
    }
    assert_eq!(replay(&bench.dir, 1).0, first, "two records of the refused group would have fitted");
    append_synced(&mut log, std::slice::from_ref(&last));
    assert_eq!(replay(&bench.dir, 1).0, [first.clone(), last.clone()].concat());
    bench.fs.set_free_space(None);
    append_synced(&mut log, std::slice::from_ref(&refused));
    assert_eq!(replay(&bench.dir, 1).0, [first, last, refused].concat());
}

#[test]
fn a_full_disk_poisons_when_the_file_cannot_be_cut_back() {
    for call in [Call::SetLen, Call::Sync] {
        let bench = Bench::without_spares();
        let mut log = bench.dir.create(1).unwrap();
        bench.fs.set_free_space(Some(50));
        bench.fs.fail_next(call);
        assert!(append(&mut log, &payloads(1, &[100])).unwrap_err().is_poisoned());
    }
}

#[test]
fn a_write_may_take_many_calls() {
    let bench = Bench::without_spares();
    bench.fs.set_short_writes(true);
    let mut log = bench.dir.create(1).unwrap();
    let groups = [payloads(1, &[0, 0, 1000, 0]), payloads(2, &[0]), payloads(3, &[3, 2, 1])];
    append_synced(&mut log, &groups);
    assert_eq!(log.append(&[]).unwrap(), 0);
    assert_eq!(replay(&bench.dir, 1).0, groups.concat());
}

#[test]
fn a_payload_over_the_limit_is_refused_before_anything_is_written() {
    let bench = Bench::without_spares();
    let mut log = bench.dir.create(1).unwrap();
    let long = vec![0; MAX_PAYLOAD_BYTES + 1];
    let error = log.append(&[plain(b"short"), plain(&long)]).unwrap_err();
    assert!(matches!(error, WalError::PayloadTooLarge { bytes, .. } if bytes == long.len()));
    assert_eq!(replay(&bench.dir, 1).0.len(), 0);
    log.append(&[plain(&long[1..])]).unwrap();
    assert_eq!(replay(&bench.dir, 1).0, [&long[1..]]);
}

#[test]
fn groups_of_any_length_follow_one_another_in_blocks() {
    let bench = Bench::without_spares();
    bench.fs.allow_direct();
    let mut log = bench.dir.create(1).unwrap();
    // Within a block, over its end, exactly to its end, and longer than the buffer that it is written from.
    let lengths = [1, 3_000, 0, 4_096, 4_096 - 32, 2_500_000, 7, 2 * 1024 * 1024, 5];
    let groups: Vec<_> = lengths.iter().zip(1..).map(|(len, seed)| payloads(seed, &[*len, 10])).collect();
    append_synced(&mut log, &groups);
    let (read, end) = replay(&bench.dir, 1);
    assert_eq!(read, groups.concat());
    assert_eq!((end.cut_bytes, end.corrupt.places), (0, 0));
}
