//! The files of a part: positioned, checked reads; synced writes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::codec::{Codec, Compressor, ZSTD_LEVEL};
use super::corrupt;
use super::disk::{Disk, NewFile};
use super::meta::Section;
use crate::QueryError;

/// Is set in the length of a section that is compressed with LZ4, as format 4 did in sealed segments.
const LZ4_SECTION: u32 = 1 << 31;

/// A file of a part, read by any number of threads at once.
#[derive(Debug)]
pub(super) struct PartFile {
    file: File,
}

impl PartFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)? })
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Whether it ends as a Parquet file does: a cut one does not.
    pub(super) fn is_whole_parquet(&self) -> Result<bool, QueryError> {
        let mut end = [0; 4];
        let len = self.len()?;
        if len < 12 {
            return Ok(false);
        }
        self.read(len - 4, &mut end)?;
        Ok(end == *b"PAR1")
    }

    /// Reads bytes of which nothing more is known.
    pub(super) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), QueryError> {
        self.file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => corrupt("a file ends too early"),
            _ => error.into(),
        })
    }

    /// Reads bytes with a checksum.
    pub(super) fn read_checked(&self, offset: u64, len: usize, crc: u32) -> Result<Vec<u8>, QueryError> {
        let mut bytes = vec![0; len];
        self.read(offset, &mut bytes)?;
        if crc32c::crc32c(&bytes) == crc { Ok(bytes) } else { Err(corrupt("a checksum does not match")) }
    }

    /// Reads a section that [`IndexWriter::compressed`] wrote.
    pub(super) fn section(&self, section: Section) -> Result<Vec<u8>, QueryError> {
        let mut bytes = self.read_checked(section.offset, section.len, section.crc32c)?;
        let len = *bytes.first_chunk().ok_or_else(|| corrupt("a section is cut"))?;
        let (len, compressed) = (u32::from_le_bytes(len), bytes.split_off(size_of_val(&len)));
        let codec = if len & LZ4_SECTION == 0 { Codec::Zstd } else { Codec::Lz4 };
        codec.decompress(compressed, (len & !LZ4_SECTION) as usize)
    }

    /// Reads a section that [`IndexWriter::raw`] wrote.
    pub(super) fn raw_section(&self, section: Section) -> Result<Vec<u8>, QueryError> {
        self.read_checked(section.offset, section.len, section.crc32c)
    }
}

/// Writes `part.idx`, section by section.
pub(super) struct IndexWriter {
    file: BufWriter<NewFile>,
    offset: u64,
    compressor: Compressor,
}

impl IndexWriter {
    pub(super) fn create(disk: &Disk, path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(disk.create(path)?),
            offset: 0,
            compressor: Compressor::new(ZSTD_LEVEL)?,
        })
    }

    /// Writes a section as it is: pieces of it can be read.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<Section> {
        self.file.write_all(bytes)?;
        let section = Section { offset: self.offset, len: bytes.len(), crc32c: crc32c::crc32c(bytes) };
        self.offset += bytes.len() as u64;
        Ok(section)
    }

    /// Writes a section that is read as a whole: its length of four bytes, then its content.
    pub(super) fn compressed(&mut self, bytes: &[u8]) -> io::Result<Section> {
        let mut section = (bytes.len() as u32).to_le_bytes().to_vec();
        section.extend(self.compressor.compress(bytes)?);
        self.raw(&section)
    }

    /// Makes everything durable.
    pub(super) fn finish(self) -> io::Result<()> {
        self.file.into_inner()?.sync_all()
    }
}
