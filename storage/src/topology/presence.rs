//! Which lanes a service had instances of, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use laneway_proto::Lane;

use super::key::Verdict;
use crate::query::TimeRange;

/// An instance exists in the minute in which it was seen serving a request, and for this long after.
pub const PRESENCE_WINDOW: Duration = Duration::from_secs(5 * 60);

const MINUTE_S: u64 = 60;
const WINDOW_MINUTES: u64 = PRESENCE_WINDOW.as_secs() / MINUTE_S;

/// The minutes in which instances of a lane were seen serving requests, by service and lane. The baseline is left out: it always exists.
///
/// A verdict that depends on it is given when figures are asked for. So an instance that is reported late still turns a
/// [`Fallback`](Verdict::Fallback) into a [`Misroute`](Verdict::Misroute), and the order in which spans arrive is of no importance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence {
    minutes: BTreeMap<(Arc<str>, Lane), BTreeSet<u64>>,
}

impl Presence {
    /// An instance of this service and lane was seen serving then, in seconds since the Unix epoch.
    pub fn insert(&mut self, service: &Arc<str>, lane: &Lane, time_s: u64) {
        if !lane.is_base() {
            self.minutes.entry((Arc::clone(service), lane.clone())).or_default().insert(time_s / MINUTE_S);
        }
    }

    /// Adds what another knows.
    pub fn merge(&mut self, other: &Self) {
        for (key, minutes) in &other.minutes {
            self.minutes.entry(key.clone()).or_default().extend(minutes);
        }
    }

    /// Adds what another knows of this range, and of [`PRESENCE_WINDOW`] before.
    pub(crate) fn merge_within(&mut self, other: &Self, range: TimeRange) {
        let minute = |unix_ns: u64| unix_ns / (MINUTE_S * 1_000_000_000);
        let first = minute(range.start_unix_ns).saturating_sub(WINDOW_MINUTES);
        let last = minute(range.end_unix_ns);
        for (key, minutes) in &other.minutes {
            let mut within = minutes.range(first..=last.max(first)).peekable();
            if within.peek().is_some() {
                self.minutes.entry(key.clone()).or_default().extend(within);
            }
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        /// The texts of a key are mostly shared; a node of a tree is not always full.
        const KEY: usize = 64;
        let of_minutes = |minutes: &BTreeSet<u64>| size_of::<u64>() * 2 * minutes.len();
        self.minutes.values().map(|minutes| KEY + size_of::<BTreeSet<u64>>() + of_minutes(minutes)).sum()
    }

    /// Whether the service had an instance of this lane then, in seconds since the Unix epoch.
    pub fn had_instance(&self, service: &str, lane: &Lane, time_s: u64) -> bool {
        let until = time_s / MINUTE_S;
        let from = until.saturating_sub(WINDOW_MINUTES);
        let minutes = self.minutes.get(&(Arc::from(service), lane.clone()));
        minutes.is_some_and(|minutes| minutes.range(from..=until).next().is_some())
    }

    /// The verdict of a hop of a lane's request to a baseline instance.
    pub fn judge(&self, service: &str, lane: &Lane, time_s: u64) -> Verdict {
        if self.had_instance(service, lane, time_s) { Verdict::Misroute } else { Verdict::Fallback }
    }

    /// Services and lanes, with the minutes in which an instance was seen, since the Unix epoch.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Lane, &BTreeSet<u64>)> {
        self.minutes.iter().map(|((service, lane), minutes)| (service, lane, minutes))
    }

    /// Forgets a service.
    pub(crate) fn remove_service(&mut self, name: &str) {
        self.minutes.retain(|(service, _), _| &**service != name);
    }
}
