//! A log as version 1 of the format writes it. The file stays in the repository for as long as version 1 is read.

use std::path::Path;

use super::super::{OsFs, Record, WalDir, WalOptions};
use super::Bench;
use crate::store::Compression;

const SEGMENT: u64 = 7;
const EPOCH: u64 = 0x0123_4567_89AB_CDEF;
const RECORDS: [Record<'static>; 4] = [
    Record { compression: None, uncompressed_len: 8, payload: b"identity" },
    Record { compression: Some(Compression::Gzip), uncompressed_len: 1000, payload: b"as if gzip" },
    Record { compression: Some(Compression::Zstd), uncompressed_len: u32::MAX, payload: b"as if zstd" },
    Record { compression: None, uncompressed_len: 0, payload: b"" },
];

fn testdata() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/wal-v1")
}

fn written() -> Vec<u8> {
    let bench = Bench::without_spares();
    let mut log = bench.dir.create_with_epoch(SEGMENT, EPOCH).unwrap();
    for group in RECORDS.chunks(2) {
        log.append(group).unwrap();
        log.sync().unwrap();
    }
    bench.fs.read(&Bench::log_path(SEGMENT))
}

#[test]
fn version_1_is_read() {
    // Copied, because opening a directory may remove spare files.
    let home = tempfile::tempdir().unwrap();
    let name = format!("{SEGMENT:020}.wal");
    std::fs::copy(testdata().join(&name), home.path().join(&name)).unwrap();
    let dir = WalDir::open(OsFs, home.path(), WalOptions::default()).unwrap();
    let mut replay = dir.replay(SEGMENT).unwrap();
    for (read, written) in replay.by_ref().zip(RECORDS) {
        let read = read.unwrap();
        assert_eq!(read.compression, written.compression);
        assert_eq!(read.uncompressed_len, written.uncompressed_len);
        assert_eq!(read.payload, written.payload);
    }
    assert!(replay.next().is_none());
    assert_eq!((replay.end().records, replay.end().cut_bytes, replay.end().corrupt.places), (4, 0, 0));
}

#[test]
fn version_1_is_what_is_written() {
    assert_eq!(written(), std::fs::read(testdata().join(format!("{SEGMENT:020}.wal"))).unwrap());
}

#[test]
#[ignore = "writes the fixture; to be run once for a new version of the format, into a new directory"]
fn write_the_fixture() {
    std::fs::create_dir_all(testdata()).unwrap();
    std::fs::write(testdata().join(format!("{SEGMENT:020}.wal")), written()).unwrap();
}
