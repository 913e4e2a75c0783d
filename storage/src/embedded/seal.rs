//! The sealing thread: it turns segments into parts.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::figures;
use super::part::{self, Part, PartId};
use super::replace::Unfinished;
use super::shared::Shared;
use super::view::{LiveSegment, View};
use crate::QueryError;
use crate::store::{AdminError, Body, IngestRequest};

/// How long to wait before a failed sealing is tried again: by then there may be space.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// How long somebody waits who has what is open sealed: for a few large segments on a slow disk.
const SEALING_TIMEOUT: Duration = Duration::from_secs(60);

/// Seals segments, oldest first, until the store is closed.
pub(super) fn run(shared: &Shared) {
    prepare_spare_log(shared);
    while let Some(segment) = shared.next_to_seal() {
        match seal(shared, &segment) {
            Ok(()) => {
                shared.set_sealing_failure(None);
                shared.recycle(segment);
                prepare_spare_log(shared);
            }
            Err(error) => {
                tracing::warn!(segment = segment.number, %error, "sealing failed and will be tried again");
                shared.set_sealing_failure(Some(error.to_string()));
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
    let (part, traces) = if segment.visible_rows() == 0 {
        (None, None)
    } else {
        let (part, traces) = write_part(shared, segment, id)?;
        (Some(Arc::new(part)), traces)
    };
    shared.derivation.commit(shared, traces, |view| {
        view.live.retain(|live| live.number != segment.number);
        view.parts.extend(part);
    });
    shared.maintenance.wake();
    shared.wal.release(segment.number).map_err(io::Error::other)?;
    Ok(())
}

/// Seals what the open segments hold, and waits until that is done.
///
/// # Errors
/// When it is not done in time, because there is no space for example, or the store closes.
pub(super) fn seal_open(shared: &Shared) -> Result<(), AdminError> {
    let Some(newest) = shared.view().live.iter().map(|segment| segment.number).max() else { return Ok(()) };
    shared.maintenance.ask_to_seal(newest);
    // An ingest thread looks after each request.
    for connection in 0..shared.ingest_threads() as u64 {
        drop(shared.enqueue(IngestRequest { connection, body: Body::default(), compressed: None }));
    }
    let is_sealed = |view: &View| {
        let mut asked = view.live.iter().filter(|segment| segment.number <= newest);
        asked.all(|segment| segment.visible_rows() == 0)
    };
    if shared.wait_for_view(Instant::now() + SEALING_TIMEOUT, is_sealed) {
        return Ok(());
    }
    Err(AdminError::Unavailable("the open segments could not be sealed in time; the log says why".to_owned()))
}

fn write_part(
    shared: &Shared,
    segment: &LiveSegment,
    id: PartId,
) -> Result<(Part, Option<figures::Traces>), QueryError> {
    let unfinished = Unfinished::create(shared, id)?;
    let spans = segment.spans.read();
    let order = part::order(spans.columns());
    let traces = match shared.options.derives_figures {
        true => {
            let derived = shared.derivation.derive(shared, spans.columns(), &order)?;
            Some(derived.write(&shared.disk, &unfinished.0, shared.options.merge.enabled)?)
        }
        false => None,
    };
    part::write(&shared.disk, spans.columns(), &order, &unfinished.0)?;
    Ok((unfinished.commit(shared, id)?, traces))
}
