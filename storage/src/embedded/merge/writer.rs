//! A part that is written batch by batch.

use std::io;
use std::path::{Path, PathBuf};

use super::super::columns::{AttributeType, Columns};
use super::super::part;
use super::append::append;
use super::schema::Schema;

/// Gathers the batches and writes them as one row group.
pub(in super::super) struct PartWriter {
    dir: PathBuf,
    columns: Columns,
    places: Vec<Option<usize>>,
}

impl PartWriter {
    pub(in super::super) fn create(dir: &Path, attributes: Vec<(String, AttributeType)>) -> io::Result<Self> {
        let places = (0..attributes.len()).map(Some).collect();
        let columns = Schema { attributes }.columns();
        Ok(Self { dir: dir.to_owned(), columns, places })
    }

    pub(in super::super) fn push(&mut self, columns: &Columns, order: &[u32]) -> io::Result<()> {
        let mut rows = order.to_vec();
        rows.sort_unstable();
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            let range = run[0] as usize..run[run.len() - 1] as usize + 1;
            append(&mut self.columns, columns, range, &self.places).map_err(io::Error::other)?;
        }
        Ok(())
    }

    pub(in super::super) fn finish(self) -> io::Result<()> {
        part::write(&self.columns, &self.dir)
    }
}
