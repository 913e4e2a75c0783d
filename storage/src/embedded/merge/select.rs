//! Which parts are merged next.
//!
//! Parts have *tiers*: sealed segments are of tier 0, and what was made of [`FAN_IN`] parts of a tier is of the next. A part of tier 2
//! is not merged any more. So a span is written three times at most: when its segment is sealed, and once for each tier above.
//! (A deletion writes a part once more, and does not count as a merge.) When no spans come any more, what is left of tier 0 is merged too, for
//! figures of sealed segments are not compressed.
//!
//! Only neighbours are merged, so that a part still holds a range of segments. So that retention can drop parts as a whole, no part is made of
//! spans whose ages differ by more than [`Limits::time_span_ns`], nor of more than [`Limits::bytes`].

use std::ops::Range;

use super::super::part::PartId;

#[cfg(test)]
mod tests;

/// How many parts of a tier make one of the next.
///
/// Two steps of 8 make one part of 64 segments. More inputs would mean more parts before a merge, whose trace filters each query
/// asks; fewer would not reach the size at which parts are few with two merges.
pub(super) const FAN_IN: usize = 8;

/// Parts of this tier stay as they are.
const LAST_TIER: u32 = 2;

/// What a merged part may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Spans.
    pub(super) rows: usize,
    /// Bytes of its inputs.
    pub(super) bytes: u64,
    /// Time between the newest spans of its inputs.
    pub(super) time_span_ns: u64,
}

/// What there is to know of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: PartId,
    pub(super) rows: usize,
    pub(super) bytes: u64,
    /// Start of its newest span.
    pub(super) newest_unix_ns: u64,
}

impl Candidate {
    /// Deletions raise the level too: a small part that they left far up may be merged with its neighbours again.
    fn tier(&self, limits: Limits) -> u32 {
        match self.id.level {
            level if level > LAST_TIER && self.rows * FAN_IN < limits.rows => LAST_TIER - 1,
            level => level.min(LAST_TIER),
        }
    }
}

/// The parts to merge next, as a range of `parts`, which are ordered by segments; `None` when there is nothing to do.
///
/// `is_quiet` says that no more parts are expected: then two of tier 0 are enough. `is_open(first, last)` says whether there are segments in
/// between that may yet become a part.
pub(super) fn choose(
    parts: &[Candidate],
    limits: Limits,
    is_quiet: bool,
    is_open: impl Fn(&Candidate, &Candidate) -> bool,
) -> Option<Range<usize>> {
    (0..LAST_TIER).find_map(|tier| {
        let mut start = 0;
        while start < parts.len() {
            match window(parts, start, tier, limits, is_quiet && tier == 0, &is_open) {
                Window::Merge(end) => return Some(start..end),
                Window::Skip(end) => start = end,
            }
        }
        None
    })
}

enum Window {
    /// The parts up to here are merged.
    Merge(usize),
    /// The next window begins here.
    Skip(usize),
}

/// The longest run from `start` on that may be merged, and whether it should be; when this `is_all`, however short it is.
fn window(
    parts: &[Candidate],
    start: usize,
    tier: u32,
    limits: Limits,
    is_all: bool,
    is_open: impl Fn(&Candidate, &Candidate) -> bool,
) -> Window {
    let (mut rows, mut bytes, mut of_tier) = (0usize, 0u64, 0);
    let (mut newest, mut oldest) = (0, u64::MAX);
    for end in start..parts.len() {
        let part = &parts[end];
        rows += part.rows;
        bytes += part.bytes;
        newest = newest.max(part.newest_unix_ns);
        oldest = oldest.min(part.newest_unix_ns);
        let is_final = part.tier(limits) > tier;
        let is_much = rows > limits.rows || bytes > limits.bytes || newest - oldest > limits.time_span_ns;
        if is_final || is_much {
            // It will never be longer.
            return match end - start {
                0 => Window::Skip(start + 1),
                1 => Window::Skip(end),
                _ => Window::Merge(end),
            };
        }
        of_tier += usize::from(part.tier(limits) == tier);
        if of_tier == FAN_IN {
            return Window::Merge(end + 1);
        }
        let is_last = parts.get(end + 1).is_none_or(|next| is_open(part, next));
        if is_last {
            return if is_all && of_tier > 1 { Window::Merge(end + 1) } else { Window::Skip(end + 1) };
        }
    }
    Window::Skip(parts.len())
}
