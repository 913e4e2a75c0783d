//! Torn tails, flipped bits, leftovers of earlier lives.

use super::super::format::{FIRST_RECORD, RECORD_HEADER_BYTES};
use super::super::{WalError, WalOptions};
use super::{Bench, append, append_synced, payloads, plain, replay};

const HEADER: usize = RECORD_HEADER_BYTES;

/// A log of three synced groups of two records each, and where the records begin.
fn three_groups(bench: &Bench, segment: u64) -> (Vec<Vec<u8>>, Vec<usize>) {
    let groups = [1, 2, 3].map(|seed| payloads(seed * segment, &[40, 70]));
    let mut log = bench.dir.create(segment).unwrap();
    append_synced(&mut log, &groups);
    let records = groups.concat();
    let mut end = FIRST_RECORD as usize;
    let mut starts = Vec::new();
    for record in &records {
        starts.push(end);
        end += HEADER + record.len();
    }
    assert_eq!(log.bytes(), end as u64);
    (records, starts)
}

#[test]
fn a_tail_torn_at_any_byte_is_cut() {
    let bench = Bench::without_spares();
    let (records, starts) = three_groups(&bench, 1);
    let path = Bench::log_path(1);
    let whole = bench.fs.read(&path);
    let stale: Vec<u8> = whole.iter().rev().copied().collect();
    for torn_at in starts[5]..whole.len() {
        for rest in [&[][..], &vec![0; 500], &stale[..500]] {
            // What follows the tear: the end of the file, zeros written beforehand, or an earlier life's bytes.
            bench.fs.write(&path, [&whole[..torn_at], rest].concat());
            let (read, end) = replay(&bench.dir, 1);
            // A byte that is what it would have been tears nothing.
            let torn_at = torn_at + rest.iter().zip(&whole[torn_at..]).take_while(|(a, b)| a == b).count();
            if torn_at == whole.len() {
                assert_eq!(read, records);
                continue;
            }
            assert_eq!(read, records[..5], "torn at {torn_at}");
            assert_eq!((end.corrupt.places, end.cut_records), (0, 0));
            if rest.is_empty() {
                // Remains of nothing but zeros look like none; the marker is random and may begin so.
                if whole[starts[5]..torn_at].iter().all(|byte| *byte == 0) {
                    continue;
                }
                assert_eq!(end.cut_bytes as usize, torn_at - starts[5]);
            } else if torn_at >= starts[5] + HEADER {
                assert_eq!(
                    end.cut_bytes as usize,
                    (whole.len() - starts[5]).min(torn_at + rest.len() - starts[5])
                );
            }
        }
    }
}

#[test]
fn the_unsynced_end_is_read_up_to_its_first_gap() {
    let bench = Bench::without_spares();
    let (records, _) = three_groups(&bench, 1);
    let mut log = bench.dir.create(2).unwrap();
    append_synced(&mut log, &[records[..2].to_vec()]);
    let unsynced = log.bytes();
    append(&mut log, &records[2..]).unwrap();
    let (path, end) = (Bench::log_path(2), log.bytes());
    let mut bytes = bench.fs.read(&path);
    // The second record of the four is torn, the two behind it are whole.
    bytes[unsynced as usize + HEADER + 40 + HEADER + 5] ^= 1;
    bench.fs.write(&path, bytes);
    let (read, found) = replay(&bench.dir, 2);
    assert_eq!(read, records[..3]);
    assert_eq!((found.corrupt.places, found.cut_records), (0, 2));
    assert_eq!(found.cut_bytes, end - unsynced - HEADER as u64 - 40);
}

