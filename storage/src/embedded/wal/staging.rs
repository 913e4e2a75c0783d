//! Where a group is put together before it is written, all of it in one piece.
//!
//! It is written past the page cache where the file system can: a log is written once and read only after a crash, so a copy of it in the page
//! cache is of no use, and making that copy costs more CPU time than everything else that a log costs. The price of doing without: writes
//! consist of whole blocks, from aligned memory. The last block is written again with the next group, its durable bytes
//! unchanged; disks write sectors whole or not at all, and the page cache would write the same block again, too.

use std::io::{self, IoSlice};
use std::ops::Range;

use super::fs::File;

/// Of writes and of memory, in bytes: what every disk and file system is content with.
pub(super) const BLOCK_BYTES: usize = 4096;
/// What there is room for at first: little, for a log that nothing is written to should cost nothing.
const MIN_ROOM_BYTES: usize = 64 /* KiB */ * 1024;
/// Room beyond this is given back when a group is written.
const MAX_KEPT_ROOM_BYTES: usize = 8 /* MiB */ * 1024 * 1024;

/// Aligned memory for a group of records.
pub(super) struct Staging {
    memory: Vec<u8>,
    /// Where the aligned part of `memory` begins.
    start: usize,
    /// How much of it, from there on, is what the last block of the file is filled with.
    tail: usize,
    /// How much is filled, from there on.
    filled: usize,
}

impl Staging {
    /// For a file that is filled up to the end of a block.
    pub(super) fn new() -> Self {
        let (memory, start) = aligned(MIN_ROOM_BYTES);
        Self { memory, start, tail: 0, filled: 0 }
    }

    /// Bytes of the group so far.
    pub(super) fn len(&self) -> usize {
        self.filled - self.tail
    }

    /// Adds to the group, and returns where in it that is.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Range<usize> {
        let from = self.len();
        self.reserve(bytes.len());
        let at = self.start + self.filled;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        from..self.len()
    }

    /// Bytes of the group.
    pub(super) fn bytes(&mut self, range: Range<usize>) -> &mut [u8] {
        let first = self.start + self.tail;
        &mut self.memory[first..][range]
    }

    /// Takes back what was added beyond this length.
    pub(super) fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(self.tail + len);
    }

    /// Writes the group to the end of the file, which is at `end`; past the page cache, with zeros up to the end of the block, if the file
    /// `is_direct`. Afterwards the group is empty, also when that fails.
    pub(super) fn write(&mut self, file: &impl File, end: u64, is_direct: bool) -> io::Result<()> {
        let filled = std::mem::replace(&mut self.filled, self.tail);
        let mut whole = filled;
        if is_direct {
            whole = filled.next_multiple_of(BLOCK_BYTES);
            self.memory[self.start..][filled..whole].fill(0);
        }
        let bytes = &self.memory[self.start..][..whole];
        file.write_all_at(&mut [IoSlice::new(bytes)], end - self.tail as u64)?;
        if is_direct {
            let last_block = filled - filled % BLOCK_BYTES;
            self.memory.copy_within(self.start + last_block..self.start + filled, self.start);
            self.tail = filled - last_block;
        }
        self.filled = self.tail;
        if self.memory.len() > MAX_KEPT_ROOM_BYTES + BLOCK_BYTES {
            self.move_to(MIN_ROOM_BYTES);
        }
        Ok(())
    }

    /// Makes room for so many more bytes, and for zeros up to the end of the block.
    fn reserve(&mut self, more: usize) {
        let wanted = (self.filled + more).next_multiple_of(BLOCK_BYTES);
        if self.start + wanted > self.memory.len() {
            self.move_to(wanted.next_power_of_two().max(MIN_ROOM_BYTES));
        }
    }

    fn move_to(&mut self, room: usize) {
        let (mut memory, start) = aligned(room);
        memory[start..start + self.filled].copy_from_slice(&self.memory[self.start..][..self.filled]);
        (self.memory, self.start) = (memory, start);
    }
}

/// Memory with so much behind the place where its aligned part begins.
fn aligned(room: usize) -> (Vec<u8>, usize) {
    let memory = vec![0; room + BLOCK_BYTES];
    let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
    (memory, start)
}

impl std::fmt::Debug for Staging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staging")
            .field("tail", &self.tail)
            .field("filled", &self.filled)
            .finish_non_exhaustive()
    }
}
