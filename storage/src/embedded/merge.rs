//! Merging: many small parts become one large one.
//!
//! [`select`] says which. Where their row groups are full, [`join`] takes these over as they are; else [`batches`] merges their rows in bounded
//! memory, and [`schema`] and [`append`] unite their columns. The new part covers its inputs and replaces them in one step; see
//! [`replace`](super::replace).

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use super::part::{Disk, Part, PartId, PartWriter, SharedPart};
use super::replace::{Alone, Unfinished, replace};
use super::shared::Shared;
use super::{disk, figures, part, quarantine};
use crate::QueryError;

mod append;
mod batches;
mod join;
mod schema;
mod select;
#[cfg(test)]
mod tests;
mod throttle;

pub(super) use batches::{Batch, Batches};

use join::Join;
use select::{Candidate, Limits};
use throttle::Throttle;

/// Rows that are merged, sorted and encoded at a time where rows are merged: one row group of the new part.
pub(super) const BATCH_ROWS: usize = 128 * 1024;

/// How merging is done.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeOptions {
    /// Whether it is. Default: yes.
    pub enabled: bool,
    /// The share of one core that it takes at most, in percent. Default: 50.
    pub max_cpu_percent: u32,
    /// No part of more spans is made. Default: 20 million.
    pub max_part_spans: usize,
    /// No part is made of parts whose newest spans are further apart. Default: 24 hours.
    pub max_time_span: std::time::Duration,
    /// Row groups with so many spans on average are full: they stay as they are in the new part, and nothing is encoded again. Default: 65,536.
    pub full_group_spans: usize,
}

impl Default for MergeOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            max_cpu_percent: 50,
            max_part_spans: 20_000_000,
            max_time_span: std::time::Duration::from_secs(24 * 60 * 60),
            full_group_spans: BATCH_ROWS / 2,
        }
    }
}

/// What became of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Merged,
    NothingToDo,
    /// Somebody else wants to change parts, or the store closes; nothing has changed.
    GaveWay,
}

/// Merges the parts that should be next, if any; when it `is_quiet`, parts of segments do not wait for more of them.
///
/// # Errors
/// When a part cannot be read or written; then nothing has changed, and nothing is left behind.
pub(super) fn merge_next(shared: &Shared, alone: &Alone<'_>, is_quiet: bool) -> Result<Outcome, QueryError> {
    let inputs = choose(shared, is_quiet);
    let (Some(first), Some(last)) = (inputs.first(), inputs.last()) else { return Ok(Outcome::NothingToDo) };
    // The merged part is about as large as its inputs, which stay until it is complete.
    let needed = inputs.iter().map(|part| part.bytes()).sum::<u64>();
    if disk::space(&shared.layout.parts)?.free_bytes < needed + needed / 8 {
        return Err(QueryError::Io(std::io::ErrorKind::StorageFull.into()));
    }
    let id = PartId {
        first_segment: first.id().first_segment,
        last_segment: last.id().last_segment,
        level: inputs.iter().map(|part| part.id().level + 1).max().unwrap_or_default(),
    };
    let throttle = Throttle::new(shared.options.merge.max_cpu_percent);
    let unfinished = Unfinished::create(shared, id)?;
    let Some(rows) = write(shared, &inputs, &unfinished, &throttle)? else { return Ok(Outcome::GaveWay) };
    figures::merge(&shared.disk, &inputs, &unfinished.0, |_| ())?;
    unfinished.sync(shared)?;
    unfinished.inherit_age(shared, &inputs);
    replace(shared, alone, &inputs, unfinished, id)?;
    let counters = &shared.maintenance.counters;
    counters.merges.fetch_add(1, Ordering::Relaxed);
    counters.merged_spans.fetch_add(rows as u64, Ordering::Relaxed);
    let cpu_ns = throttle.spent().as_nanos() as u64;
    counters.merge_cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
    tracing::debug!(
        part = id.dir_name(),
        inputs = inputs.len(),
        spans = rows,
        cpu_ms = cpu_ns / 1_000_000,
        "merged"
    );
    Ok(Outcome::Merged)
}

