//! The write-ahead log: requests as they were received, durable before they are acknowledged.
//!
//! # Constraints
//!
//! - One file per segment. All requests of the open segment go into its file. When the segment has become a part and
//!   that part is committed, the file is released: deleted, or renamed and kept as a spare for a coming segment.
//!   Recovery replays the files whose segments have no committed part, so "exactly once" needs no position that is
//!   stored elsewhere.
//! - One thread writes a file. A file is written in one life of the process only: recovery reads it and never appends.
//! - A payload is the bytes of one request as they were received, maybe compressed by the sender; nothing is compressed
//!   here (that costs more CPU than decoding the spans). At most [`MAX_PAYLOAD_BYTES`].
//! - Integers are little-endian. Checksums are CRC-32C (Castagnoli, RFC 3720 appendix B.4).
//!
//! # Directory
//!
//! | name | content |
//! | --- | --- |
//! | `<segment, 20 digits>.wal` | the log of a segment |
//! | `recycle-<number>.wal` | a spare file: its content means nothing |
//! | `recycle-<number>.tmp` | a spare file that is being written with zeros; removed at start |
//!
//! # File
//!
//! The file header stands twice, at offsets 0 and 4096, so that one damaged block does not lose the file. The rest of both
//! blocks is zero. Records follow from offset 8192, back to back.
//!
//! | offset | size | file header |
//! | --- | --- | --- |
//! | 0 | 8 | magic: `LNWYWAL\n` |
//! | 8 | 4 | format version: 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | segment number |
//! | 24 | 8 | epoch: drawn at random each time that the file begins to serve a segment; its low half is not 0 |
//! | 32 | 4 | CRC-32C of bytes 0 to 31 |
//!
//! | offset | size | record |
//! | --- | --- | --- |
//! | 0 | 4 | marker: the low half of the epoch |
//! | 4 | 4 | length of the payload |
//! | 8 | 4 | length of the payload when decompressed |
//! | 12 | 1 | encoding of the payload: 1 identity, 2 gzip, 3 zstd |
//! | 13 | 3 | zero |
//! | 16 | 8 | durable end: the records below this file offset had been synced when this one was written |
//! | 24 | 4 | CRC-32C of the payload |
//! | 28 | 4 | CRC-32C of the epoch (8 bytes), the record's file offset (8 bytes) and bytes 0 to 27 |
//! | 32 | | payload |
//!
//! A spare file still holds records of its earlier lives, intact. None of them is ever taken for a new one: their epoch
//! differs. If it differs in its low half, so does the marker; if it differs in its high half only, the checksum does,
//! since CRC-32C detects every error that is confined to 32 bits. And nobody who sends us spans knows the epoch, so no
//! payload can pose as a record.
//!
//! # What is synced when
//!
//! 1. A new file: the header is written, then fdatasync, then fsync of the directory. Only then is a record appended.
//! 2. A spare file: the header with the new epoch is written over the old one, then fdatasync; now none of its old
//!    records is readable. Then it is renamed to its segment's name, then fsync of the directory. A crash in between leaves
//!    a spare file, or an empty log.
//! 3. A group of records: one write at the end of the log, then, before any of it is acknowledged, fdatasync
//!    ([`SyncMode::Always`]). In a spare or pre-written file nothing but data has changed, so no journal of the file system
//!    takes part; in a file that grows, fdatasync commits its new size too.
//!    With [`SyncMode::Always`], and where the file system can, the write goes past the page cache, in blocks of 4 KiB: the last block
//!    of a group ends with zeros, and is written again, its records unchanged, together with the next group.
//! 4. Release: the log is removed or becomes a spare file by a rename, then fsync of the directory. Only then may the file
//!    serve another segment: so it never comes back under an earlier name with a later content. After a crash in between,
//!    recovery finds a log whose segment has a committed part, and releases it again.
//!
//! # Failures
//!
//! - **A write or a sync fails:** the file is poisoned. Every later call fails with the same error, and the store stops to
//!   accept. A failed fsync is never repeated: the kernel may have dropped the pages that it could not write and marked
//!   them clean, so that the next fsync succeeds without them (PostgreSQL's "fsyncgate" of 2018,
//!   <https://wiki.postgresql.org/wiki/Fsync_Errors>). The restarted process replays what is readable, whose part is synced
//!   by itself, and appends to other files.
//! - **A write finds no space:** the group is refused ([`WalError::is_disk_full`]) and the file is cut back to the end of
//!   the last whole group, durably, so that nothing of the refused one can be replayed; cutting needs no space. Later
//!   appends are tried as usual: they succeed when space is back. If cutting fails, the file is poisoned. No space at
//!   *sync* (thin provisioning, network file systems, copy on write) is like any failed sync: written data may be lost.
//!
//! # Recovery
//!
//! Records are read from the first on. Where no whole record stands, the rest of the file is searched for whole record
//! headers of the same epoch:
//!
//! - One of them states a durable end beyond this place: what stood here had been synced, and is **damaged**. It is counted
//!   ([`Damage`]) and reported, and reading goes on at the next whole header.
//! - Otherwise this is the end of the log. What stands here, if anything, was never synced: a **torn tail** of groups that
//!   were under way. It is cut: counted, logged, and not replayed, even where later records of it are whole, so that what
//!   is recovered of the unsynced groups is always a prefix. (Damage to the last synced group looks the same, and a log
//!   that is never synced can only be torn.)
//!
//! A file without a whole header is an empty log if only zeros follow the header's blocks: no record is written before the
//! header is synced. Otherwise it is an error, as is a header that names another segment, or a version that is not known.
//! Reading changes nothing, so recovery may itself be interrupted and repeated.

mod directory;
mod error;
#[cfg(test)]
mod fault;
mod file;
mod format;
mod fs;
mod replay;
mod staging;
#[cfg(test)]
mod tests;

pub use directory::{LogEntry, WalDir};
pub use error::WalError;
pub use file::{Record, WalFile};
pub use format::MAX_PAYLOAD_BYTES;
pub use fs::{DirEntry, File, Fs, OsFile, OsFs};
pub use replay::{Damage, Replay, ReplayEnd, ReplayRecord};

use std::time::Duration;

/// When appended records are synced to the disk: `wal.sync`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Before each group is acknowledged: nothing acknowledged is ever lost. The default.
    #[default]
    Always,
    /// At most this long after a group was acknowledged: losing power may lose what was acknowledged within that time.
    /// Killing the process loses nothing.
    Interval(Duration),
    /// When the operating system likes to, mostly within 30 s. Killing the process loses nothing.
    Never,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalOptions {
    /// When appended records are synced.
    pub sync: SyncMode,
    /// How many spare files are kept for coming segments; 2 by default. None means that every log is a new file, which
    /// costs more per sync.
    pub spare_files: usize,
    /// Length to which [`WalDir::prepare`] writes a spare file, in bytes; 64 MiB by default. Best a little above the log
    /// of a typical segment: what exceeds it is appended as to a new file.
    pub spare_bytes: u64,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { sync: SyncMode::Always, spare_files: 2, spare_bytes: 64 /* MiB */ * 1024 * 1024 }
    }
}