#[test]
fn any_flipped_bit_loses_at_most_its_record_and_is_reported() {
    let bench = Bench::without_spares();
    let (records, starts) = three_groups(&bench, 1);
    let path = Bench::log_path(1);
    let whole = bench.fs.read(&path);
    for position in (0..64).chain(4090..4160).chain(8185..whole.len()) {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[position] ^= 1 << bit;
            bench.fs.write(&path, bytes);
            let (read, end) = replay(&bench.dir, 1);
            let Some(hit) = starts.iter().rposition(|start| *start <= position) else {
                assert_eq!(read, records, "the other copy of the header is whole");
                continue;
            };
            let mut rest = records.clone();
            rest.remove(hit);
            match hit {
                // A later group says that this one had been synced.
                0..=3 => {
                    assert_eq!(read, rest);
                    assert_eq!((end.corrupt.places, end.cut_bytes), (1, 0));
                    assert_eq!(end.corrupt.first_offset, Some(starts[hit] as u64));
                    assert_eq!(end.corrupt.bytes as usize, starts[hit + 1] - starts[hit]);
                }
                // The last group could have been under way.
                _ => {
                    assert_eq!(read, records[..hit]);
                    assert_eq!((end.corrupt.places, end.cut_records as usize), (0, 5 - hit));
                    assert!(end.cut_bytes > 0 || hit == 5);
                }
            }
        }
    }
}

#[test]
fn damage_in_several_places_is_counted() {
    let bench = Bench::without_spares();
    let (records, starts) = three_groups(&bench, 1);
    let path = Bench::log_path(1);
    let mut bytes = bench.fs.read(&path);
    bytes[starts[0] + 1] ^= 1;
    // Both records of the second group: one place.
    bytes[starts[2] + HEADER..starts[3] + HEADER].fill(0);
    bench.fs.write(&path, bytes);
    let (read, end) = replay(&bench.dir, 1);
    assert_eq!(read, [&records[1..2], &records[4..]].concat());
    assert_eq!(end.corrupt.first_offset, Some(starts[0] as u64));
    assert_eq!(end.corrupt.bytes as usize, starts[1] - starts[0] + starts[4] - starts[2]);
    assert_eq!((end.records, end.corrupt.places, end.cut_bytes), (3, 2, 0));
}

#[test]
fn damage_across_windows_is_found() {
    let bench = Bench::without_spares();
    let groups = [payloads(1, &[3_000_000]), payloads(2, &[9_000_000, 10]), payloads(3, &[1_500_000])];
    let mut log = bench.dir.create(1).unwrap();
    append_synced(&mut log, &groups);
    let path = Bench::log_path(1);
    let mut bytes = bench.fs.read(&path);
    // Without its header, its length is unknown, and 9 MB must be searched.
    bytes[FIRST_RECORD as usize + HEADER + 3_000_000] ^= 1;
    bench.fs.write(&path, bytes);
    let (read, end) = replay(&bench.dir, 1);
    assert_eq!(read, [&groups[0][..], &groups[1][1..], &groups[2][..]].concat());
    assert_eq!((end.corrupt.places, end.corrupt.bytes), (1, 9_000_000 + HEADER as u64));
}

#[test]
fn a_header_across_the_edge_of_a_window_is_found() {
    for before_edge in [1, 16, HEADER - 1] {
        let bench = Bench::without_spares();
        let mut log = bench.dir.create(1).unwrap();
        let first_len = 4 * 1024 * 1024 - before_edge - FIRST_RECORD as usize - HEADER;
        append_synced(&mut log, &[payloads(1, &[first_len]), payloads(2, &[10]), payloads(3, &[10])]);
        let path = Bench::log_path(1);
        let mut bytes = bench.fs.read(&path);
        bytes[FIRST_RECORD as usize] ^= 1;
        bench.fs.write(&path, bytes);
        assert_eq!(replay(&bench.dir, 1).0, [payloads(2, &[10]), payloads(3, &[10])].concat());
    }
}

#[test]
fn a_record_counts_only_where_it_was_written() {
    let bench = Bench::without_spares();
    let (records, starts) = three_groups(&bench, 1);
    let path = Bench::log_path(1);
    let bytes = bench.fs.read(&path);
    // A disk that wrote a block to the wrong place.
    bench.fs.write(&path, [&bytes[..], &bytes[starts[4]..]].concat());
    let (read, end) = replay(&bench.dir, 1);
    assert_eq!((read, end.corrupt.places), (records, 0));
}

