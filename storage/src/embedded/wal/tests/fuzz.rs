//! Logs with random damage: replay does not panic, invents nothing, and loses nothing in front of the damage.

use super::super::fault::FaultFs;
use super::super::format::{FILE_HEADER_BYTES, FILE_HEADER_OFFSETS, FIRST_RECORD, RECORD_HEADER_BYTES};
use super::super::{OsFs, WalOptions};
use super::*;
use crate::testing::{Random, damaged};

const MUTATIONS_PER_LOG: usize = 3_000;

/// A log, and its records with the offsets of their ends.
struct Sample {
    segment: u64,
    bytes: Vec<u8>,
    records: Vec<(Vec<u8>, usize)>,
}

impl Sample {
    fn new<F: Fs>(dir: &WalDir<F>, segment: u64, bytes: Vec<u8>) -> Self {
        let (payloads, end) = replay(dir, segment);
        assert_eq!((end.corrupt.places, end.cut_bytes), (0, 0));
        let mut at = FIRST_RECORD as usize;
        let with_end = |payload: Vec<u8>| {
            at += RECORD_HEADER_BYTES + payload.len();
            (payload, at)
        };
        let records: Vec<_> = payloads.into_iter().map(with_end).collect();
        assert!(records.len() > 2);
        Self { segment, bytes, records }
    }

    /// A log of this or an earlier version, below `testdata/`.
    fn committed(dir: &str, segment: u64) -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(dir);
        let name = format!("{segment:020}.wal");
        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(dir.join(&name), copy.path().join(&name)).unwrap();
        let bytes = std::fs::read(dir.join(&name)).unwrap();
        Self::new(&WalDir::open(OsFs, copy.path(), WalOptions::default()).unwrap(), segment, bytes)
    }

    /// Groups of several sizes in a file that had an earlier life.
    fn recycled() -> Self {
        let bench = Bench::new(WalOptions { spare_bytes: 64 * 1024, ..WalOptions::default() });
        let mut log = bench.dir.create(1).unwrap();
        append_synced(&mut log, &[payloads(1, &[700; 60])]);
        bench.dir.release(1).unwrap();
        let mut log = bench.dir.create(2).unwrap();
        append_synced(&mut log, &[payloads(2, &[10, 300, 0]), payloads(3, &[4_000]), payloads(4, &[50; 9])]);
        Self::new(&bench.dir, 2, bench.fs.read(&Bench::log_path(2)))
    }

    /// Replays the log with this content.
    fn check(&self, content: Vec<u8>, round: usize) {
        let changed = self.bytes.iter().zip(&content).take_while(|(a, b)| a == b).count();
        let has_header = FILE_HEADER_OFFSETS.into_iter().any(|at| {
            let header = at..at + FILE_HEADER_BYTES;
            content.get(header.clone()) == Some(&self.bytes[header])
        });
        let fs = FaultFs::default();
        let dir = WalDir::open(fs.clone(), "wal", WalOptions::default()).unwrap();
        fs.write(&Bench::log_path(self.segment), content);
        let read: Vec<Vec<u8>> = match dir.replay(self.segment) {
            Ok(replay) => replay.map(|record| record.unwrap().payload.to_vec()).collect(),
            Err(error) => {
                assert!(!has_header, "round {round}: {error}");
                return;
            }
        };
        let whole = self.records.iter().filter(|(_, end)| has_header && *end <= changed).count();
        let written: Vec<&Vec<u8>> = self.records.iter().map(|(payload, _)| payload).collect();
        let in_front = read.iter().zip(&written).take_while(|(read, written)| read == *written).count();
        assert!(in_front >= whole, "round {round}: {in_front} of {whole} records in front of byte {changed}");
        // In order, each once.
        let mut rest = written.iter();
        for payload in &read {
            assert!(
                rest.any(|written| *written == payload),
                "round {round}: a record that was not written there"
            );
        }
    }
}

#[test]
fn damaged_logs_give_what_was_in_front_of_the_damage_and_nothing_that_was_not_written() {
    let mut random = Random::new(20_261_124);
    for sample in [Sample::committed("wal-v1", 7), Sample::committed("data-v2/wal", 11), Sample::recycled()] {
        for round in 0..MUTATIONS_PER_LOG {
            let mut content = damaged(&sample.bytes, &mut random);
            // Damage seldom comes alone.
            for _ in 0..random.below(3) {
                if !content.is_empty() {
                    content = damaged(&content, &mut random);
                }
            }
            sample.check(content, round);
        }
    }
}
