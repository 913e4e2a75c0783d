//! Positioned reads of a part's file.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

/// A file that any number of readers read at once. (The `parquet` crate's own `File` reader shares one file position.)
#[derive(Clone)]
pub(super) struct PartFile {
    file: Arc<File>,
    len: u64,
}

impl PartFile {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), len })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The checksum of everything from an offset on.
    pub(super) fn crc32c_from(&self, offset: u64) -> io::Result<u32> {
        let len = self.len.checked_sub(offset).ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(crc32c::crc32c(&bytes))
    }
}

impl Length for PartFile {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for PartFile {
    type T = io::BufReader<Positioned>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(io::BufReader::new(Positioned { file: Arc::clone(&self.file), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.into())
    }
}

/// A reader with a position of its own.
pub(super) struct Positioned {
    file: Arc<File>,
    position: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
