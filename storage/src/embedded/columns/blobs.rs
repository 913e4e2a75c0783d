//! Byte strings that few rows have.

/// A sparse column of byte strings.
#[derive(Default)]
pub(in super::super) struct Blobs {
    rows: Vec<u32>,
    // End of each value in `bytes`; it begins where the one before ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Blobs {
    /// Adds the value of a row behind all others. An empty value is not kept: it equals none.
    pub(in super::super) fn push(&mut self, row: usize, value: &[u8]) {
        if !value.is_empty() {
            self.bytes.extend_from_slice(value);
            self.rows.push(row as u32);
            self.ends.push(self.bytes.len());
        }
    }

    /// The value of a row, or nothing.
    pub(in super::super) fn get(&self, row: usize) -> &[u8] {
        match self.rows.binary_search(&(row as u32)) {
            Ok(i) => self.nth(i),
            Err(_) => &[],
        }
    }

    /// The rows with a value, ascending, and their values.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.rows.iter().enumerate().map(|(i, &row)| (row as usize, self.nth(i)))
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        let keep = self.rows.partition_point(|&row| (row as usize) < rows);
        self.rows.truncate(keep);
        self.ends.truncate(keep);
        self.bytes.truncate(self.ends.last().copied().unwrap_or_default());
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.capacity() * 4 + self.ends.capacity() * 8 + self.bytes.capacity()
    }

    fn nth(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }
}
