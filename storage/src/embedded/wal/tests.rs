//! Tests of the write-ahead log. All but one run on the file system of [`fault`](super::fault).

mod damage;
mod fuzz;
mod golden;
mod lifecycle;
mod model;
mod writing;

use std::path::Path;

use super::fault::FaultFs;
use super::{Fs, Record, ReplayEnd, WalDir, WalFile, WalOptions};
use crate::testing::Random;

/// A disk and the directory of logs on it.
struct Bench {
    fs: FaultFs,
    dir: WalDir<FaultFs>,
}

impl Bench {
    fn new(options: WalOptions) -> Self {
        let fs = FaultFs::default();
        Self { dir: WalDir::open(fs.clone(), "wal", options).unwrap(), fs }
    }

    fn without_spares() -> Self {
        Self::new(WalOptions { spare_files: 0, ..WalOptions::default() })
    }

    fn log_path(segment: u64) -> std::path::PathBuf {
        Path::new("wal").join(format!("{segment:020}.wal"))
    }

    /// The directory as a new process finds it.
    fn reopen(&mut self) {
        self.dir = WalDir::open(self.fs.clone(), "wal", *self.dir.options()).unwrap();
    }
}

fn plain(payload: &[u8]) -> Record<'_> {
    Record { compression: None, uncompressed_len: payload.len() as u32, payload }
}

fn append<F: Fs>(log: &mut WalFile<F>, group: &[Vec<u8>]) -> Result<u64, super::WalError> {
    log.append(&group.iter().map(|payload| plain(payload)).collect::<Vec<_>>())
}

/// Appends each group and syncs it.
fn append_synced<F: Fs>(log: &mut WalFile<F>, groups: &[Vec<Vec<u8>>]) {
    for group in groups {
        append(log, group).unwrap();
        log.sync().unwrap();
    }
}

/// Payloads that differ from each other.
fn payloads(seed: u64, lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    lengths.iter().map(|len| (0..*len).map(|_| random.below(256) as u8).collect()).collect()
}

#[track_caller]
fn replay<F: Fs>(dir: &WalDir<F>, segment: u64) -> (Vec<Vec<u8>>, ReplayEnd) {
    let mut replay = dir.replay(segment).unwrap();
    let payloads = replay.by_ref().map(|record| record.unwrap().payload.to_vec()).collect();
    (payloads, replay.end())
}
