//! A file system in memory that can run full, fail, and lose power.
//!
//! What was written is seen by every reader, but reaches the "disk" only by a sync. A power cut keeps what is on the disk
//! and any subset of the 512-byte sectors that were on their way to it. Names are journalled: of the changes since the last
//! sync of a directory, a power cut keeps those up to some point.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::fs::{DirEntry, File, Fs};
use super::staging::BLOCK_BYTES;
use crate::testing::Random;

const SECTOR: usize = 512;

/// A call that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Write,
    Sync,
    SetLen,
    Rename,
    SyncDir,
}

/// What a power cut keeps of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Nothing,
    Everything,
    Anything,
}

/// The file system. Clones share the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultFs(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    /// What the names were after each change since they were synced, the synced ones first.
    names_since_sync: Vec<BTreeMap<PathBuf, usize>>,
    /// Total length that the files may have.
    capacity: Option<u64>,
    short_writes: bool,
    /// Whether files can be written past a page cache.
    direct: bool,
    fail_next: Option<Call>,
    syncs: u64,
}

#[derive(Debug, Default)]
struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
    /// The shortest length since the last sync: what lies beyond may be zero after a power cut.
    shortest: usize,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct FaultFile {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
    writable: bool,
    direct: AtomicBool,
}

impl FaultFs {
    /// Cuts the power, and turns it on again. Files that were open must not be used any more.
    pub(crate) fn power_cut(&self, keep: Keep, random: &mut Random) {
        let disk = &mut *self.0.lock();
        if let Some(synced) = disk.names_since_sync.first().cloned() {
            disk.names = match keep {
                Keep::Nothing => synced,
                Keep::Everything => disk.names.clone(),
                Keep::Anything => disk.names_since_sync[random.below(disk.names_since_sync.len())].clone(),
            };
            disk.names_since_sync.clear();
        }
        for inode in &mut disk.inodes {
            inode.power_cut(keep, random);
        }
    }

    /// Writes some of the dirty sectors, as the kernel may do at any time.
    pub(crate) fn write_back(&self, random: &mut Random) {
        for inode in &mut self.0.lock().inodes {
            for sector in inode.dirty.clone() {
                let range = inode.range(sector);
                // A length becomes durable with its journal commit only.
                if random.below(2) == 0 && range.start < range.end && range.end <= inode.durable.len() {
                    inode.durable[range.clone()].copy_from_slice(&inode.content[range]);
                }
            }
        }
    }

    /// Lets the files grow by this many bytes in total, from now on.
    pub(crate) fn set_free_space(&self, bytes: Option<u64>) {
        let disk = &mut *self.0.lock();
        disk.capacity = bytes.map(|bytes| disk.used() + bytes);
    }

    /// Makes every write stop short of what was asked for, where that is possible.
    pub(crate) fn set_short_writes(&self, short: bool) {
        self.0.lock().short_writes = short;
    }

    /// Lets files be written past the page cache, which is another way through the code.
    pub(crate) fn allow_direct(&self) {
        self.0.lock().direct = true;
    }

    /// Makes the next call of this kind fail with an I/O error.
    pub(crate) fn fail_next(&self, call: Call) {
        self.0.lock().fail_next = Some(call);
    }

    /// Does away with an injected failure that did not happen yet.
    pub(crate) fn fail_no_more(&self) {
        self.0.lock().fail_next = None;
    }

    /// How many times a file was synced.
    pub(crate) fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Content of a file.
    pub(crate) fn read(&self, path: &Path) -> Vec<u8> {
        let disk = self.0.lock();
        disk.inodes[disk.names[path]].content.clone()
    }

    /// Replaces a file, durably.
    pub(crate) fn write(&self, path: &Path, content: Vec<u8>) {
        let disk = &mut *self.0.lock();
        disk.inodes.push(Inode {
            durable: content.clone(),
            shortest: content.len(),
            content,
            ..Inode::default()
        });
        disk.names.insert(path.to_owned(), disk.inodes.len() - 1);
        disk.names_since_sync.clear();
    }
}

