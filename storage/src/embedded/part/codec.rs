//! How pages are compressed.

use std::cell::RefCell;
use std::io;

use parquet::basic::{Compression, ZstdLevel};

use super::corrupt;
use crate::QueryError;

/// zstd's fastest level of good ratio: a higher one saves 2 % and costs twice the time.
pub(super) const ZSTD_LEVEL: i32 = 1;
/// Finds long repetitions that are further apart.
const DENSE_ZSTD_LEVEL: i32 = 3;
/// A section or page that claims to be larger than this when decompressed is damaged.
const MAX_DECOMPRESSED: usize = 1 << 30;

/// What the pages of a column are compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Codec {
    /// Parquet's UNCOMPRESSED.
    Plain,
    /// Parquet's LZ4_RAW: a block without a frame. Format 4 had it in sealed segments.
    Lz4,
    /// Parquet's ZSTD.
    Zstd,
}

impl Codec {
    /// What stands for it in a page index, in bits 0 and 2; bit 1 is another's.
    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Zstd => 1,
            Self::Lz4 => 4,
        }
    }

    pub(super) fn from_bits(bits: u8) -> Option<Self> {
        [Self::Plain, Self::Zstd, Self::Lz4].into_iter().find(|codec| codec.bits() == bits & 0b101)
    }

    pub(super) fn parquet(self) -> Compression {
        match self {
            Self::Plain => Compression::UNCOMPRESSED,
            Self::Lz4 => Compression::LZ4_RAW,
            Self::Zstd => Compression::ZSTD(ZstdLevel::default()),
        }
    }

    /// Decompresses bytes of a known decompressed length.
    pub(in super::super) fn decompress(self, compressed: Vec<u8>, len: usize) -> Result<Vec<u8>, QueryError> {
        if len > MAX_DECOMPRESSED {
            return Err(corrupt("something claims to be larger than a GiB when decompressed"));
        }
        let bytes = match self {
            Self::Plain => compressed,
            Self::Lz4 => lz4_flex::block::decompress(&compressed, len).map_err(corrupt)?,
            Self::Zstd => unzstd(&compressed, len)?,
        };
        if bytes.len() == len { Ok(bytes) } else { Err(corrupt("a decompressed length does not match")) }
    }
}

fn unzstd(compressed: &[u8], len: usize) -> Result<Vec<u8>, QueryError> {
    thread_local! {
        // A context is 130 KB and dear to set up; a page decompresses in microseconds.
        static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            None => decompressor.insert(zstd::bulk::Decompressor::new()?),
        };
        decompressor.decompress(compressed, len).map_err(corrupt)
    })
}

/// Compressors of what parts hold.
pub(super) struct Compressors {
    /// Of nearly everything.
    pub(super) fast: Compressor,
    /// Of encoded messages: few spans have some, and their long texts are alike.
    pub(super) dense: Compressor,
}

/// What zstd keeps from page to page.
pub(super) type Compressor = zstd::bulk::Compressor<'static>;

impl Compressors {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { fast: Compressor::new(ZSTD_LEVEL)?, dense: Compressor::new(DENSE_ZSTD_LEVEL)? })
    }
}
