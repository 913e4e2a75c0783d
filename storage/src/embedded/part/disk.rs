//! The calls on which it rests that a part is durable before what it was made of is given up.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

#[cfg(test)]
pub(in super::super) mod fault;

/// Where parts are written to. In tests, each call can be made to fail. Clones are of the same disk.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Disk {
    #[cfg(test)]
    pub(in super::super) faults: fault::Faults,
}

impl Disk {
    /// Creates a file that must not exist.
    pub(in super::super) fn create(&self, path: &Path) -> io::Result<NewFile> {
        self.attempt("create")?;
        let file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(NewFile { file, disk: self.clone() })
    }

    /// Renames a directory. Durable after [`Disk::sync_dir`] of the directory that it is in.
    pub(in super::super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.attempt("rename")?;
        fs::rename(from, to)
    }

    /// Makes the names in a directory durable.
    pub(in super::super) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.attempt("sync_dir")?;
        sync_dir(dir)
    }

    #[cfg(test)]
    fn attempt(&self, call: &'static str) -> io::Result<()> {
        self.faults.attempt(call)
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "only tests have something fail here")]
    #[inline]
    fn attempt(&self, _: &'static str) -> io::Result<()> {
        Ok(())
    }
}

/// A file of a part that is being written.
#[derive(Debug)]
pub(in super::super) struct NewFile {
    file: File,
    disk: Disk,
}

impl NewFile {
    /// Makes the file durable.
    pub(in super::super) fn sync_all(&self) -> io::Result<()> {
        self.disk.attempt("sync")?;
        self.file.sync_all()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.attempt("write")?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the names in a directory durable.
pub(in super::super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
