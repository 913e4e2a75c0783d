//! Reading a log back.

use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use memchr::memmem;

use super::WalError;
use super::format::{
    FILE_HEADER_BYTES, FILE_HEADER_OFFSETS, FIRST_RECORD, FileHeader, RECORD_HEADER_BYTES, RecordHeader,
    VERSION, marker,
};
use super::fs::{File, Fs, OsFs};
use crate::store::Compression;

/// A request that was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRecord {
    /// How `payload` is compressed; `None` where it is not.
    pub compression: Option<Compression>,
    /// Length of the payload when decompressed, as it was stated when it was appended.
    pub uncompressed_len: u32,
    /// The request as received. It shares a buffer with its neighbours: keep it shortly, or copy it.
    pub payload: Bytes,
}

/// Records that had been durable and cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// How many places of the file are damaged. Each holds one record or more.
    pub places: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// Where the first of them begins.
    pub first_offset: Option<u64>,
}

/// What a log was found to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayEnd {
    /// Records that were read.
    pub records: u64,
    /// Their bytes, with their headers.
    pub valid_bytes: u64,
    /// Bytes at the end that were appended but never synced, and are not whole: what a power cut leaves behind.
    pub cut_bytes: u64,
    /// Whole records among these, which were not read either because what came before them is missing.
    pub cut_records: u64,
    /// Damage to what had been synced. Not zero means that acknowledged spans are lost.
    pub corrupt: Damage,
}

/// An iterator over the records of a log, in the order in which they were appended.
///
/// Damaged records are left out and counted; see [`Replay::end`]. It reads through a window of a few MiB, or of one record
/// where that is longer. After an error it ends.
#[derive(Debug)]
pub struct Replay<F: Fs = OsFs> {
    log: Window<F::File>,
    path: PathBuf,
    /// `None` for an empty log that never got a header.
    epoch: Option<u64>,
    offset: u64,
    ended: bool,
    end: ReplayEnd,
}

impl<F: Fs> Replay<F> {
    pub(super) fn begin(file: F::File, path: PathBuf, segment: u64) -> Result<Self, WalError> {
        let len = file.size().map_err(|error| WalError::from_io("read", &path, error))?;
        let log = Window { file, len, start: 0, bytes: Bytes::new() };
        let mut this =
            Self { log, path, epoch: None, offset: FIRST_RECORD, ended: false, end: ReplayEnd::default() };
        this.epoch = this.read_header(segment)?.map(|header| header.epoch);
        this.ended = this.epoch.is_none();
        Ok(this)
    }

    /// What was found so far; complete when the iterator has ended.
    pub fn end(&self) -> ReplayEnd {
        self.end
    }

    fn read_header(&mut self, segment: u64) -> Result<Option<FileHeader>, WalError> {
        let mut other = None;
        for offset in FILE_HEADER_OFFSETS {
            match FileHeader::parse(&self.peek(offset as u64, FILE_HEADER_BYTES)?) {
                Some(header) if header.segment == segment && header.version == VERSION => {
                    return Ok(Some(header));
                }
                Some(header) => other = Some(header),
                None => {}
            }
        }
        let path = self.path.clone();
        match other {
            Some(FileHeader { version, .. }) if version != VERSION => {
                Err(WalError::UnknownVersion { path, version, supported: VERSION })
            }
            Some(header) => Err(WalError::WrongSegment { path, found: header.segment }),
            None if self.is_zero_from(FIRST_RECORD)? => Ok(None),
            None => Err(WalError::BadHeader { path }),
        }
    }

    fn is_zero_from(&mut self, mut offset: u64) -> Result<bool, WalError> {
        loop {
            let bytes = self.peek_window(offset)?;
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += bytes.len() as u64;
        }
    }

    fn advance(&mut self, epoch: u64) -> Result<Option<ReplayRecord>, WalError> {
        loop {
            let header = self.header_at(self.offset, epoch)?;
            if let Some(header) = header
                && let Some(payload) = self.payload_at(self.offset, &header)?
            {
                self.offset += header.record_bytes();
                self.end.records += 1;
                self.end.valid_bytes += header.record_bytes();
                let RecordHeader { compression, uncompressed_len, .. } = header;
                return Ok(Some(ReplayRecord { compression, uncompressed_len, payload }));
            }
            let Some(next) = self.look_beyond(header, epoch)? else { return Ok(None) };
            self.end.corrupt.places += 1;
            self.end.corrupt.bytes += next - self.offset;
            self.end.corrupt.first_offset.get_or_insert(self.offset);
            self.offset = next;
        }
    }

    /// No whole record stands at the offset. Returns where to go on if what stood there had been synced; otherwise the
    /// log ends there.
    fn look_beyond(&mut self, broken: Option<RecordHeader>, epoch: u64) -> Result<Option<u64>, WalError> {
        let broken_end = match broken {
            Some(header) => self.offset.saturating_add(header.record_bytes()).min(self.log.len),
            None => self.remains_at(self.offset, epoch)?,
        };
        let mut resume = None;
        let mut cut_end = broken_end;
        // A whole header vouches for its length, so the search can step over its payload.
        let mut from = if broken.is_some() { broken_end } else { self.offset + 1 };
        while let Some((offset, header)) = self.find_header(from, epoch)? {
            let first = *resume.get_or_insert(offset);
            if header.durable_end > self.offset {
                return Ok(Some(first));
            }
            from = offset.saturating_add(header.record_bytes());
            cut_end = from.min(self.log.len);
            self.end.cut_records += u64::from(self.payload_at(offset, &header)?.is_some());
        }
        self.end.cut_bytes = cut_end - self.offset;
        Ok(None)
    }

