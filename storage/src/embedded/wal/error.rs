//! What can go wrong with a log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a log could not be written or read.
///
/// It can be cloned, because a poisoned file answers every call with the error that poisoned it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WalError {
    /// There is no space. Nothing of the group is in the log; the same call may succeed when there is space again.
    #[error("disk full: cannot {operation} {}: {source}", path.display())]
    DiskFull {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// A write or sync of this log has failed. What was appended since the last successful sync may be lost; it must
    /// not be acknowledged, and no later append will succeed. The only way on is a restart, which replays what is there.
    #[error("write-ahead log is unusable since it was not possible to {operation} {}: {source}", path.display())]
    Poisoned {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// A file or directory could not be read, created, renamed or removed. The logs that are open are not affected.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// The segment has a log already.
    #[error("write-ahead log {} exists already", path.display())]
    Exists {
        /// The log.
        path: PathBuf,
    },
    /// The payload is longer than [`MAX_PAYLOAD_BYTES`](super::MAX_PAYLOAD_BYTES). Nothing of the group is in the log.
    #[error("payload of {bytes} bytes exceeds the write-ahead log's limit of {limit} bytes")]
    PayloadTooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no whole file header, yet something follows it: acknowledged records may be lost.
    #[error("write-ahead log {} has no readable header", path.display())]
    BadHeader {
        /// The log.
        path: PathBuf,
    },
    /// The file is the log of another segment than its name says.
    #[error("write-ahead log {} belongs to segment {found}", path.display())]
    WrongSegment {
        /// The log.
        path: PathBuf,
        /// The segment in its header.
        found: u64,
    },
    /// The file was written by a later release.
    #[error("write-ahead log {} has format version {version}, but only {supported} is known", path.display())]
    UnknownVersion {
        /// The log.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The version that this release writes.
        supported: u32,
    },
}

impl WalError {
    /// Whether the cause is lack of space, and the same call may succeed when there is space again.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }

    /// Whether the log will refuse every later append, so that the store must stop to accept.
    pub fn is_poisoned(&self) -> bool {
        matches!(self, Self::Poisoned { .. })
    }

    /// The error of a call whose failure leaves no log in doubt.
    pub(super) fn from_io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        let (path, full) = (path.to_owned(), says_disk_full(&source));
        let source = Arc::new(source);
        match full {
            true => Self::DiskFull { operation, path, source },
            false => Self::Io { operation, path, source },
        }
    }

    /// The error of a call whose failure leaves unknown what is on disk.
    pub(super) fn poisoned(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Poisoned { operation, path: path.to_owned(), source: Arc::new(source) }
    }
}

/// ENOSPC or EDQUOT.
pub(super) fn says_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
