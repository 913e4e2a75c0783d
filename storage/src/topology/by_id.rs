//! The spans of a trace by id.

use std::hash::BuildHasher;

use super::role::KnownSpan;

/// Places of spans by id, in a table that is used again for the next trace. Ids come from outside, so they are hashed with a secret.
#[derive(Debug, Default)]
pub(super) struct ById {
    // Probed linearly. 0 is free, else the place of a span, and 1.
    slots: Vec<u32>,
    hasher: foldhash::fast::RandomState,
    are_shared: bool,
}

impl ById {
    /// Forgets the spans so far, and takes these.
    pub(super) fn index(&mut self, spans: &[KnownSpan]) {
        self.slots.clear();
        // At most half full.
        self.slots.resize((spans.len() * 2).next_power_of_two(), 0);
        self.are_shared = false;
        for (span, place) in spans.iter().zip(1..) {
            let mut slot = self.slot(span.span_id);
            while self.slots[slot] != 0 {
                self.are_shared |= spans[self.slots[slot] as usize - 1].span_id == span.span_id;
                slot = self.behind(slot);
            }
            self.slots[slot] = place;
        }
    }

    /// Whether two of them have the same id.
    pub(super) fn are_shared(&self) -> bool {
        self.are_shared
    }

    /// The first of this id.
    pub(super) fn first(&self, spans: &[KnownSpan], id: u64) -> Option<u32> {
        self.all(spans, id).next()
    }

    /// All of this id, by place. `spans` are those that were [indexed](Self::index).
    pub(super) fn all(&self, spans: &[KnownSpan], id: u64) -> impl Iterator<Item = u32> {
        let mut slot = self.slot(id);
        std::iter::from_fn(move || {
            let place = self.slots[slot].checked_sub(1)?;
            slot = self.behind(slot);
            Some(place)
        })
        .filter(move |&place| spans[place as usize].span_id == id)
    }

    fn slot(&self, id: u64) -> usize {
        self.hasher.hash_one(id) as usize & (self.slots.len() - 1)
    }

    fn behind(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}
