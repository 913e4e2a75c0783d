//! `figures.bin`: the figures of a part, at each resolution.
//!
//! ```text
//! magic "LWFIGS01" where the sections are compressed with zstd, "LWFIGS02" where they are not compressed
//! first and last bucket that it has figures of, in seconds since the Unix epoch: u64 each
//! for the keys, then each resolution, finest first: length of the section, length decompressed, CRC-32C of the section: u32 each; a coarser
//!   resolution that is not written has length 0, and is made of the finer one
//! CRC-32C of all above: u32
//! the sections; see `encode` for what is in them
//! ```
//! Numbers are little-endian.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::decode;
use super::encode::{Encoded, Encoder, KnownKeys};
use crate::QueryError;
use crate::embedded::part::{Codec, Disk};
use crate::topology::{FiguresQuery, Presence, Resolution, Totals};

pub(in super::super) const FIGURES_FILE: &str = "figures.bin";

const ZSTD_MAGIC: [u8; 8] = *b"LWFIGS01";
const PLAIN_MAGIC: [u8; 8] = *b"LWFIGS02";
/// Keys, and the rows of each resolution.
const SECTIONS: usize = 1 + Resolution::ALL.len();
const HEADER_LEN: usize = 8 + 2 * 8 + SECTIONS * 12 + 4;
/// A coarser resolution is written where it has so many times fewer sums than what is written of the finer ones; else it is made of those
/// when somebody asks. Of a few seconds or minutes it would say the same once more.
const MIN_SHRINKAGE: usize = 2;
const ZSTD_LEVEL: i32 = 3;

/// What was read, by file.
pub(in super::super) struct FiguresCache {
    totals: Cache<(u64, Resolution), Arc<Totals>, ByBytes>,
    // Apart, so that figures do not drive out what every trace that is shown needs.
    presence: Cache<u64, Arc<Presence>, ByBytes>,
}

impl FiguresCache {
    const TOTALS_BYTES: u64 = 16 << 20;
    const PRESENCE_BYTES: u64 = 1 << 20;
    /// Of each, about.
    const ENTRIES: usize = 256;

    pub(in super::super) fn new() -> Self {
        Self {
            totals: Cache::with_weighter(Self::ENTRIES, Self::TOTALS_BYTES, ByBytes),
            presence: Cache::with_weighter(Self::ENTRIES, Self::PRESENCE_BYTES, ByBytes),
        }
    }

    pub(in super::super) fn clear(&self) {
        self.totals.clear();
        self.presence.clear();
    }
}

/// About how many bytes decoded figures take.
#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<(u64, Resolution), Arc<Totals>> for ByBytes {
    fn weight(&self, _: &(u64, Resolution), totals: &Arc<Totals>) -> u64 {
        totals.memory_bytes() as u64
    }
}

impl Weighter<u64, Arc<Presence>> for ByBytes {
    fn weight(&self, _: &u64, presence: &Arc<Presence>) -> u64 {
        presence.memory_bytes() as u64
    }
}

/// An open file of figures.
#[derive(Debug)]
pub(in super::super) struct FiguresFile {
    // What the cache knows it by: no other file that this process opens has the same.
    number: u64,
    file: File,
    first_s: u64,
    last_s: u64,
    codec: Codec,
    sections: [Section; SECTIONS],
}

/// Encoded figures of the finest resolution.
pub(in super::super) struct Finest {
    pub(super) keys: Vec<u8>,
    pub(super) rows: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Section {
    offset: u64,
    len: u32,
    decompressed_len: u32,
    crc32c: u32,
}

/// What a file is made of.
pub(super) struct Content {
    codec: Codec,
    buckets_s: Option<(u64, u64)>,
    sections: Vec<EncodedSection>,
}

/// A section as it is written.
#[derive(Default)]
struct EncodedSection {
    content: Vec<u8>,
    decompressed_len: usize,
}

impl Content {
    /// Figures of the finest resolution, and coarser ones, compressed.
    pub(super) fn lasting(encoded: &Encoded) -> Result<Self, QueryError> {
        Ok(Self::compressed(&decode::decode(&encoded.keys, &encoded.rows).map_err(corrupt)?)?)
    }

