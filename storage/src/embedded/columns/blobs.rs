//! Byte strings that few rows have.

use super::Strings;

/// A sparse column of byte strings.
#[derive(Default)]
pub(in super::super) struct Blobs {
    rows: Vec<u32>,
    values: Strings,
}

impl Blobs {
    /// Adds the value of a row behind all others. An empty value is not kept: it equals none.
    pub(in super::super) fn push(&mut self, row: usize, value: &[u8]) {
        if !value.is_empty() {
            self.values.push(value);
            self.rows.push(row as u32);
        }
    }

    /// A column of values that belong to these rows, which ascend.
    pub(in super::super) fn from_parts(rows: Vec<u32>, values: Strings) -> Self {
        Self { rows, values }
    }

    /// The rows with a value, ascending, and their values.
    pub(in super::super) fn parts(&self) -> (&[u32], &Strings) {
        (&self.rows, &self.values)
    }

    /// The value of a row, or nothing.
    pub(in super::super) fn get(&self, row: usize) -> &[u8] {
        self.rows.binary_search(&(row as u32)).map_or(&[], |i| self.values.get(i))
    }

    /// The rows with a value, ascending, and their values.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.rows.iter().map(|&row| row as usize).zip(self.values.iter())
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        let keep = self.rows.partition_point(|&row| (row as usize) < rows);
        self.rows.truncate(keep);
        self.values.truncate(keep);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.len() * size_of::<u32>() + self.values.memory_bytes()
    }
}
