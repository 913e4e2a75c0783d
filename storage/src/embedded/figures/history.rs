//! The figures of parts that have expired: they are small, and kept longer than spans.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::file::FiguresFile;
use crate::QueryError;
use crate::embedded::merge::unix_ns;
use crate::embedded::part::{self, PartId, SharedPart, sync_dir};
use crate::embedded::shared::Shared;
use crate::topology::Resolution;

/// The figures of one expired part.
pub(in super::super) struct History {
    path: PathBuf,
    file: FiguresFile,
}

impl History {
    /// Those of all parts that have expired, but for figures that the parts themselves still have.
    pub(in super::super) fn open_all(dir: &Path, parts: &[SharedPart]) -> Result<Vec<Arc<Self>>, QueryError> {
        let mut all = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|name| PartId::from_dir_name(name.to_str()?));
            let Some(id) = id else { continue };
            if parts.iter().any(|part| part.id() == id || part.id().covers(id)) {
                // The process ended between keeping the figures and removing the part.
                fs::remove_file(path)?;
            } else if let Some(file) = FiguresFile::open(&path)? {
                all.push(Arc::new(Self { path, file }));
            }
        }
        Ok(all)
    }

    pub(in super::super) fn file(&self) -> &FiguresFile {
        &self.file
    }
}

/// Keeps the figures of a part that is about to be removed; they are to be shown in the step that hides the part.
pub(in super::super) fn keep(shared: &Shared, part: &SharedPart) -> Result<Option<Arc<History>>, QueryError> {
    let path = shared.layout.figures.join(format!("{}.figures", part.id().dir_name()));
    let from = part::dir_of(&shared.layout.parts, part.id()).join(super::FIGURES_FILE);
    match fs::hard_link(&from, &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Of an earlier attempt.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(_) => {
            fs::copy(&from, &path)?;
            fs::File::open(&path)?.sync_all()?;
        }
        Ok(()) => {}
    }
    sync_dir(&shared.layout.figures)?;
    Ok(FiguresFile::open(&path)?.map(|file| Arc::new(History { path, file })))
}

/// Leaves a service out of all figures of expired parts.
pub(in super::super) fn forget_service(shared: &Shared, name: &str) -> Result<(), QueryError> {
    shared.derivation.forget_service(name);
    for old in &shared.view().history {
        let mut totals = old.file.read(Resolution::FINEST)?;
        let changed = totals.remove_service(name);
        if !changed {
            continue;
        }
        let dir = shared.layout.tmp.join("figures");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir)?;
        super::file::Content::compressed(&totals)?.write(&shared.disk, &dir)?;
        shared.disk.rename(&dir.join(super::FIGURES_FILE), &old.path)?;
        shared.disk.sync_dir(&shared.layout.figures)?;
        let new =
            FiguresFile::open(&old.path)?.map(|file| Arc::new(History { path: old.path.clone(), file }));
        shared.change_view(|view| {
            view.history.retain(|other| !Arc::ptr_eq(other, old));
            view.history.extend(new);
        });
    }
    Ok(())
}

/// Removes figures of expired parts that are older themselves.
pub(in super::super) fn expire(shared: &Shared, max_age: Option<Duration>) {
    let Some(max_age) = max_age else { return };
    let oldest_s = unix_ns(SystemTime::now() - max_age) / 1_000_000_000;
    let view = shared.view();
    for old in view.history.iter().filter(|old| old.file.last_s() < oldest_s) {
        shared.change_view(|view| view.history.retain(|other| !Arc::ptr_eq(other, old)));
        if let Err(error) = fs::remove_file(&old.path) {
            tracing::warn!(path = %old.path.display(), %error, "expired figures cannot be removed");
        }
    }
}