/// Retention by size takes whole parts, so of what it keeps none is made to be more than such a share.
const MIN_KEPT_PARTS: u64 = 8;

fn choose(shared: &Shared, is_quiet: bool) -> Vec<SharedPart> {
    // A segment that has a number, but is not in the view yet, may lie between two parts: a merge must not cover its log.
    let Some(settled) = shared.settled_segments() else { return Vec::new() };
    let view = shared.view();
    let mut parts = view.parts.clone();
    parts.retain(|part| part.id().last_segment < settled && part.damage().is_none());
    parts.sort_unstable_by_key(|part| part.id());
    let candidates: Vec<_> = parts
        .iter()
        .map(|part| Candidate {
            id: part.id(),
            rows: part.rows(),
            bytes: part.bytes(),
            newest_unix_ns: newest_unix_ns(shared, part),
        })
        .collect();
    let merge = &shared.options.merge;
    let limits = Limits {
        rows: merge.max_part_spans,
        bytes: shared.options.retention.max_bytes.map_or(u64::MAX, |most| most / MIN_KEPT_PARTS),
        time_span_ns: u64::try_from(merge.max_time_span.as_nanos()).unwrap_or(u64::MAX),
    };
    let open: Vec<u64> = view.live.iter().map(|segment| segment.number).collect();
    let mut quarantined = quarantine::ids(shared);
    quarantined.extend(view.parts.iter().filter(|part| part.damage().is_some()).map(|part| part.id()));
    let is_open = |before: &Candidate, after: &Candidate| {
        let between = before.id.last_segment + 1..after.id.first_segment;
        // A part that covers a quarantined one could not be told from its replacement if that were put back.
        open.iter().any(|segment| between.contains(segment))
            || quarantined.iter().any(|id| between.contains(&id.first_segment))
    };
    select::choose(&candidates, limits, is_quiet, is_open)
        .map(|range| parts.drain(range).collect())
        .unwrap_or_default()
}

/// Writes what the parts have together; returns how many spans, or `None` when it had to give way.
fn write(
    shared: &Shared,
    inputs: &[SharedPart],
    unfinished: &Unfinished,
    throttle: &Throttle,
) -> Result<Option<usize>, QueryError> {
    let (disk, dir) = (&shared.disk, &unfinished.0);
    write_to(disk, dir, inputs, shared.options.merge.full_group_spans, || {
        shared.maintenance.rest(throttle.rest());
        !shared.maintenance.must_give_way()
    })
}

/// Joins parts where that can be done, and merges their rows where it cannot; calls `go_on` behind each row group, and returns `None` when that
/// says no.
pub(super) fn write_to(
    disk: &Disk,
    dir: &Path,
    inputs: &[SharedPart],
    full_group_rows: usize,
    mut go_on: impl FnMut() -> bool,
) -> Result<Option<usize>, QueryError> {
    if let Some(join) = Join::of(inputs, full_group_rows) {
        let mut writer = PartWriter::create(disk, dir, join.attributes())?;
        let Some(rows) = join.copy(&mut writer, go_on)? else { return Ok(None) };
        writer.finish()?;
        return Ok(Some(rows));
    }
    let mut batches = Batches::new(inputs, BATCH_ROWS);
    let mut writer = PartWriter::create(disk, dir, batches.attributes())?;
    let mut rows = 0;
    while let Some(batch) = batches.next()? {
        writer.push(&batch.columns, &batch.order)?;
        rows += batch.order.len();
        if !go_on() {
            return Ok(None);
        }
    }
    writer.finish()?;
    Ok(Some(rows))
}

/// When the newest span of a part started. Clocks of senders may be wrong, so it is not later than when the part was written.
pub(super) fn newest_unix_ns(shared: &Shared, part: &Part) -> u64 {
    let newest = part.range().end_unix_ns;
    if newest <= unix_ns(SystemTime::now()) {
        return newest;
    }
    let dir = part::dir_of(&shared.layout.parts, part.id());
    dir.metadata().and_then(|metadata| metadata.modified()).map_or(newest, |time| newest.min(unix_ns(time)))
}

pub(super) fn unix_ns(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}
