//! The data directory: its folders, its format version and its lock.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::OpenError;
use super::part::sync_dir;

/// What `FORMAT` holds. Another number stands there when an older Laneway could not read the directory any more.
pub(super) const FORMAT: &str = "laneway data directory, format 1\n";
pub(super) const FORMAT_FILE: &str = "FORMAT";
/// The folder of snapshots, which are data directories themselves.
pub(super) const SNAPSHOTS: &str = "snapshots";

/// An open data directory, locked for this process as long as this lives.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) wal: PathBuf,
    pub(super) parts: PathBuf,
    pub(super) tmp: PathBuf,
    /// Figures of parts that have expired.
    pub(super) figures: PathBuf,
    /// Parts that cannot be read; created when there is one.
    pub(super) quarantine: PathBuf,
    /// Created with the first snapshot.
    pub(super) snapshots: PathBuf,
    _lock: File,
}

impl Layout {
    /// Creates what is missing, takes the lock, and removes what an earlier process left half-written.
    pub(super) fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let at = |source| OpenError::DataDir { path: data_dir.to_owned(), source };
        fs::create_dir_all(data_dir).map_err(at)?;
        let lock = File::create(data_dir.join("LOCK")).map_err(at)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: data_dir.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        check_format(data_dir)?;
        let layout = Self {
            wal: data_dir.join("wal"),
            parts: data_dir.join("parts"),
            tmp: data_dir.join("tmp"),
            figures: data_dir.join("figures"),
            quarantine: data_dir.join("quarantine"),
            snapshots: data_dir.join(SNAPSHOTS),
            _lock: lock,
        };
        if layout.tmp.exists() {
            fs::remove_dir_all(&layout.tmp).map_err(at)?;
        }
        for dir in [&layout.wal, &layout.parts, &layout.figures, &layout.tmp] {
            fs::create_dir_all(dir).map_err(at)?;
        }
        sync_dir(data_dir).map_err(at)?;
        Ok(layout)
    }
}

fn check_format(data_dir: &Path) -> Result<(), OpenError> {
    let path = data_dir.join(FORMAT_FILE);
    match fs::read_to_string(&path) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) => Err(OpenError::Format {
            path: data_dir.to_owned(),
            found: found.trim_end().to_owned(),
            supported: FORMAT.trim_end(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let write = || {
                fs::write(data_dir.join("FORMAT.new"), FORMAT)?;
                File::open(data_dir.join("FORMAT.new"))?.sync_all()?;
                fs::rename(data_dir.join("FORMAT.new"), &path)
            };
            write().map_err(|source| OpenError::DataDir { path: data_dir.to_owned(), source })
        }
        Err(source) => Err(OpenError::DataDir { path: data_dir.to_owned(), source }),
    }
}
