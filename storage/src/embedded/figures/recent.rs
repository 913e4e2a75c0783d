//! The traces whose last spans were sealed a short while ago.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::topology::{KnownSpan, RoleId, Roles};

pub(super) type TraceKey = [u8; 16];

/// A span, and its share of what a trace takes: its id, its place in the map and in the queue, its list.
pub(super) const BYTES_PER_SPAN: usize = size_of::<KnownSpan>() + 8;
/// What a trace takes beside its spans.
const BYTES_PER_TRACE: usize = 2 * size_of::<TraceKey>() + size_of::<Trace>() + 16;

/// Spans by trace. What was added to longest ago is forgotten first.
#[derive(Default)]
pub(super) struct Recent {
    traces: HashMap<TraceKey, Trace, FixedState>,
    // What was inserted together, oldest first.
    insertions: VecDeque<Insertion>,
    next: u64,
    bytes: usize,
}

struct Trace {
    // Ordered by start and span id, each once.
    spans: Vec<KnownSpan>,
    // The insertion that added to it last.
    last: u64,
}

struct Insertion {
    number: u64,
    at: Instant,
    traces: Vec<TraceKey>,
}

impl Recent {
    /// Whether no trace is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// The spans of a trace, ordered by start and span id, each once.
    pub(super) fn get(&self, trace: &TraceKey) -> Option<&Vec<KnownSpan>> {
        self.traces.get(trace).map(|trace| &trace.spans)
    }

    /// Adds spans that are ordered by trace.
    pub(super) fn insert(&mut self, spans: &[(TraceKey, KnownSpan)], at: Instant) {
        let number = self.next;
        self.next += 1;
        let mut traces = Vec::new();
        let mut united = Vec::new();
        for group in spans.chunk_by(|a, b| a.0 == b.0) {
            let key = group[0].0;
            let trace = self.traces.entry(key).or_insert_with(|| Trace { spans: Vec::new(), last: number });
            if trace.spans.is_empty() {
                self.bytes += BYTES_PER_TRACE;
            }
            unite(&trace.spans, group.iter().map(|(_, span)| *span), &mut united);
            self.bytes += (united.len() - trace.spans.len()) * BYTES_PER_SPAN;
            trace.spans = united.as_slice().to_vec();
            trace.last = number;
            traces.push(key);
        }
        self.insertions.push_back(Insertion { number, at, traces });
    }

    /// Forgets what is older, and the oldest of what takes more bytes.
    pub(super) fn forget(&mut self, max_bytes: usize, max_age: Duration, now: Instant) {
        while let Some(oldest) = self.insertions.front() {
            if self.bytes <= max_bytes && now.saturating_duration_since(oldest.at) <= max_age {
                break;
            }
            let Some(oldest) = self.insertions.pop_front() else { break };
            for key in oldest.traces {
                if self.traces.get(&key).is_some_and(|trace| trace.last == oldest.number)
                    && let Some(trace) = self.traces.remove(&key)
                {
                    self.bytes -= BYTES_PER_TRACE + trace.spans.len() * BYTES_PER_SPAN;
                }
            }
        }
        if self.traces.len() * 4 < self.traces.capacity() {
            self.traces.shrink_to_fit();
        }
    }

    /// Forgets the roles that no span has, and everything if there are still more than `most`.
    pub(super) fn renumber(&mut self, roles: &mut Roles, most: usize) {
        let mut kept = Roles::default();
        let mut numbers = HashMap::<RoleId, RoleId, FixedState>::default();
        for span in self.traces.values_mut().flat_map(|trace| &mut trace.spans) {
            let number =
                numbers.entry(span.role).or_insert_with(|| kept.intern(roles.get(span.role).clone()));
            span.role = *number;
        }
        if kept.len() > most {
            *self = Self::default();
            kept = Roles::default();
        }
        *roles = kept;
    }
}

/// Unites spans: of two that are the same, the first that was known stays.
pub(super) fn unite(known: &[KnownSpan], more: impl Iterator<Item = KnownSpan>, united: &mut Vec<KnownSpan>) {
    united.clear();
    united.extend_from_slice(known);
    united.extend(more);
    let key = |span: &KnownSpan| (span.start_unix_ns, span.span_id);
    // Stable, so what was known stands first.
    united.sort_by_key(key);
    united.dedup_by_key(|span| key(span));
}
