//! Writing the log of the open segment.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::error::says_disk_full;
use super::format::{
    FIRST_RECORD, FileHeader, MAX_PAYLOAD_BYTES, RECORD_HEADER_BYTES, RecordHeader, VERSION,
};
use super::fs::{File, Fs, OsFs};
use super::staging::Staging;
use super::{SyncMode, WalError};
use crate::store::Compression;

/// A request to log.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// How `payload` is compressed; `None` where it is not.
    pub compression: Option<Compression>,
    /// Length of the payload when decompressed, so that recovery can bound and size its buffers.
    pub uncompressed_len: u32,
    /// The request as received.
    pub payload: &'a [u8],
}

/// The log of the open segment. One thread appends to it.
///
/// Dropping it neither syncs nor removes anything.
#[derive(Debug)]
pub struct WalFile<F: Fs = OsFs> {
    file: F::File,
    path: PathBuf,
    segment: u64,
    epoch: u64,
    sync: SyncMode,
    /// Where the next group goes.
    end: u64,
    /// Everything below has been synced.
    durable_end: u64,
    /// When `sync_if_due` first saw records that are not synced.
    unsynced_since: Option<Instant>,
    poisoned: Option<WalError>,
    /// The group that will be appended next.
    staging: Staging,
    /// Whether the file is written past the page cache.
    is_direct: bool,
}

impl<F: Fs> WalFile<F> {
    /// Makes an open file the log of a segment: writes the header and syncs it. The file's name is up to the caller.
    pub(super) fn begin(
        file: F::File,
        path: &Path,
        segment: u64,
        epoch: u64,
        sync: SyncMode,
    ) -> Result<Self, WalError> {
        let header = FileHeader { version: VERSION, segment, epoch }.to_blocks();
        let mut staging = Staging::new();
        let is_direct = write_header(&file, &header, &mut staging, sync)
            .and_then(|is_direct| file.sync_data().map(|()| is_direct))
            .map_err(|error| WalError::from_io("write the header of", path, error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            segment,
            epoch,
            sync,
            end: FIRST_RECORD,
            durable_end: FIRST_RECORD,
            unsynced_since: None,
            poisoned: None,
            staging,
            is_direct,
        })
    }

    /// The segment whose log this is.
    pub fn segment(&self) -> u64 {
        self.segment
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the log: the header and all records that were appended. The file may be longer.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Whether there are records that are not synced.
    pub fn is_dirty(&self) -> bool {
        self.durable_end < self.end
    }

    /// Appends a group of records, all or none, in one write, and returns how many bytes the log has grown.
    /// They are durable after the next sync.
    ///
    /// # Errors
    ///
    /// [`WalError::DiskFull`] and [`WalError::PayloadTooLarge`]: nothing of the group is in the log, and later calls may
    /// succeed. [`WalError::Poisoned`]: no later call will.
    pub fn append(&mut self, group: &[Record<'_>]) -> Result<u64, WalError> {
        self.staging.truncate(0);
        for Record { compression, uncompressed_len, payload } in group {
            if let Err(error) = self.stage(*compression, *uncompressed_len, std::iter::once(*payload)) {
                self.staging.truncate(0);
                return Err(error);
            }
        }
        self.append_staged()
    }

    /// Adds a request to the group that [`append_staged`](Self::append_staged) will append, and returns its payload, which may come in
    /// pieces, in one; see [`Record`].
    ///
    /// # Errors
    ///
    /// [`WalError::PayloadTooLarge`] and [`WalError::Poisoned`]: it is not in the group.
    pub fn stage<'a>(
        &mut self,
        compression: Option<Compression>,
        uncompressed_len: u32,
        payload: impl Iterator<Item = &'a [u8]>,
    ) -> Result<&[u8], WalError> {
        self.check()?;
        let header = self.staging.push(&[0; RECORD_HEADER_BYTES]);
        payload.for_each(|piece| {
            self.staging.push(piece);
        });
        let payload = header.end..self.staging.len();
        if payload.len() > MAX_PAYLOAD_BYTES {
            self.staging.truncate(header.start);
            return Err(WalError::PayloadTooLarge { bytes: payload.len(), limit: MAX_PAYLOAD_BYTES });
        }
        let fields = RecordHeader {
            len: payload.len() as u32,
            uncompressed_len,
            compression,
            durable_end: self.durable_end,
            payload_crc: crc32c::crc32c(self.staging.bytes(payload.clone())),
        };
        let offset = self.end + header.start as u64;
        self.staging.bytes(header).copy_from_slice(&fields.to_bytes(self.epoch, offset));
        Ok(self.staging.bytes(payload))
    }

    /// Length of the group so far, in bytes.
    pub fn staged(&self) -> usize {
        self.staging.len()
    }

    /// Takes the last requests of the group back: all beyond this [length](Self::staged).
    pub fn unstage(&mut self, len: usize) {
        self.staging.truncate(len);
    }

    /// Appends the group, as [`append`](Self::append) does; it is empty then, and also after an error.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn append_staged(&mut self) -> Result<u64, WalError> {
        self.check()?;
        let grown = self.staging.len() as u64;
        if grown == 0 {
            return Ok(0);
        }
        if let Err(error) = self.staging.write(&self.file, self.end, self.is_direct) {
            if says_disk_full(&error) && self.cut_back().is_ok() {
                return Err(WalError::from_io("append to", &self.path, error));
            }
            return Err(self.poison("append to", error));
        }
        self.end += grown;
        Ok(grown)
    }

