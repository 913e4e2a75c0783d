//! Space on the disk.

use std::io;
use std::path::Path;

/// Space of the file system that holds a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Space {
    /// What this process may still write.
    pub(super) free_bytes: u64,
    /// All of it.
    pub(super) total_bytes: u64,
}

pub(super) fn space(dir: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(Space {
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}
