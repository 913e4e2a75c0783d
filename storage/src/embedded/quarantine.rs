//! Parts that cannot be read are set aside, so that the rest serves and nothing of them is lost.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::layout::Layout;
use super::part::{self, PartId, sync_dir};
use super::replace::Alone;
use super::shared::Shared;
use crate::QueryError;

/// Whether an error means that a part is damaged, and not that it cannot be read at present.
pub(super) fn is_damage(error: &QueryError) -> bool {
    /// A block of the disk cannot be read.
    const EIO: i32 = 5;
    match error {
        QueryError::Corrupt(_) => true,
        QueryError::Io(error) => {
            matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
            ) || error.raw_os_error() == Some(EIO)
        }
        QueryError::TooLarge { .. }
        | QueryError::TooSlow { .. }
        | QueryError::Unavailable(_)
        | QueryError::Closing
        | QueryError::Cancelled => false,
    }
}

/// Moves a part into quarantine, durably, and says so in the log.
pub(super) fn set_aside(layout: &Layout, id: PartId, why: &str) -> io::Result<()> {
    fs::create_dir_all(&layout.quarantine)?;
    let name = id.dir_name();
    // The same part may have been put back and found damaged again.
    let names = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name}.{n}")));
    let target = names.map(|name| layout.quarantine.join(name)).find(|path| !path.exists());
    let target = target.unwrap_or_else(|| layout.quarantine.join(&name));
    fs::rename(part::dir_of(&layout.parts, id), &target)?;
    sync_dir(&layout.quarantine)?;
    sync_dir(&layout.parts)?;
    tracing::error!(
        part = name,
        reason = why,
        moved_to = %target.display(),
        "a damaged part was moved into quarantine: its spans are missing from all answers"
    );
    Ok(())
}

/// Sets aside the parts that queries and merges have found damaged.
///
/// One that cannot be moved stays in the view, where no query looks at it any more and no merge gets past it, and is tried again.
pub(super) fn sweep(shared: &Shared, _: &Alone<'_>) {
    for part in shared.view().parts.iter() {
        let Some(why) = part.damage() else { continue };
        if let Err(error) = set_aside(&shared.layout, part.id(), why) {
            let name = part.id().dir_name();
            tracing::error!(part = name, reason = why, %error, "a damaged part cannot be moved into quarantine");
            continue;
        }
        shared.change_view(|view| view.parts.retain(|other| other.id() != part.id()));
        shared.maintenance.counters.quarantined_parts.fetch_add(1, Ordering::Relaxed);
        count(shared);
    }
}

/// The parts in quarantine.
pub(super) fn ids(shared: &Shared) -> Vec<PartId> {
    names(&shared.layout.quarantine).iter().filter_map(|name| id(name)).collect()
}

/// Counts the parts in quarantine.
pub(super) fn count(shared: &Shared) {
    let count = names(&shared.layout.quarantine).len() as u64;
    shared.maintenance.counters.parts_in_quarantine.store(count, Ordering::Relaxed);
}

fn id(name: &str) -> Option<PartId> {
    PartId::from_dir_name(name.split_once('.').map_or(name, |(name, _)| name))
}

fn names(quarantine: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(quarantine) else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| id(name).is_some())
        .collect()
}