    /// Figures of the finest resolution as they are, for a file that does not last.
    pub(super) fn plain(encoded: Encoded) -> Self {
        let section = |content: Vec<u8>| EncodedSection { decompressed_len: content.len(), content };
        let mut sections = vec![section(encoded.keys), section(encoded.rows)];
        sections.resize_with(SECTIONS, EncodedSection::default);
        Self { codec: Codec::Plain, buckets_s: encoded.buckets_s, sections }
    }

    /// Figures of the finest resolution, and coarser ones, compressed.
    pub(super) fn compressed(finest: &Totals) -> io::Result<Self> {
        let section = |bytes: &[u8]| -> io::Result<_> {
            let content = zstd::bulk::compress(bytes, ZSTD_LEVEL)?;
            Ok(EncodedSection { content, decompressed_len: bytes.len() })
        };
        let mut known = KnownKeys::default();
        let mut encoder = Encoder::new(&mut known);
        finest.visit(&mut encoder);
        let mut coarser = Vec::new();
        let mut last = None::<Totals>;
        for &resolution in &Resolution::ALL[1..] {
            let finer = last.as_ref().unwrap_or(finest);
            if finer.rows_at(resolution) * MIN_SHRINKAGE <= finer.rows() {
                let coarse = finer.at(resolution);
                coarser.push(section(&encoder.coarse_rows(&coarse))?);
                last = Some(coarse);
            } else {
                coarser.push(EncodedSection::default());
            }
        }
        let encoded = encoder.finish(&finest.presence);
        let mut sections = vec![section(&encoded.keys)?, section(&encoded.rows)?];
        sections.append(&mut coarser);
        Ok(Self { codec: Codec::Zstd, buckets_s: encoded.buckets_s, sections })
    }

    /// How many bytes it takes, without the header.
    pub(super) fn bytes(&self) -> usize {
        self.sections.iter().map(|section| section.content.len()).sum()
    }

    /// Writes it into the directory of a part, and syncs the file.
    pub(super) fn write(&self, disk: &Disk, dir: &Path) -> io::Result<()> {
        let magic = if self.codec == Codec::Plain { PLAIN_MAGIC } else { ZSTD_MAGIC };
        let mut header = magic.to_vec();
        // Buckets of coarser resolutions begin earlier.
        let first_s = self.buckets_s.map_or(u64::MAX, |(first_s, _)| Resolution::Hour.floor_s(first_s));
        header.extend(first_s.to_le_bytes());
        header.extend(self.buckets_s.map_or(0, |(_, last_s)| last_s).to_le_bytes());
        for EncodedSection { content, decompressed_len } in &self.sections {
            header.extend((content.len() as u32).to_le_bytes());
            header.extend((*decompressed_len as u32).to_le_bytes());
            header.extend(crc32c::crc32c(content).to_le_bytes());
        }
        header.extend(crc32c::crc32c(&header).to_le_bytes());
        let mut file = disk.create(&dir.join(FIGURES_FILE))?;
        file.write_all(&header)?;
        for section in &self.sections {
            file.write_all(&section.content)?;
        }
        file.sync_all()
    }
}

impl FiguresFile {
    /// Opens a file; `None` when there is none: parts of a version before figures have none.
    pub(in super::super) fn open(path: &Path) -> Result<Option<Self>, QueryError> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut header = [0; HEADER_LEN];
        read_exact(&file, &mut header, 0)?;
        let (fields, crc) = header.split_at(HEADER_LEN - 4);
        let codec = match fields.first_chunk() {
            Some(&ZSTD_MAGIC) => Codec::Zstd,
            Some(&PLAIN_MAGIC) => Codec::Plain,
            _ => return Err(corrupt("its header is damaged")),
        };
        if crc32c::crc32c(fields).to_le_bytes() != crc {
            return Err(corrupt("its header is damaged"));
        }
        let number = |at: usize, len: usize| {
            fields[at..at + len].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        let mut sections = [Section::default(); SECTIONS];
        let mut offset = HEADER_LEN as u64;
        for (section, at) in sections.iter_mut().zip((24..).step_by(12)) {
            let [len, decompressed_len, crc32c] = [at, at + 4, at + 8].map(|at| number(at, 4) as u32);
            *section = Section { offset, len, decompressed_len, crc32c };
            offset += u64::from(len);
        }
        if file.metadata()?.len() != offset {
            return Err(corrupt("it is cut"));
        }
        let (first_s, last_s) = (number(8, 8), number(16, 8));
        Ok(Some(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            file,
            first_s,
            last_s,
            codec,
            sections,
        }))
    }

