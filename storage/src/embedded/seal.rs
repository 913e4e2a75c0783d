//! The sealing thread: it turns segments into parts.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::part::{self, Part, PartId, sync_dir};
use super::shared::Shared;
use super::view::LiveSegment;
use crate::QueryError;

/// How long to wait before a failed sealing is tried again: by then there may be space.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Seals segments, oldest first, until the store is closed.
pub(super) fn run(shared: &Shared) {
    prepare_spare_log(shared);
    while let Some(segment) = shared.next_to_seal() {
        match seal(shared, &segment) {
            Ok(()) => {
                shared.recycle(segment);
                prepare_spare_log(shared);
            }
            Err(error) => {
                tracing::warn!(segment = segment.number, %error, "sealing failed and will be tried again");
                if !shared.pause(RETRY_AFTER) {
                    return;
                }
            }
        }
    }
}

fn prepare_spare_log(shared: &Shared) {
    if let Err(error) = shared.wal.prepare() {
        tracing::warn!(%error, "no spare log could be prepared; syncs will cost more");
    }
}

/// Replaces a segment and its log by a part. The rename is the commit: a crash before it leaves the segment to be replayed, a
/// crash after it leaves a log that is released at the next start.
fn seal(shared: &Shared, segment: &LiveSegment) -> Result<(), QueryError> {
    let id = PartId::of_segment(segment.number);
    let part =
        if segment.visible_rows() == 0 { None } else { Some(Arc::new(write_part(shared, segment, id)?)) };
    shared.change_view(|view| {
        view.live.retain(|live| live.number != segment.number);
        view.parts.extend(part);
    });
    shared.wal.release(segment.number).map_err(io::Error::other)?;
    Ok(())
}

fn write_part(shared: &Shared, segment: &LiveSegment, id: PartId) -> Result<Part, QueryError> {
    let target = part::dir_of(&shared.layout.parts, id);
    if !target.exists() {
        let unfinished = shared.layout.tmp.join(id.dir_name());
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir(&unfinished)?;
        part::write(segment.spans.read().columns(), &unfinished)?;
        fs::rename(&unfinished, &target)?;
        sync_dir(&shared.layout.parts)?;
    }
    Part::open(&target, id)
}
