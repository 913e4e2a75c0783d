//! One part in the place of others.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::MutexGuard;

use super::figures::History;
use super::part::{self, Part, PartId, SharedPart, sync_dir};
use super::shared::Shared;
use crate::QueryError;

/// Proof that no other thread replaces or removes parts.
pub(super) type Alone<'a> = MutexGuard<'a, ()>;

/// A directory for a part that is being written. Whatever is in it is removed with this.
pub(super) struct Unfinished(pub(super) PathBuf);

impl Unfinished {
    pub(super) fn create(shared: &Shared, id: PartId) -> io::Result<Self> {
        let dir = shared.layout.tmp.join(id.dir_name());
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir(&dir)?;
        Ok(Self(dir))
    }

    /// Makes the names of its files durable.
    pub(super) fn sync(&self, shared: &Shared) -> io::Result<()> {
        shared.disk.sync_dir(&self.0)
    }

    /// Makes its directory as old as the youngest of the parts that it is made of: retention goes by that where a clock was wrong.
    pub(super) fn inherit_age(&self, shared: &Shared, old: &[SharedPart]) {
        let modified =
            |part: &SharedPart| part::dir_of(&shared.layout.parts, part.id()).metadata()?.modified();
        if let Some(newest) = old.iter().filter_map(|part| modified(part).ok()).max() {
            // Without it, a part with spans of the future is kept a little longer.
            let _ = fs::File::open(&self.0).and_then(|dir| dir.set_modified(newest));
        }
    }

    /// Gives a written and synced part its name, durably: the commit. After an error it has not got it.
    pub(super) fn commit(self, shared: &Shared, id: PartId) -> Result<Part, QueryError> {
        // What cannot be read must not replace what can.
        let part = Part::open(&self.0, id, &shared.cache)?;
        let target = part::dir_of(&shared.layout.parts, id);
        shared.disk.rename(&self.0, &target)?;
        if let Err(error) = shared.disk.sync_dir(&shared.layout.parts) {
            // Nobody knows whether the name is durable, and a second sync might succeed without having written anything. So the part
            // is taken back, and made once more; what it is made of is still there.
            if let Err(stays) = fs::rename(&target, &self.0) {
                shared.fail(&format!("a part that could not be synced cannot be removed either: {stays}"));
            }
            return Err(error.into());
        }
        Ok(part)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the commit there is no such directory. What cannot be removed now is removed at the next start.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Replaces parts by one that covers them.
///
/// The rename of its directory is the commit: a crash before it leaves the old parts and a file in `tmp`, a crash after it leaves the
/// new part, which covers the old ones; they are removed at the next start.
pub(super) fn replace(
    shared: &Shared,
    _: &Alone<'_>,
    old: &[SharedPart],
    unfinished: Unfinished,
    id: PartId,
) -> Result<(), QueryError> {
    debug_assert!(old.iter().all(|old| id.covers(old.id())));
    let part = Arc::new(unfinished.commit(shared, id)?);
    shared.change_view(|view| {
        view.parts.retain(|part| !id.covers(part.id()));
        view.parts.push(part);
    });
    for old in old {
        // Covered from now on, so that it is of no importance when they go.
        if let Err(error) = move_away(shared, old) {
            tracing::warn!(part = old.id().dir_name(), %error, "a replaced part stays until the next start");
        }
    }
    Ok(())
}

/// Removes a part, durably, and what its spans could be restored from. Its figures are shown from then on if they were kept.
pub(super) fn remove(
    shared: &Shared,
    _: &Alone<'_>,
    part: &SharedPart,
    kept: Option<Arc<History>>,
) -> Result<(), QueryError> {
    // A log that sealing has not yet released would bring the spans back at the next start, when no part covers it any more.
    for log in shared.wal.list().map_err(io::Error::other)? {
        if part.id().covers_segment(log.segment) {
            shared.wal.release(log.segment).map_err(io::Error::other)?;
        }
    }
    shared.change_view(|view| {
        view.parts.retain(|other| other.id() != part.id());
        view.history.extend(kept.clone());
    });
    let moved = move_away(shared, part).and_then(|()| sync_dir(&shared.layout.parts));
    if let Err(error) = moved {
        // It is still there, so it must be found.
        shared.change_view(|view| {
            view.parts.push(Arc::clone(part));
            view.history.retain(|old| !kept.as_ref().is_some_and(|kept| Arc::ptr_eq(old, kept)));
        });
        return Err(error.into());
    }
    Ok(())
}

/// Takes the directory of a part out of `parts`, in one step, and removes it when no query reads it any more. Open files stay readable.
fn move_away(shared: &Shared, part: &SharedPart) -> io::Result<()> {
    let name = part.id().dir_name();
    let away = shared.layout.tmp.join(format!("removed-{name}"));
    fs::rename(part::dir_of(&shared.layout.parts, part.id()), &away)?;
    shared.maintenance.remove_when_unused(Arc::clone(part), away);
    Ok(())
}
