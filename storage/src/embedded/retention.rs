//! Retention: parts that are too old, or too many, are removed as a whole, the oldest first.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use super::disk;
use super::figures;
use super::merge::{newest_unix_ns, unix_ns};
use super::part::SharedPart;
use super::replace::{self, Alone};
use super::shared::Shared;
use crate::query::TimeRange;
use crate::{Retention, RetentionOptions, Space};

#[cfg(test)]
mod tests;

/// What is to be known of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    newest_unix_ns: u64,
    bytes: u64,
}

/// The rules, and what is kept at present.
pub(super) fn retention(shared: &Shared) -> Retention {
    let snapshot = shared.view().snapshot();
    Retention {
        options: shared.options.retention.clone(),
        oldest_unix_ns: snapshot.sources(TimeRange::ALL).map(|(range, _)| range.start_unix_ns).min(),
        space: disk::space(&shared.layout.parts).ok(),
    }
}

/// Removes what is to be kept no longer.
pub(super) fn sweep(shared: &Shared, alone: &Alone<'_>) {
    expire(shared, alone, &shared.options.retention, unix_ns(SystemTime::now()));
    figures::expire(shared, shared.options.retention.figures_max_age);
}

/// The same, by these rules and at this time.
pub(super) fn expire(shared: &Shared, alone: &Alone<'_>, options: &RetentionOptions, now_unix_ns: u64) {
    if *options == RetentionOptions::default() {
        return;
    }
    let mut parts: Vec<(u64, SharedPart)> = shared
        .view()
        .parts
        .iter()
        .map(|part| (newest_unix_ns(shared, part), SharedPart::clone(part)))
        .collect();
    parts.sort_by_key(|(newest, part)| (*newest, part.id()));
    let kept: Vec<Kept> =
        parts.iter().map(|(newest, part)| Kept { newest_unix_ns: *newest, bytes: part.bytes() }).collect();
    let space = match disk::space(&shared.layout.parts) {
        Ok(space) => space,
        Err(error) => {
            tracing::warn!(%error, "the free space is not known");
            Space { free_bytes: u64::MAX, total_bytes: 0 }
        }
    };
    let expired = expired(&kept, options, now_unix_ns, space);
    for (number, (_, part)) in parts.drain(..expired.all).enumerate() {
        let removed =
            figures::keep(shared, &part).and_then(|kept| replace::remove(shared, alone, &part, kept));
        if let Err(error) = removed {
            tracing::warn!(part = part.id().dir_name(), %error, "an expired part cannot be removed yet");
            continue;
        }
        let counters = &shared.maintenance.counters;
        counters.expired_parts.fetch_add(1, Ordering::Relaxed);
        counters.expired_spans.fetch_add(part.rows() as u64, Ordering::Relaxed);
        counters.expired_bytes.fetch_add(part.bytes(), Ordering::Relaxed);
        let is_early = number >= expired.by_age;
        if is_early {
            counters.early_expired_spans.fetch_add(part.rows() as u64, Ordering::Relaxed);
        }
        tracing::info!(
            part = part.id().dir_name(),
            spans = part.rows(),
            bytes = part.bytes(),
            is_early,
            "a part has expired"
        );
    }
}

/// How many of the oldest parts are kept no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Expired {
    /// Those that are too old.
    by_age: usize,
    /// With those that go before their age, for want of space.
    all: usize,
}

/// How many of these parts, which are ordered by age, the oldest first, are kept no longer.
fn expired(parts: &[Kept], options: &RetentionOptions, now_unix_ns: u64, space: Space) -> Expired {
    let by_age = options.max_age.map_or(0, |age| {
        let age_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        let oldest = now_unix_ns.saturating_sub(age_ns);
        parts.partition_point(|part| part.newest_unix_ns < oldest)
    });
    let all_bytes = parts.iter().map(|part| part.bytes).sum::<u64>();
    let by_bytes = options.max_bytes.map_or(0, |most| least_prefix(parts, all_bytes.saturating_sub(most)));
    let missing = options.free_bytes(space.total_bytes).saturating_sub(space.free_bytes);
    // When others fill the disk, removing everything would not help.
    let by_space = least_prefix(parts, missing).min(parts.len().saturating_sub(1));
    Expired { by_age, all: by_age.max(by_bytes).max(by_space) }
}

/// The fewest of the oldest parts that have so many bytes; all of them when they have fewer.
fn least_prefix(parts: &[Kept], bytes: u64) -> usize {
    let mut missing = bytes;
    let is_needed = |part: &&Kept| {
        let is_needed = missing > 0;
        missing = missing.saturating_sub(part.bytes);
        is_needed
    };
    parts.iter().take_while(is_needed).count()
}
