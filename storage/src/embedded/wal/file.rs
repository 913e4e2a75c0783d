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
    /// Kept from group to group to save allocations.
    headers: Vec<[u8; RECORD_HEADER_BYTES]>,
    /// What the file is written from where it is written past the page cache.
    staging: Option<Staging>,
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
        let staging = write_header(&file, &header, sync)
            .and_then(|staging| file.sync_data().map(|()| staging))
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
            headers: Vec::new(),
            staging,
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
        self.check()?;
        if let Some(record) = group.iter().find(|record| record.payload.len() > MAX_PAYLOAD_BYTES) {
            return Err(WalError::PayloadTooLarge { bytes: record.payload.len(), limit: MAX_PAYLOAD_BYTES });
        }
        self.headers.clear();
        let mut offset = self.end;
        for record in group {
            let header = RecordHeader {
                len: record.payload.len() as u32,
                uncompressed_len: record.uncompressed_len,
                compression: record.compression,
                durable_end: self.durable_end,
                payload_crc: crc32c::crc32c(record.payload),
            };
            self.headers.push(header.to_bytes(self.epoch, offset));
            offset += header.record_bytes();
        }
        let parts = self.headers.iter().zip(group).flat_map(|(header, record)| [&header[..], record.payload]);
        let written = match &mut self.staging {
            Some(staging) => staging.append(&self.file, self.end, parts),
            // Vectored, from where the payloads lie: a copy into one buffer first costs more.
            None => self.file.write_all_at(&mut parts.map(IoSlice::new).collect::<Vec<_>>(), self.end),
        };
        if let Err(error) = written {
            if says_disk_full(&error) && self.cut_back().is_ok() {
                return Err(WalError::from_io("append to", &self.path, error));
            }
            return Err(self.poison("append to", error));
        }
        let grown = offset - self.end;
        self.end = offset;
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
fn write_header(file: &impl File, header: &[u8], sync: SyncMode) -> io::Result<Option<Staging>> {
    // Otherwise a group would wait for the disk that need not.
    if sync == SyncMode::Always && file.set_direct(true).is_ok() {
        let mut staging = Staging::new();
        match staging.append(file, 0, std::iter::once(header)) {
            Ok(()) => return Ok(Some(staging)),
            // Some file systems take the flag, and then no write.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => file.set_direct(false)?,
            Err(error) => return Err(error),
        }
    }
    file.write_all_at(&mut [IoSlice::new(header)], 0)?;
    Ok(None)
}
