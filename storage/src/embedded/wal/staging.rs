//! Writing past the page cache.
//!
//! A log is written once and read only after a crash, so a copy of it in the page cache is of no use, and making that copy costs
//! more CPU time than everything else that a log costs. The price of doing without: writes consist of whole blocks,
//! from aligned memory. The last block is written again with the next group, its durable bytes unchanged; disks write sectors
//! whole or not at all, and the page cache would write the same block again, too.

use std::io::{self, IoSlice};

use super::fs::File;

/// Of writes and of memory, in bytes: what every disk and file system is content with.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Most that is written in one call.
const BUFFER_BYTES: usize = 2 /* MiB */ * 1024 * 1024;

/// The aligned buffer that a file is written from, append after append.
pub(super) struct Staging {
    memory: Vec<u8>,
    /// Where the aligned part of `memory` begins.
    start: usize,
    /// How much of the file's last block is filled; that much of it stands at the front of the buffer.
    tail: usize,
}

impl Staging {
    /// For a file that is filled up to the end of a block.
    pub(super) fn new() -> Self {
        let memory = vec![0; BUFFER_BYTES + BLOCK_BYTES];
        let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        Self { memory, start, tail: 0 }
    }

    /// Writes these bytes at the end of the file, which is at `end`, and zeros up to the end of the block.
    ///
    /// After an error nothing has changed, as far as the next call is concerned.
    pub(super) fn append<'a>(
        &mut self,
        file: &impl File,
        end: u64,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<()> {
        let mut tail = [0; BLOCK_BYTES];
        tail.copy_from_slice(&self.buffer()[..BLOCK_BYTES]);
        let written = self.write(file, end, parts);
        match written {
            Ok(filled) => {
                let last_block = filled - filled % BLOCK_BYTES;
                self.buffer().copy_within(last_block..filled, 0);
                self.tail = filled - last_block;
            }
            Err(_) => self.buffer()[..BLOCK_BYTES].copy_from_slice(&tail),
        }
        written.map(drop)
    }

    /// Returns how much of the buffer was filled when it was last written.
    fn write<'a>(
        &mut self,
        file: &impl File,
        end: u64,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> io::Result<usize> {
        let mut filled = self.tail;
        let mut offset = end - filled as u64;
        let buffer = self.buffer();
        for mut part in parts {
            while !part.is_empty() {
                if filled == buffer.len() {
                    file.write_all_at(&mut [IoSlice::new(buffer)], offset)?;
                    (offset, filled) = (offset + buffer.len() as u64, 0);
                }
                let (now, later) = part.split_at(part.len().min(buffer.len() - filled));
                buffer[filled..filled + now.len()].copy_from_slice(now);
                (part, filled) = (later, filled + now.len());
            }
        }
        let padded = filled.next_multiple_of(BLOCK_BYTES);
        buffer[filled..padded].fill(0);
        file.write_all_at(&mut [IoSlice::new(&buffer[..padded])], offset)?;
        Ok(filled)
    }

    fn buffer(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + BUFFER_BYTES]
    }
}

impl std::fmt::Debug for Staging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staging").field("tail", &self.tail).finish_non_exhaustive()
    }
}
