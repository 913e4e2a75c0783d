//! The few file system calls on which durability rests, behind a trait, so that tests can fail each of them and can cut
//! the power at any point.

use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{fmt, fs};

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// File name.
    pub name: String,
    /// Length of the file, in bytes.
    pub len: u64,
}

/// A file system. Calls block.
///
/// What a call changes is visible to later calls at once, but survives a power cut only after the sync that is named.
pub trait Fs: Clone + fmt::Debug + Send + Sync + 'static {
    /// An open file.
    type File: File;

    /// Creates a file that must not exist, for reading and writing. Durable after [`Fs::sync_dir`].
    fn create_new(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens an existing file for reading and, where `write` is set, for writing.
    fn open(&self, path: &Path, write: bool) -> io::Result<Self::File>;

    /// Renames a file, replacing the target atomically if it exists. Durable after [`Fs::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Durable after [`Fs::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Creates a directory and its parents where they do not exist, durably.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The regular files of a directory, in no particular order. Names that are not UTF-8 are left out: they are not ours.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
}

/// An open file of an [`Fs`].
pub trait File: fmt::Debug + Send + 'static {
    /// Length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads up to `buffer.len()` bytes at an offset; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at an offset, maybe less than asked for. Durable after [`File::sync_data`].
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Cuts the file, or extends it with zeros. Durable after [`File::sync_data`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Has writes go past the page cache, or not. When it succeeds with `true`, offset, length and memory of each write must be
    /// multiples of 4096 bytes.
    fn set_direct(&self, direct: bool) -> io::Result<()>;

    /// Makes content and length durable: fdatasync.
    fn sync_data(&self) -> io::Result<()>;

    /// Writes all parts, in as many calls as it takes.
    fn write_all_at(&self, mut parts: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        // Also drops leading parts that are empty, so that 0 bytes written does mean failure.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.write_at(parts, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fills the buffer from an offset, in as many calls as it takes.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    offset += read as u64;
                    buffer = &mut buffer[read..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFs;

/// A file of the operating system.
#[derive(Debug)]
pub struct OsFile(fs::File);

impl Fs for OsFs {
    type File = OsFile;

    fn create_new(&self, path: &Path) -> io::Result<OsFile> {
        fs::File::options().read(true).write(true).create_new(true).open(path).map(OsFile)
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<OsFile> {
        fs::File::options().read(true).write(write).open(path).map(OsFile)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        match fs::create_dir(dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_dir(dir.parent().ok_or(error)?)?;
                fs::create_dir(dir)?;
            }
            Err(error) => return Err(error),
        }
        match dir.parent() {
            // A relative path of one component lies in the working directory.
            Some(parent) if parent.as_os_str().is_empty() => self.sync_dir(Path::new(".")),
            Some(parent) => self.sync_dir(parent),
            None => Ok(()),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let Ok(name) = entry.file_name().into_string()
                && metadata.is_file()
            {
                entries.push(DirEntry { name, len: metadata.len() });
            }
        }
        Ok(entries)
    }
}

impl File for OsFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        // The standard library has no positioned vectored write, and pwritev is missing on some systems; the file has
        // one writer, so the cursor is ours.
        let mut cursor = &self.0;
        cursor.seek(SeekFrom::Start(offset))?;
        cursor.write_vectored(parts)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    #[cfg(target_os = "linux")]
    fn set_direct(&self, direct: bool) -> io::Result<()> {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
        let mut flags = fcntl_getfl(&self.0)?;
        flags.set(OFlags::DIRECT, direct);
        Ok(fcntl_setfl(&self.0, flags)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn set_direct(&self, direct: bool) -> io::Result<()> {
        if direct { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
