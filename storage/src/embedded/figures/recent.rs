//! The traces whose last spans were sealed a short while ago.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::traces::{TraceKey, Traces};
use crate::topology::{KnownSpan, RoleId, Roles};

/// A span, and its share of what a trace takes.
pub(super) const BYTES_PER_SPAN: usize = size_of::<KnownSpan>() + 8;
/// What a trace takes beside its spans: its place in the map, and in the insertion.
const BYTES_PER_TRACE: usize = size_of::<(TraceKey, Place)>() * 2 + 24;

/// Spans by trace. What was added to longest ago is forgotten first.
#[derive(Default)]
pub(super) struct Recent {
    places: HashMap<TraceKey, Place, FixedState>,
    // What was inserted together, oldest first.
    insertions: VecDeque<Insertion>,
    next: u64,
    bytes: usize,
}

/// Where all spans of a trace are: the number of an insertion, and which of its traces.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    insertion: u64,
    trace: u32,
}

struct Insertion {
    number: u64,
    at: Instant,
    traces: Traces,
}

impl Insertion {
    fn bytes(&self) -> usize {
        size_of_val(self.traces.spans()) + self.traces.len() * BYTES_PER_TRACE
    }
}

impl Recent {
    /// Whether no trace is remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The spans of a trace, ordered by start and span id, each once; empty if none is remembered.
    pub(super) fn get(&self, trace: &TraceKey) -> &[KnownSpan] {
        let oldest = self.insertions.front().map_or(0, |insertion| insertion.number);
        let found = self.places.get(trace).and_then(|place| {
            let insertion = self.insertions.get((place.insertion - oldest) as usize)?;
            Some(insertion.traces.get(place.trace as usize))
        });
        found.unwrap_or_default()
    }

    /// Traces of these spans, which are ordered by trace, and of what is remembered of those.
    pub(super) fn complete(&self, spans: impl ExactSizeIterator<Item = (TraceKey, KnownSpan)>) -> Traces {
        let mut traces = Traces::with_capacity(spans.len());
        let end = |traces: &mut Traces| {
            let others = traces.last().map(|key| self.get(key));
            traces.end(others.unwrap_or_default());
        };
        for (key, span) in spans {
            if traces.last() != Some(&key) {
                end(&mut traces);
                traces.begin(key);
            }
            traces.push(span);
        }
        end(&mut traces);
        traces
    }

    /// Remembers traces which are [complete](Self::complete), in place of what was remembered of them.
    pub(super) fn insert(&mut self, traces: Traces, at: Instant) {
        let number = self.next;
        self.next += 1;
        for trace in 0..traces.len() {
            self.places.insert(traces.key(trace), Place { insertion: number, trace: trace as u32 });
        }
        let insertion = Insertion { number, at, traces };
        self.bytes += insertion.bytes();
        self.insertions.push_back(insertion);
    }

    /// Forgets what is older, and the oldest of what takes more bytes.
    pub(super) fn forget(&mut self, max_bytes: usize, max_age: Duration, now: Instant) {
        while let Some(oldest) = self.insertions.front() {
            if self.bytes <= max_bytes && now.saturating_duration_since(oldest.at) <= max_age {
                break;
            }
            let Some(oldest) = self.insertions.pop_front() else { break };
            self.bytes -= oldest.bytes();
            for trace in 0..oldest.traces.len() {
                let place = Place { insertion: oldest.number, trace: trace as u32 };
                let key = oldest.traces.key(trace);
                // Else more of it came later.
                if self.places.get(&key) == Some(&place) {
                    self.places.remove(&key);
                }
            }
        }
        if self.places.len() * 4 < self.places.capacity() {
            self.places.shrink_to_fit();
        }
    }

    /// Forgets all other spans.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&KnownSpan) -> bool) {
        for insertion in &mut self.insertions {
            self.bytes -= insertion.bytes();
            insertion.traces.retain(&is_kept);
            self.bytes += insertion.bytes();
        }
    }

    /// Gives memory back that was kept for growing.
    pub(super) fn shrink(&mut self) {
        self.insertions.iter_mut().for_each(|insertion| insertion.traces.shrink());
    }

    /// Forgets the roles that no span has, and everything if there are still more than `most`.
    pub(super) fn renumber(&mut self, roles: &mut Roles, most: usize) {
        let mut kept = Roles::default();
        let mut numbers = HashMap::<RoleId, RoleId, FixedState>::default();
        for span in self.insertions.iter_mut().flat_map(|insertion| insertion.traces.spans_mut()) {
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
