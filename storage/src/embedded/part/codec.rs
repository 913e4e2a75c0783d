//! How pages are compressed.

use std::cell::RefCell;
use std::io;

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use parquet::basic::{Compression, ZstdLevel};

use super::corrupt;
use crate::QueryError;

/// zstd's fastest level of good ratio: a higher one saves 2 % and costs twice the time.
pub(super) const ZSTD_LEVEL: i32 = 1;
/// Finds long repetitions that are further apart.
const DENSE_ZSTD_LEVEL: i32 = 3;
/// A section or page that claims to be larger than this when decompressed is damaged.
const MAX_DECOMPRESSED: usize = 1 << 30;
/// Longer input needs places of more than 16 bits.
const MAX_SMALL_LZ4: usize = u16::MAX as usize;

/// What the pages of a column are compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Codec {
    /// Parquet's UNCOMPRESSED.
    Plain,
    /// Parquet's LZ4_RAW: a block without a frame.
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

/// What a compressor keeps from page to page.
pub(super) enum Compressor {
    Lz4(Lz4),
    Zstd(zstd::bulk::Compressor<'static>),
}

/// Tables for short and for long pages, and a buffer for the longest that can come out.
pub(super) struct Lz4 {
    small: CompressTable,
    large: CompressTable,
    out: Vec<u8>,
}

impl Compressor {
    /// LZ4, or zstd of a level.
    pub(super) fn new(effort: Effort, zstd_level: i32) -> io::Result<Self> {
        Ok(match effort {
            Effort::Little => Self::Lz4(Lz4 {
                small: CompressTable::small(),
                large: CompressTable::large(),
                out: Vec::new(),
            }),
            Effort::Full => Self::Zstd(zstd::bulk::Compressor::new(zstd_level)?),
        })
    }

    pub(super) fn codec(&self) -> Codec {
        match self {
            Self::Lz4(_) => Codec::Lz4,
            Self::Zstd(_) => Codec::Zstd,
        }
    }

    pub(super) fn compress(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Zstd(compressor) => compressor.compress(bytes),
            Self::Lz4(Lz4 { small, large, out }) => {
                let table = if bytes.len() < MAX_SMALL_LZ4 { small } else { large };
                let most = get_maximum_output_size(bytes.len());
                if out.len() < most {
                    out.resize(most, 0);
                }
                let len = compress_into_with_table(bytes, out, table).map_err(io::Error::other)?;
                Ok(out[..len].to_vec())
            }
        }
    }
}

/// How much a part is compressed, and how finely indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Effort {
    /// Little, for a part that will soon be merged: with LZ4 instead of zstd, writing it takes a sixth less time, and for minutes there are a
    /// third more bytes (the bench `seal`).
    Little,
    /// As much as is worth its time, for a part that stays.
    Full,
}

/// Compressors of what parts hold.
pub(super) struct Compressors {
    pub(super) effort: Effort,
    /// Of nearly everything.
    pub(super) fast: Compressor,
    /// Of encoded messages: few spans have some, and their long texts are alike.
    pub(super) dense: Compressor,
}

impl Compressors {
    pub(super) fn new(effort: Effort) -> io::Result<Self> {
        let of_level = |level| Compressor::new(effort, level);
        Ok(Self { effort, fast: of_level(ZSTD_LEVEL)?, dense: of_level(DENSE_ZSTD_LEVEL)? })
    }
}