impl Disk {
    fn used(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].content.len() as u64).sum()
    }

    fn check(&mut self, call: Call) -> io::Result<()> {
        if self.fail_next.take_if(|failing| *failing == call).is_some() {
            return Err(io::Error::other("injected failure"));
        }
        Ok(())
    }

    fn change_names<T>(&mut self, change: impl FnOnce(&mut BTreeMap<PathBuf, usize>) -> T) -> T {
        if self.names_since_sync.is_empty() {
            self.names_since_sync.push(self.names.clone());
        }
        let changed = change(&mut self.names);
        self.names_since_sync.push(self.names.clone());
        changed
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Inode {
    fn range(&self, sector: usize) -> Range<usize> {
        sector * SECTOR..((sector + 1) * SECTOR).min(self.content.len())
    }

    fn touch(&mut self, range: Range<usize>) {
        self.dirty.extend(range.start / SECTOR..range.end.div_ceil(SECTOR));
    }

    fn resize(&mut self, len: usize) {
        let old = self.content.len();
        self.content.resize(len, 0);
        self.shortest = self.shortest.min(len);
        self.touch(old.min(len)..old.max(len));
    }

    fn sync(&mut self) {
        self.durable.resize(self.content.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let range = self.range(sector);
            if range.start < range.end {
                self.durable[range.clone()].copy_from_slice(&self.content[range]);
            }
        }
        self.shortest = self.content.len();
    }

    fn power_cut(&mut self, keep: Keep, random: &mut Random) {
        let new_len = match keep {
            Keep::Nothing => false,
            Keep::Everything => true,
            Keep::Anything => random.below(2) == 0,
        };
        let mut image = self.durable.clone();
        image.resize(if new_len { self.content.len() } else { self.durable.len() }, 0);
        for sector in std::mem::take(&mut self.dirty) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(self.content.len()).min(image.len());
            let kept = keep == Keep::Everything || (keep == Keep::Anything && random.below(2) == 0);
            if range.start >= range.end {
                continue;
            } else if kept {
                image[range.clone()].copy_from_slice(&self.content[range]);
            } else if new_len && range.start >= self.shortest {
                image[range].fill(0);
            }
        }
        self.shortest = image.len();
        self.content.clone_from(&image);
        self.durable = image;
    }
}

impl Fs for FaultFs {
    type File = FaultFile;

    fn create_new(&self, path: &Path) -> io::Result<FaultFile> {
        let disk = &mut *self.0.lock();
        if disk.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        disk.inodes.push(Inode::default());
        let inode = disk.inodes.len() - 1;
        disk.change_names(|names| names.insert(path.to_owned(), inode));
        Ok(FaultFile { disk: self.0.clone(), inode, writable: true, direct: false.into() })
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<FaultFile> {
        let inode = self.0.lock().inode(path)?;
        Ok(FaultFile { disk: self.0.clone(), inode, writable: write, direct: false.into() })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let disk = &mut *self.0.lock();
        disk.check(Call::Rename)?;
        let inode = disk.inode(from)?;
        disk.change_names(|names| {
            names.remove(from);
            names.insert(to.to_owned(), inode);
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let disk = &mut *self.0.lock();
        disk.inode(path)?;
        disk.change_names(|names| names.remove(path));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let disk = &mut *self.0.lock();
        disk.check(Call::SyncDir)?;
        disk.names_since_sync.clear();
        Ok(())
    }

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let disk = self.0.lock();
        let entry = |(path, inode): (&PathBuf, &usize)| {
            let name = path.strip_prefix(dir).ok()?.to_str()?.to_owned();
            Some(DirEntry { name, len: disk.inodes[*inode].content.len() as u64 })
        };
        Ok(disk.names.iter().filter_map(entry).collect())
    }
}

impl File for FaultFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.lock().inodes[self.inode].content.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.disk.lock();
        let rest = disk.inodes[self.inode].content.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let disk = &mut *self.disk.lock();
        assert!(self.writable, "the file was opened for reading");
        disk.check(Call::Write)?;
        let offset = offset as usize;
        let is_direct = self.direct.load(Ordering::Relaxed);
        let unit = if is_direct { BLOCK_BYTES } else { 1 };
        assert!(offset.is_multiple_of(unit), "a direct write at {offset}");
        for part in parts {
            let (at, len) = (part.as_ptr().addr(), part.len());
            assert!(
                at.is_multiple_of(unit) && len.is_multiple_of(unit),
                "a direct write of {len} bytes from {at:x}"
            );
        }
        let mut bytes = parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<_>>();
        if disk.short_writes && bytes.len() > 1 {
            bytes.truncate(bytes.len().div_ceil(3).next_multiple_of(unit));
        }
        let len = disk.inodes[self.inode].content.len();
        let growth = (offset + bytes.len()).saturating_sub(len) as u64;
        let free = disk.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(disk.used()));
        bytes.truncate((bytes.len() - growth.saturating_sub(free) as usize) / unit * unit);
        if bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = &mut disk.inodes[self.inode];
        let end = offset + bytes.len();
        if end > len {
            inode.resize(end);
        }
        inode.content[offset..end].copy_from_slice(&bytes);
        inode.touch(offset..end);
        Ok(bytes.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.check(Call::SetLen)?;
        disk.inodes[self.inode].resize(len as usize);
        Ok(())
    }

    fn set_direct(&self, direct: bool) -> io::Result<()> {
        if direct && !self.disk.lock().direct {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.direct.store(direct, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.syncs += 1;
        let failed = disk.check(Call::Sync);
        let inode = &mut disk.inodes[self.inode];
        match failed {
            Ok(()) => inode.sync(),
            // As Linux does it: what could not be written counts as clean, stays readable, and is lost.
            Err(_) => inode.dirty.clear(),
        }
        failed
    }
}
