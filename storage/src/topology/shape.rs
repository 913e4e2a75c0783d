//! How the spans of a trace hang together.

use super::role::RoleId;

/// Where a span's parent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    /// It names none.
    None,
    /// It names one that is not known, or itself.
    Missing,
    /// By its place among the spans of the trace, which are ordered by start and span id.
    At(u32),
}

/// The role of a span and the place of its parent, in few bits: the links of a trace's spans, in order, are its shape. Hops and lanes depend on
/// nothing else where all spans have different ids, so traces of one shape differ in times only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Link(u64);

impl Link {
    pub(super) fn new(role: RoleId, parent: Parent) -> Self {
        let parent = match parent {
            Parent::None => 0,
            Parent::Missing => 1,
            Parent::At(place) => 2 + u64::from(place),
        };
        Self(u64::from(role.0) | parent << 32)
    }

    pub(super) fn parent(self) -> Parent {
        match self.0 >> 32 {
            0 => Parent::None,
            1 => Parent::Missing,
            place => Parent::At(place as u32 - 2),
        }
    }
}
