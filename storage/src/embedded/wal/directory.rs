//! The directory of logs: naming, creating, releasing and recycling them.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::fs::{File, Fs, OsFs};
use super::{Replay, WalError, WalFile, WalOptions};

/// The log of a segment, as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The segment.
    pub segment: u64,
    /// Length of the file, in bytes; the log may be shorter.
    pub file_bytes: u64,
}

/// The directory that holds the logs of all segments that have no committed part, and spare files.
///
/// It may be shared by threads: one creates and appends, others release and prepare. The caller sees to it that only one
/// process uses the directory.
#[derive(Debug)]
pub struct WalDir<F: Fs = OsFs> {
    fs: F,
    dir: PathBuf,
    options: WalOptions,
    spares: Mutex<Spares>,
}

/// Files that wait to serve a segment.
#[derive(Debug, Default)]
struct Spares {
    numbers: Vec<u64>,
    next_number: u64,
    /// How many are being made.
    in_preparation: usize,
}

/// What a file in the directory is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Log(u64),
    Spare(u64),
    Unfinished(u64),
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let parsed = match (name.strip_prefix("recycle-"), name.strip_suffix(".wal")) {
            (None, Some(number)) => Self::Log(number.parse().ok()?),
            (Some(rest), _) => match rest.split_once('.')? {
                (number, "wal") => Self::Spare(number.parse().ok()?),
                (number, "tmp") => Self::Unfinished(number.parse().ok()?),
                _ => return None,
            },
            (None, None) => return None,
        };
        // Every file has one name only: `7.wal` and `+7.wal` are not ours.
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(segment) => write!(f, "{segment:020}.wal"),
            Self::Spare(number) => write!(f, "recycle-{number}.wal"),
            Self::Unfinished(number) => write!(f, "recycle-{number}.tmp"),
        }
    }
}

impl<F: Fs> WalDir<F> {
    /// Opens the directory, creating it if it does not exist. Logs are left alone; unfinished spare files are removed.
    ///
    /// # Errors
    ///
    /// The directory cannot be created, read, written or synced.
    pub fn open(fs: F, dir: impl Into<PathBuf>, options: WalOptions) -> Result<Self, WalError> {
        let dir = dir.into();
        fs.create_dir(&dir).map_err(|error| WalError::from_io("create directory", &dir, error))?;
        let this = Self { fs, dir, options, spares: Mutex::default() };
        // A spare file that the previous process had released may still have its old name on disk; see `release`.
        this.sync()?;
        for (name, _) in this.names()? {
            let mut spares = this.spares.lock();
            match name {
                Name::Log(_) => {}
                Name::Spare(number) if spares.numbers.len() < options.spare_files => {
                    spares.numbers.push(number);
                    spares.next_number = spares.next_number.max(number.saturating_add(1));
                }
                Name::Spare(_) | Name::Unfinished(_) => this.remove(name)?,
            }
        }
        Ok(this)
    }

    /// The directory as it is, for [`list`](Self::list) and [`replay`](Self::replay) only: nothing is created or removed.
    pub fn read_only(fs: F, dir: impl Into<PathBuf>) -> Self {
        Self { fs, dir: dir.into(), options: WalOptions::default(), spares: Mutex::default() }
    }

    /// The options it was opened with.
    pub fn options(&self) -> &WalOptions {
        &self.options
    }

