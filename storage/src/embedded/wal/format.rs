//! The bytes of headers. The layout is described at the [parent module](super).

use crate::store::Compression;

/// Longest payload of a record, in bytes: 64 MiB. It bounds the memory that replay needs.
pub const MAX_PAYLOAD_BYTES: usize = 64 /* MiB */ * 1024 * 1024;

pub(super) const VERSION: u32 = 1;
/// Where the copies of the file header stand: in different blocks of any disk.
pub(super) const FILE_HEADER_OFFSETS: [usize; 2] = [0, 4096];
/// Where the first record stands.
pub(super) const FIRST_RECORD: u64 = 8192;
pub(super) const FILE_HEADER_BYTES: usize = 36;
pub(super) const RECORD_HEADER_BYTES: usize = 32;

const MAGIC: [u8; 8] = *b"LNWYWAL\n";

/// The header of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub(super) version: u32,
    pub(super) segment: u64,
    pub(super) epoch: u64,
}

impl FileHeader {
    /// Both copies and the zeros around them.
    pub(super) fn to_blocks(self) -> Vec<u8> {
        let mut header = [0; FILE_HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&self.version.to_le_bytes());
        header[16..24].copy_from_slice(&self.segment.to_le_bytes());
        header[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        let crc = crc32c::crc32c(&header[..32]);
        header[32..].copy_from_slice(&crc.to_le_bytes());

        let mut blocks = vec![0; FIRST_RECORD as usize];
        for offset in FILE_HEADER_OFFSETS {
            blocks[offset..offset + FILE_HEADER_BYTES].copy_from_slice(&header);
        }
        blocks
    }

    /// The header that begins these bytes, if it is whole. Its version may be unknown.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; FILE_HEADER_BYTES] = bytes.first_chunk()?;
        let whole = header[..8] == MAGIC && crc32c::crc32c(&header[..32]) == u32_at(header, 32);
        whole.then(|| Self {
            version: u32_at(header, 8),
            segment: u64_at(header, 16),
            epoch: u64_at(header, 24),
        })
    }
}

/// What all records of a file begin with.
pub(super) fn marker(epoch: u64) -> [u8; 4] {
    (epoch as u32).to_le_bytes()
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) len: u32,
    pub(super) uncompressed_len: u32,
    pub(super) compression: Option<Compression>,
    pub(super) durable_end: u64,
    pub(super) payload_crc: u32,
}

impl RecordHeader {
    /// The bytes of the header, for a record at this offset.
    pub(super) fn to_bytes(self, epoch: u64, offset: u64) -> [u8; RECORD_HEADER_BYTES] {
        let mut header = [0; RECORD_HEADER_BYTES];
        header[..4].copy_from_slice(&marker(epoch));
        header[4..8].copy_from_slice(&self.len.to_le_bytes());
        header[8..12].copy_from_slice(&self.uncompressed_len.to_le_bytes());
        header[12] = match self.compression {
            None => 1,
            Some(Compression::Gzip) => 2,
            Some(Compression::Zstd) => 3,
        };
        header[16..24].copy_from_slice(&self.durable_end.to_le_bytes());
        header[24..28].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = header_crc(&header, epoch, offset);
        header[28..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// The header that begins these bytes, if it is whole and was written at this offset under this epoch.
    pub(super) fn parse(bytes: &[u8], epoch: u64, offset: u64) -> Option<Self> {
        let header: &[u8; RECORD_HEADER_BYTES] = bytes.first_chunk()?;
        if header[..4] != marker(epoch) || header_crc(header, epoch, offset) != u32_at(header, 28) {
            return None;
        }
        let compression = match header[12] {
            1 => None,
            2 => Some(Compression::Gzip),
            3 => Some(Compression::Zstd),
            _ => return None,
        };
        let header = Self {
            len: u32_at(header, 4),
            uncompressed_len: u32_at(header, 8),
            compression,
            durable_end: u64_at(header, 16),
            payload_crc: u32_at(header, 24),
        };
        (header.len as usize <= MAX_PAYLOAD_BYTES).then_some(header)
    }

    /// Length of the record, with its header.
    pub(super) fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.len)
    }
}

fn header_crc(header: &[u8; RECORD_HEADER_BYTES], epoch: u64, offset: u64) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&epoch.to_le_bytes());
    place[8..].copy_from_slice(&offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), &header[..28])
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(field)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(field)
}
