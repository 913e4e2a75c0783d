//! Snapshots: data directories that share the files of parts with the one they were taken of.
//!
//! Parts never change, so a hard link is a copy. Logs do change, and their files serve again; so what is open is sealed first, and a
//! snapshot has parts only. It is a whole data directory: any server can be started on it, and what that does to it has no effect
//! on the original.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::layout::{FORMAT, FORMAT_FILE, SNAPSHOTS};
use super::part::{self, sync_dir};
use super::shared::Shared;
use super::{quarantine, seal};
use crate::store::AdminError;

/// The most snapshots that are kept: each holds on to parts that retention and deletion would otherwise free.
const MAX_SNAPSHOTS: usize = 16;

/// Takes a snapshot of everything that was acknowledged so far, and names its directory.
pub(super) fn take(shared: &Shared, name: &str) -> Result<PathBuf, AdminError> {
    let target = dir_of(shared, name)?;
    if target.exists() {
        return Err(AdminError::Refused(format!("there is a snapshot {name} already")));
    }
    if names(shared)?.len() >= MAX_SNAPSHOTS {
        return Err(AdminError::Refused(format!(
            "there are {MAX_SNAPSHOTS} snapshots, which is the limit; delete one"
        )));
    }
    seal::seal_open(shared)?;
    // Nothing is removed or replaced from here on, so every part of the view is in its directory.
    let alone = shared.maintenance.alone();
    quarantine::sweep(shared, &alone);
    let unfinished = shared.layout.tmp.join(format!("snapshot-{name}"));
    let _ = fs::remove_dir_all(&unfinished);
    let written = write(shared, &unfinished).and_then(|()| {
        fs::create_dir_all(&shared.layout.snapshots)?;
        fs::rename(&unfinished, &target)?;
        sync_dir(&shared.layout.snapshots)
    });
    if let Err(error) = written {
        let _ = fs::remove_dir_all(&unfinished);
        return Err(error.into());
    }
    tracing::info!(name, "snapshot taken");
    Ok(std::path::absolute(target)?)
}

fn write(shared: &Shared, dir: &Path) -> io::Result<()> {
    let parts = dir.join("parts");
    fs::create_dir_all(&parts)?;
    fs::write(dir.join(FORMAT_FILE), FORMAT)?;
    File::open(dir.join(FORMAT_FILE))?.sync_all()?;
    for part in &shared.view().parts {
        let name = part.id().dir_name();
        link_files(&part::dir_of(&shared.layout.parts, part.id()), &parts.join(name))?;
    }
    sync_dir(&parts)?;
    link_files(&shared.layout.figures, &dir.join("figures"))?;
    sync_dir(dir)
}

/// Removes a snapshot; `false` when there is none of this name.
pub(super) fn delete(shared: &Shared, name: &str) -> Result<bool, AdminError> {
    match fs::remove_dir_all(dir_of(shared, name)?) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Where a snapshot of a data directory is, if there is one of this name.
pub(crate) fn snapshot_dir(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join(SNAPSHOTS).join(name)
}

/// The names of all snapshots, in order.
pub(super) fn names(shared: &Shared) -> Result<Vec<String>, AdminError> {
    let entries = match fs::read_dir(&shared.layout.snapshots) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_name(name))
        .collect();
    names.sort();
    Ok(names)
}

fn dir_of(shared: &Shared, name: &str) -> Result<PathBuf, AdminError> {
    if !is_name(name) {
        return Err(AdminError::Refused(format!(
            "{name:?} cannot name a snapshot: 1 to 64 of a-z, A-Z, 0-9, '-' and '_' can"
        )));
    }
    Ok(shared.layout.snapshots.join(name))
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Makes a data directory of a snapshot elsewhere: by hard links where both are on one file system, else by copying. Durable when it
/// returns.
///
/// # Errors
/// When `from` is no snapshot, `to` exists and is not empty, or a file cannot be written.
pub fn copy_snapshot(from: &Path, to: &Path) -> io::Result<()> {
    if fs::read_to_string(from.join(FORMAT_FILE))? != FORMAT {
        return Err(io::Error::other(format!("{} is no snapshot of this version", from.display())));
    }
    fs::create_dir_all(to)?;
    if fs::read_dir(to)?.next().is_some() {
        return Err(io::Error::other(format!("{} is not empty", to.display())));
    }
    let parts = to.join("parts");
    fs::create_dir(&parts)?;
    for entry in fs::read_dir(from.join("parts"))? {
        let entry = entry?;
        link_files(&entry.path(), &parts.join(entry.file_name()))?;
    }
    sync_dir(&parts)?;
    link_files(&from.join("figures"), &to.join("figures"))?;
    // Last, so that what is not complete is no data directory.
    link(&from.join(FORMAT_FILE), &to.join(FORMAT_FILE))?;
    sync_dir(to)
}

/// A new directory with the same files.
fn link_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        link(&entry.path(), &to.join(entry.file_name()))?;
    }
    let dir = File::open(to)?;
    // Retention may go by it.
    dir.set_modified(from.metadata()?.modified()?)?;
    dir.sync_all()
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    // Another file system, or one without hard links.
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to)?;
        File::open(to)?.sync_all()?;
    }
    Ok(())
}