    /// Makes all appended records durable, whatever the mode. Does nothing if they are.
    ///
    /// # Errors
    ///
    /// [`WalError::Poisoned`]: the records since the last successful sync may be lost.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.check()?;
        if self.is_dirty() {
            self.file.sync_data().map_err(|error| self.poison("sync", error))?;
            self.durable_end = self.end;
        }
        self.unsynced_since = None;
        Ok(())
    }

    /// Syncs if the [`SyncMode`] wants it at this instant, and returns whether it did. To be called after each append,
    /// before the group is acknowledged, and at [`WalFile::next_sync`].
    ///
    /// # Errors
    ///
    /// [`WalError::Poisoned`], as [`WalFile::sync`].
    pub fn sync_if_due(&mut self, now: Instant) -> Result<bool, WalError> {
        self.check()?;
        if !self.is_dirty() {
            return Ok(false);
        }
        let since = *self.unsynced_since.get_or_insert(now);
        let due = match self.sync {
            SyncMode::Always => true,
            SyncMode::Interval(interval) => now.duration_since(since) >= interval,
            SyncMode::Never => false,
        };
        if due {
            self.sync()?;
        }
        Ok(due)
    }

    /// When [`WalFile::sync_if_due`] should be called at the latest; `None` if nothing waits for it.
    pub fn next_sync(&self) -> Option<Instant> {
        match self.sync {
            SyncMode::Interval(interval) => self.unsynced_since?.checked_add(interval),
            SyncMode::Always | SyncMode::Never => None,
        }
    }

    /// Makes all appended records durable and closes the file.
    ///
    /// # Errors
    ///
    /// [`WalError::Poisoned`], as [`WalFile::sync`].
    pub fn close(mut self) -> Result<(), WalError> {
        self.sync()
    }

    /// Does away with what was written of a refused group. Otherwise it would be replayed, if only behind a later, shorter
    /// group; and so it would if the cut were not synced before that group is written.
    fn cut_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.file.sync_data()?;
        (self.durable_end, self.unsynced_since) = (self.end, None);
        Ok(())
    }

    fn check(&self) -> Result<(), WalError> {
        self.poisoned.clone().map_or(Ok(()), Err)
    }

    fn poison(&mut self, operation: &'static str, error: io::Error) -> WalError {
        let error = WalError::poisoned(operation, &self.path, error);
        self.poisoned = Some(error.clone());
        error
    }
}

/// Writes the header of a log, and finds out whether the log can be written past the page cache.
fn write_header(file: &impl File, header: &[u8], staging: &mut Staging, sync: SyncMode) -> io::Result<bool> {
    // Otherwise a group would wait for the disk that need not.
    if sync == SyncMode::Always && file.set_direct(true).is_ok() {
        staging.push(header);
        match staging.write(file, 0, true) {
            Ok(()) => return Ok(true),
            // Some file systems take the flag, and then no write.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => file.set_direct(false)?,
            Err(error) => return Err(error),
        }
    }
    file.write_all_at(&mut [IoSlice::new(header)], 0)?;
    Ok(false)
}
