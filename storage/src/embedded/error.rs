//! What can go wrong when a store is opened.

use std::io;
use std::path::PathBuf;

use super::wal::WalError;
use crate::QueryError;

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be created, read or written.
    #[error("data directory {}: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("data directory {} is in use by another process", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// It was written by another version.
    #[error("data directory {} is of another format: found {found:?}, this version reads {supported:?}", path.display())]
    Format {
        /// The directory.
        path: PathBuf,
        /// What it says of itself.
        found: String,
        /// What this version reads.
        supported: &'static str,
    },
    /// A log could not be read or begun.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// A part could not be opened.
    #[error(transparent)]
    Part(#[from] QueryError),
    /// No thread could be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}