    /// Where the remains of a record end whose header is not whole, as far as that can be told: what is in the file behind
    /// it may be zeros, or of an earlier life.
    fn remains_at(&mut self, offset: u64, epoch: u64) -> Result<u64, WalError> {
        let bytes = self.peek(offset, RECORD_HEADER_BYTES)?;
        let at_end_of_file = bytes.len() < RECORD_HEADER_BYTES;
        let begun =
            bytes.starts_with(&marker(epoch)) || (at_end_of_file && bytes.iter().any(|byte| *byte != 0));
        Ok(if begun { offset + bytes.len() as u64 } else { offset })
    }

    /// The first whole header at or behind an offset.
    fn find_header(&mut self, mut from: u64, epoch: u64) -> Result<Option<(u64, RecordHeader)>, WalError> {
        let finder = memmem::Finder::new(&marker(epoch)).into_owned();
        loop {
            let bytes = self.peek_window(from)?;
            if bytes.len() < RECORD_HEADER_BYTES {
                return Ok(None);
            }
            for position in finder.find_iter(&bytes) {
                let offset = from + position as u64;
                if let Some(header) = RecordHeader::parse(&bytes[position..], epoch, offset) {
                    return Ok(Some((offset, header)));
                }
            }
            // A header may straddle the end of the window.
            from += (bytes.len() - (RECORD_HEADER_BYTES - 1)) as u64;
        }
    }

    fn header_at(&mut self, offset: u64, epoch: u64) -> Result<Option<RecordHeader>, WalError> {
        Ok(RecordHeader::parse(&self.peek(offset, RECORD_HEADER_BYTES)?, epoch, offset))
    }

    /// The payload of a record, if it is whole.
    fn payload_at(&mut self, offset: u64, header: &RecordHeader) -> Result<Option<Bytes>, WalError> {
        let payload = self.peek(offset + RECORD_HEADER_BYTES as u64, header.len as usize)?;
        let whole = payload.len() == header.len as usize && crc32c::crc32c(&payload) == header.payload_crc;
        Ok(whole.then_some(payload))
    }

    fn peek(&mut self, offset: u64, len: usize) -> Result<Bytes, WalError> {
        self.log.peek(offset, len).map_err(|error| WalError::from_io("read", &self.path, error))
    }

    fn peek_window(&mut self, offset: u64) -> Result<Bytes, WalError> {
        let len = self.log.loaded_from(offset);
        self.peek(offset, if len < RECORD_HEADER_BYTES { WINDOW_BYTES } else { len })
    }

    fn report(&self) {
        let path = self.path.display();
        let ReplayEnd { records, cut_bytes, cut_records, corrupt, .. } = self.end;
        if corrupt.places > 0 {
            tracing::error!(
                %path, records, corrupt.places, corrupt.bytes, corrupt.first_offset,
                "write-ahead log is damaged: acknowledged spans are lost"
            );
        }
        if cut_bytes > 0 {
            tracing::warn!(%path, records, cut_bytes, cut_records, "cut the unsynced end of a write-ahead log");
        }
    }
}

impl<F: Fs> Iterator for Replay<F> {
    type Item = Result<ReplayRecord, WalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let epoch = self.epoch.filter(|_| !self.ended)?;
        let next = self.advance(epoch).transpose();
        if !matches!(next, Some(Ok(_))) {
            self.ended = true;
            self.report();
        }
        next
    }
}

/// How much is read at once, in bytes.
const WINDOW_BYTES: usize = 4 /* MiB */ * 1024 * 1024;

/// A file that is read mostly forward, in large pieces.
#[derive(Debug)]
struct Window<F> {
    file: F,
    /// Length of the file.
    len: u64,
    /// Where `bytes` begin.
    start: u64,
    bytes: Bytes,
}

impl<F: File> Window<F> {
    /// How many bytes from an offset on can be had without reading.
    fn loaded_from(&self, offset: u64) -> usize {
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start { 0 } else { end.saturating_sub(offset) as usize }
    }

    /// `len` bytes at an offset, fewer where the file ends.
    fn peek(&mut self, offset: u64, len: usize) -> std::io::Result<Bytes> {
        let rest = self.len.saturating_sub(offset);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(len);
        let within = |start: u64, bytes: &Bytes| {
            let from = usize::try_from(offset.checked_sub(start)?).ok()?;
            let to = from.checked_add(len)?;
            (to <= bytes.len()).then(|| bytes.slice(from..to))
        };
        if let Some(bytes) = within(self.start, &self.bytes) {
            return Ok(bytes);
        }
        let load = usize::try_from(rest).unwrap_or(usize::MAX).min(len.max(WINDOW_BYTES));
        // The old buffer serves again if no record of it is in use.
        let mut buffer = std::mem::take(&mut self.bytes).try_into_mut().unwrap_or_default();
        if buffer.capacity() < load {
            buffer = BytesMut::zeroed(load);
        }
        buffer.resize(load, 0);
        self.file.read_exact_at(&mut buffer, offset)?;
        (self.start, self.bytes) = (offset, buffer.freeze());
        Ok(self.bytes.slice(..len))
    }
}
