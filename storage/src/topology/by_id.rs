//! The spans of a trace by id.

use std::hash::{BuildHasher, RandomState};

use super::role::KnownSpan;

/// Places of spans by id, in a table that is used again for the next trace.
///
/// Ids come from outside, so what they are multiplied by is a secret (multiply-shift hashing; Dietzfelbinger et al., "A Reliable Randomized
/// Algorithm for the Closest-Pair Problem", 1997).
#[derive(Debug)]
pub(super) struct ById {
    // Probed linearly. 0 is free, else the place of a span, and 1.
    slots: Vec<u32>,
    factor: u64,
    // Leaves of a product as many bits as number the slots.
    shift: u32,
    are_shared: bool,
}

impl Default for ById {
    fn default() -> Self {
        Self { slots: Vec::new(), factor: RandomState::new().hash_one(0) | 1, shift: 0, are_shared: false }
    }
}

impl ById {
    /// Forgets the spans so far, and takes these.
    pub(super) fn index(&mut self, spans: &[KnownSpan]) {
        // At most half full.
        let slots = (spans.len() * 2).next_power_of_two().max(2);
        self.shift = u64::BITS - slots.trailing_zeros();
        self.slots.clear();
        self.slots.resize(slots, 0);
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
        (id.wrapping_mul(self.factor) >> self.shift) as usize
    }

    fn behind(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}