#[test]
fn records_of_an_earlier_life_are_invisible() {
    let bench = Bench::new(WalOptions::default());
    let earlier = payloads(1, &[100; 50]);
    let mut log = bench.dir.create(1).unwrap();
    append_synced(&mut log, std::slice::from_ref(&earlier));
    bench.dir.release(1).unwrap();
    for (segment, later) in [(2, payloads(2, &[])), (3, payloads(3, &[100; 3])), (4, payloads(4, &[99]))] {
        let mut log = bench.dir.create(segment).unwrap();
        append_synced(&mut log, std::slice::from_ref(&later));
        let (read, end) = replay(&bench.dir, segment);
        assert_eq!(read, later);
        assert_eq!((end.cut_bytes, end.cut_records, end.corrupt.places), (0, 0, 0));
        assert!(bench.dir.list().unwrap()[0].file_bytes > 50 * 132, "it is the file of the first segment");
        bench.dir.release(segment).unwrap();
    }
}

#[test]
fn epochs_that_differ_in_one_half_are_told_apart() {
    let bench = Bench::new(WalOptions::default());
    for (segment, epoch) in
        [(1, 0x1111_1111_2222_2222), (2, 0x1111_1110_2222_2222), (3, 0x1111_1111_2222_2223)]
    {
        let log = bench.dir.create_with_epoch(segment, epoch).unwrap();
        assert_eq!(replay(&bench.dir, segment).0.len(), 0);
        log.close().unwrap();
        bench.dir.release(segment).unwrap();
        // All lives begin with the same record of the first epoch.
        let mut log = bench.dir.create_with_epoch(10 + segment, 0x1111_1111_2222_2222).unwrap();
        append_synced(&mut log, &[payloads(1, &[10])]);
        bench.dir.release(10 + segment).unwrap();
    }
}

#[test]
fn a_payload_cannot_pose_as_a_record() {
    let bench = Bench::without_spares();
    let (_, starts) = three_groups(&bench, 1);
    let forged = bench.fs.read(&Bench::log_path(1));
    let mut log = bench.dir.create(2).unwrap();
    append_synced(&mut log, &[vec![forged.clone()], payloads(1, &[10])]);
    let path = Bench::log_path(2);
    let mut bytes = bench.fs.read(&path);
    bytes[starts[0]] ^= 1;
    bench.fs.write(&path, bytes);
    let (read, end) = replay(&bench.dir, 2);
    assert_eq!(read, payloads(1, &[10]));
    assert_eq!(end.corrupt.places, 1);
}

#[test]
fn a_log_without_header_is_empty_only_if_nothing_follows() {
    let bench = Bench::without_spares();
    let mut log = bench.dir.create(1).unwrap();
    let path = Bench::log_path(1);
    let header = bench.fs.read(&path);
    for len in [0, 1, 35, 36, 4096, 5000, header.len()] {
        for fill in [0, 5000] {
            bench.fs.write(&path, [&header[..len], &vec![0; fill]].concat());
            assert_eq!(replay(&bench.dir, 1), (vec![], Default::default()), "{len} bytes of the header");
        }
    }
    bench.fs.write(&path, [&vec![0; 100_000][..], b"x"].concat());
    assert!(matches!(bench.dir.replay(1), Err(WalError::BadHeader { .. })));
    assert!(log.append(&[plain(b"x")]).is_ok(), "the writer has another file open");
}

#[test]
fn a_log_of_another_segment_or_version_is_refused() {
    let bench = Bench::without_spares();
    bench.dir.create(1).unwrap();
    let mut bytes = bench.fs.read(&Bench::log_path(1));
    bench.fs.write(&Bench::log_path(2), bytes.clone());
    assert!(matches!(bench.dir.replay(2), Err(WalError::WrongSegment { found: 1, .. })));
    for copy in [0, 4096] {
        bytes[copy + 8] = 2;
        let crc = crc32c::crc32c(&bytes[copy..copy + 32]);
        bytes[copy + 32..copy + 36].copy_from_slice(&crc.to_le_bytes());
    }
    bench.fs.write(&Bench::log_path(1), bytes);
    assert!(matches!(bench.dir.replay(1), Err(WalError::UnknownVersion { version: 2, .. })));
}