    pub(in super::super) fn bytes(&self) -> Result<u64, QueryError> {
        Ok(self.file.metadata()?.len())
    }

    /// The last bucket that it has figures of, in seconds since the Unix epoch.
    pub(super) fn last_s(&self) -> u64 {
        self.last_s
    }

    /// Whether it may have something that a query asks for, or needs.
    pub(in super::super) fn may_have(&self, query: &FiguresQuery) -> bool {
        let window_ns = crate::topology::PRESENCE_WINDOW.as_nanos() as u64;
        let ns = |s: u64| s.saturating_mul(1_000_000_000);
        let first = query.range.start_unix_ns.saturating_sub(window_ns);
        // A bucket of an hour holds what comes after its start.
        self.first_s <= self.last_s
            && ns(self.first_s) <= query.range.end_unix_ns
            && first <= ns(self.last_s.saturating_add(u64::from(Resolution::Hour.seconds())))
    }

    /// Its figures at a resolution, out of the cache if they are there.
    pub(in super::super) fn totals(
        &self,
        resolution: Resolution,
        cache: &FiguresCache,
    ) -> Result<Arc<Totals>, QueryError> {
        cache.totals.get_or_insert_with(&(self.number, resolution), || Ok(Arc::new(self.read(resolution)?)))
    }

    /// Which lanes had instances, out of the cache if it is there.
    pub(in super::super) fn presence(&self, cache: &FiguresCache) -> Result<Arc<Presence>, QueryError> {
        cache.presence.get_or_insert_with(&self.number, || {
            let keys = self.section(0)?;
            Ok(Arc::new(decode::decode_presence(&keys).map_err(corrupt)?))
        })
    }

    /// Whether this text is part of a key, or was of one that was sealed shortly before.
    pub(in super::super) fn names(&self, text: &str) -> Result<bool, QueryError> {
        decode::is_named(&self.section(0)?, text).map_err(corrupt)
    }

    /// Its figures at a resolution.
    pub(in super::super) fn read(&self, resolution: Resolution) -> Result<Totals, QueryError> {
        let finer = Resolution::ALL.iter().rev().skip_while(|finer| **finer > resolution);
        // The finest is always there.
        let written = finer.copied().find(|&finer| self.sections[1 + finer as usize].len > 0);
        let written = written.unwrap_or(Resolution::FINEST);
        let (keys, rows) = (self.section(0)?, self.section(1 + written as usize)?);
        let totals = decode::decode(&keys, &rows).map_err(corrupt)?;
        Ok(if written == resolution { totals } else { totals.at(resolution) })
    }

    /// Its figures at the finest resolution, as they are encoded.
    pub(in super::super) fn finest(&self) -> Result<Finest, QueryError> {
        Ok(Finest { keys: self.section(0)?, rows: self.section(1 + Resolution::FINEST as usize)? })
    }

    fn section(&self, number: usize) -> Result<Vec<u8>, QueryError> {
        let section = self.sections[number];
        let mut bytes = vec![0; section.len as usize];
        read_exact(&self.file, &mut bytes, section.offset)?;
        let len = section.decompressed_len as usize;
        if crc32c::crc32c(&bytes) != section.crc32c {
            return Err(corrupt("a checksum does not match"));
        }
        self.codec.decompress(bytes, len)
    }
}

fn read_exact(file: &File, bytes: &mut [u8], offset: u64) -> Result<(), QueryError> {
    file.read_exact_at(bytes, offset).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => corrupt("it ends too early"),
        _ => error.into(),
    })
}

pub(super) fn corrupt(problem: impl std::fmt::Display) -> QueryError {
    QueryError::Corrupt(format!("a file of figures: {problem}"))
}