    /// The logs, by segment number.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn list(&self) -> Result<Vec<LogEntry>, WalError> {
        let mut logs: Vec<_> = (self.names()?.into_iter())
            .filter_map(|(name, file_bytes)| match name {
                Name::Log(segment) => Some(LogEntry { segment, file_bytes }),
                Name::Spare(_) | Name::Unfinished(_) => None,
            })
            .collect();
        logs.sort_unstable_by_key(|log| log.segment);
        Ok(logs)
    }

    /// Length of all files, in bytes: logs, what they may yet fill, and spares.
    ///
    /// # Errors
    ///
    /// The directory cannot be read.
    pub fn disk_bytes(&self) -> Result<u64, WalError> {
        Ok(self.names()?.iter().map(|(_, bytes)| bytes).sum())
    }

    /// Begins the log of a segment, in a spare file if there is one. When this returns, an appended record is durable as
    /// soon as it is synced.
    ///
    /// # Errors
    ///
    /// [`WalError::DiskFull`]: may be called again with the same segment. [`WalError::Exists`]: the segment has a log.
    pub fn create(&self, segment: u64) -> Result<WalFile<F>, WalError> {
        self.create_with_epoch(segment, random_epoch())
    }

    pub(super) fn create_with_epoch(&self, segment: u64, epoch: u64) -> Result<WalFile<F>, WalError> {
        let path = self.path(Name::Log(segment));
        match self.fs.open(&path, false) {
            Ok(_) => return Err(WalError::Exists { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(WalError::from_io("open", &path, error)),
        }
        let spare = self.spares.lock().numbers.pop();
        let Some(number) = spare else { return self.create_new(&path, segment, epoch) };
        match self.recycle(number, &path, segment, epoch) {
            // Somebody removed the spare file.
            Err(WalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.create_new(&path, segment, epoch)
            }
            created => created,
        }
    }

    fn create_new(&self, path: &Path, segment: u64, epoch: u64) -> Result<WalFile<F>, WalError> {
        let file = self.fs.create_new(path).map_err(|error| WalError::from_io("create", path, error))?;
        WalFile::begin(file, path, segment, epoch, self.options.sync)
            .and_then(|log| self.sync().map(|()| log))
            .inspect_err(|_| self.abandon(path))
    }

    fn recycle(&self, number: u64, path: &Path, segment: u64, epoch: u64) -> Result<WalFile<F>, WalError> {
        let spare = self.path(Name::Spare(number));
        let file = self.fs.open(&spare, true).map_err(|error| WalError::from_io("open", &spare, error))?;
        // The order is what keeps a record of an earlier segment from ever being replayed for this one. The new epoch is
        // durable before the file has the name of a log, so whatever a crash makes of the rename, a file of that name has
        // no readable record. And the name is durable before the first record is, so no acknowledged record can end up
        // in a file that is still named as a spare.
        let log = WalFile::begin(file, path, segment, epoch, self.options.sync)
            .and_then(|log| match self.fs.rename(&spare, path) {
                Ok(()) => Ok(log),
                Err(error) => Err(WalError::from_io("rename to", path, error)),
            })
            .inspect_err(|_| self.spares.lock().numbers.push(number))?;
        // If this fails, the file does not serve again: a crash could bring back this name of it.
        self.sync().inspect_err(|_| self.abandon(path))?;
        Ok(log)
    }

    /// Removes a log that was never used, if possible. If it stays, it is an empty log.
    fn abandon(&self, path: &Path) {
        if let Err(error) = self.fs.remove(path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove an unused write-ahead log");
        }
    }

    /// Reads the log of a segment.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a log of this segment that this release can read.
    pub fn replay(&self, segment: u64) -> Result<Replay<F>, WalError> {
        let path = self.path(Name::Log(segment));
        match self.fs.open(&path, false) {
            Ok(file) => Replay::begin(file, path, segment),
            Err(error) => Err(WalError::from_io("open", &path, error)),
        }
    }

    /// Gives up the log of a segment, durably: it becomes a spare file, or is removed when there are enough of them. Does
    /// nothing if there is no such log.
    ///
    /// To be called only when all that the log holds is durable elsewhere; the log's [`WalFile`] must be closed or
    /// dropped before.
    ///
    /// # Errors
    ///
    /// The file cannot be renamed or removed, and is still there, or the directory cannot be synced. The call may be
    /// repeated.
    pub fn release(&self, segment: u64) -> Result<(), WalError> {
        let path = self.path(Name::Log(segment));
        let spare = self.reserve_spare(self.options.spare_files);
        let given_up = match spare {
            Some(number) => self.fs.rename(&path, &self.path(Name::Spare(number))),
            None => self.fs.remove(&path),
        };
        let released = match given_up {
            Ok(()) => self.sync().map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(WalError::from_io("release", &path, error)),
        };
        // Only what is durably released may serve again. Otherwise a crash could bring back the log under its old name,
        // with the header and the records of another segment.
        if let Some(number) = spare {
            self.settle_spare(number, matches!(released, Ok(true)));
        }
        released.map(drop)
    }

    /// Writes one spare file of [`WalOptions::spare_bytes`] with zeros, if there are fewer than half
    /// of [`WalOptions::spare_files`], and returns whether it did. Takes as long as the disk needs, so it belongs on a
    /// background thread: at start, and after each [`WalDir::create`].
    ///
    /// # Errors
    ///
    /// The file cannot be written, because there is no space for example. Logs are not affected.
    pub fn prepare(&self) -> Result<bool, WalError> {
        // The rest is left for released logs: else each of those would be removed for want of room, and then another file written.
        let wanted = self.options.spare_files.div_ceil(2);
        let Some(number) = self.reserve_spare(wanted) else { return Ok(false) };
        let written = self.write_spare(number);
        self.settle_spare(number, written.is_ok());
        written.map(|()| true).map_err(|error| {
            let path = self.path(Name::Unfinished(number));
            // What cannot be removed now is removed at the next start.
            let _ = self.fs.remove(&path);
            WalError::from_io("write spare file", &path, error)
        })
    }

    /// The number of a spare file that is to be made, if there are fewer than `wanted`.
    fn reserve_spare(&self, wanted: usize) -> Option<u64> {
        let spares = &mut *self.spares.lock();
        if spares.numbers.len() + spares.in_preparation >= wanted {
            return None;
        }
        spares.in_preparation += 1;
        spares.next_number += 1;
        Some(spares.next_number - 1)
    }

    /// Ends what `reserve_spare` began.
    fn settle_spare(&self, number: u64, made: bool) {
        let spares = &mut *self.spares.lock();
        spares.in_preparation -= 1;
        if made {
            spares.numbers.push(number);
        }
    }

    fn write_spare(&self, number: u64) -> io::Result<()> {
        // Small steps, each synced, so that a log's sync never waits for much of this.
        const STEP_BYTES: u64 = 4 /* MiB */ * 1024 * 1024;
        let zeros = vec![0; STEP_BYTES as usize];
        let unfinished = self.path(Name::Unfinished(number));
        let file = self.fs.create_new(&unfinished)?;
        let mut written = 0;
        while written < self.options.spare_bytes {
            let step = STEP_BYTES.min(self.options.spare_bytes - written);
            file.write_all_at(&mut [IoSlice::new(&zeros[..step as usize])], written)?;
            file.sync_data()?;
            written += step;
        }
        self.fs.rename(&unfinished, &self.path(Name::Spare(number)))
    }

    fn names(&self) -> Result<Vec<(Name, u64)>, WalError> {
        let entries = self.fs.list(&self.dir).map_err(|error| WalError::from_io("list", &self.dir, error))?;
        Ok(entries.into_iter().filter_map(|entry| Some((Name::parse(&entry.name)?, entry.len))).collect())
    }

    /// Makes all names durable.
    fn sync(&self) -> Result<(), WalError> {
        self.fs.sync_dir(&self.dir).map_err(|error| WalError::from_io("sync directory", &self.dir, error))
    }

    fn remove(&self, name: Name) -> Result<(), WalError> {
        let path = self.path(name);
        self.fs.remove(&path).map_err(|error| WalError::from_io("remove", &path, error))
    }

    fn path(&self, name: Name) -> PathBuf {
        self.dir.join(name.to_string())
    }
}

fn random_epoch() -> u64 {
    loop {
        // Keyed by the operating system's randomness. Not 0 in its low half: zeros are no marker.
        let epoch = RandomState::new().hash_one(std::process::id());
        if epoch as u32 != 0 {
            return epoch;
        }
    }
}
