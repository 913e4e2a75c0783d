//! How many different things are told apart.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;

use super::key::{EdgeKey, EdgeLevel, RedKey};
use super::totals::Map;

/// Stands for operations and instances beyond those that are told apart.
pub const OTHER: &str = "(other)";

/// Keys that figures are kept by. Each kind has a limit of its own, so that names without end (ids in operations, say) cost neither memory
/// nor disk without end; what is beyond is counted together, and nothing is left out of a sum.
///
/// Whoever came first is admitted, and stays so as long as it is seen; one that was not seen for an hour makes room for another.
#[derive(Debug, Default)]
pub struct Admission {
    limits: AdmissionLimits,
    minute: u32,
    red: Keys,
    instance_edges: Keys,
    operation_edges: Keys,
}

/// The most keys that are told apart at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Of RED figures: service, operation, kind, status, lane and instance. Default: 20,000.
    pub red: usize,
    /// Of edges between instances. Default: 10,000.
    pub instance_edges: usize,
    /// Of edges between operations. Default: 5,000.
    pub operation_edges: usize,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { red: 20_000, instance_edges: 10_000, operation_edges: 5_000 }
    }
}

/// For how many minutes an admitted key that is not seen keeps its place.
const IDLE_MINUTES: u32 = 60;

/// Hashes of admitted keys, and the minute in which each was seen last. Two of equal hash share a place, which does no harm.
#[derive(Debug, Default)]
struct Keys {
    seen: Map<u64, u32>,
    // The minute in which idle ones were last looked for.
    swept: u32,
}

impl Admission {
    /// With these limits.
    pub fn new(limits: AdmissionLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// It is now this minute, counted from anywhere.
    pub fn set_minute(&mut self, minute: u32) {
        self.minute = minute;
    }

    pub(super) fn admit_red(&mut self, key: &RedKey) -> bool {
        self.red.admit(key, self.limits.red, self.minute)
    }

    pub(super) fn admit_edge(&mut self, key: &EdgeKey) -> bool {
        match key.level {
            EdgeLevel::Instance => self.instance_edges.admit(key, self.limits.instance_edges, self.minute),
            EdgeLevel::Operation => self.operation_edges.admit(key, self.limits.operation_edges, self.minute),
        }
    }
}

impl Keys {
    fn admit(&mut self, key: &impl Hash, limit: usize, minute: u32) -> bool {
        let hash = FixedState::default().hash_one(key);
        if let Some(seen) = self.seen.get_mut(&hash) {
            *seen = minute;
            return true;
        }
        if self.seen.len() >= limit && self.swept != minute {
            self.swept = minute;
            self.seen.retain(|_, seen| minute.saturating_sub(*seen) < IDLE_MINUTES);
        }
        let is_admitted = self.seen.len() < limit;
        if is_admitted {
            self.seen.insert(hash, minute);
        }
        is_admitted
    }
}
