//! The files of a part: positioned, checked reads; synced writes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::corrupt;
use super::disk::{Disk, NewFile};
use super::meta::Section;
use crate::QueryError;

/// zstd's fastest level of good ratio: a higher one saves 2 % and costs twice the time.
const ZSTD_LEVEL: i32 = 1;
/// Finds long repetitions that are further apart.
const DENSE_ZSTD_LEVEL: i32 = 3;
/// A section or page that claims to be larger than this when decompressed is damaged.
const MAX_DECOMPRESSED: usize = 1 << 30;

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
        let bytes = self.read_checked(section.offset, section.len, section.crc32c)?;
        let (len, compressed) = bytes.split_first_chunk().ok_or_else(|| corrupt("a section is cut"))?;
        decompress(compressed, u32::from_le_bytes(*len) as usize)
    }

    /// Reads a section that [`IndexWriter::raw`] wrote.
    pub(super) fn raw_section(&self, section: Section) -> Result<Vec<u8>, QueryError> {
        self.read_checked(section.offset, section.len, section.crc32c)
    }
}

/// Decompresses bytes of a known decompressed length.
pub(super) fn decompress(compressed: &[u8], len: usize) -> Result<Vec<u8>, QueryError> {
    thread_local! {
        // A context is 130 KB and dear to set up; a page decompresses in microseconds.
        static DECOMPRESSOR: std::cell::RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { std::cell::RefCell::new(None) };
    }
    if len > MAX_DECOMPRESSED {
        return Err(corrupt("something claims to be larger than a GiB when decompressed"));
    }
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            None => decompressor.insert(zstd::bulk::Decompressor::new()?),
        };
        let bytes = decompressor.decompress(compressed, len).map_err(corrupt)?;
        if bytes.len() == len { Ok(bytes) } else { Err(corrupt("a decompressed length does not match")) }
    })
}

/// Compressors of what parts hold.
pub(super) struct Compressors {
    /// Of nearly everything.
    pub(super) fast: zstd::bulk::Compressor<'static>,
    /// Of encoded messages: few spans have some, and their long texts are alike.
    pub(super) dense: zstd::bulk::Compressor<'static>,
}

impl Compressors {
    pub(super) fn new() -> io::Result<Self> {
        let of_level = zstd::bulk::Compressor::new;
        Ok(Self { fast: of_level(ZSTD_LEVEL)?, dense: of_level(DENSE_ZSTD_LEVEL)? })
    }
}

/// Writes `part.idx`, section by section.
pub(super) struct IndexWriter {
    file: BufWriter<NewFile>,
    offset: u64,
    compressor: zstd::bulk::Compressor<'static>,
}

impl IndexWriter {
    pub(super) fn create(disk: &Disk, path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(disk.create(path)?),
            offset: 0,
            compressor: zstd::bulk::Compressor::new(ZSTD_LEVEL)?,
        })
    }

    /// Writes a section as it is: pieces of it can be read.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> io::Result<Section> {
        self.file.write_all(bytes)?;
        let section = Section { offset: self.offset, len: bytes.len(), crc32c: crc32c::crc32c(bytes) };
        self.offset += bytes.len() as u64;
        Ok(section)
    }

    /// Writes a section that is read as a whole: its length of four bytes, then zstd.
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
