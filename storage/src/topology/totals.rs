//! Sums by key and time, in the form in which they are added up and kept.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::cells::{At, Cells};
use super::figures::{EdgeFigures, Figures, FiguresQuery, RedFigures, Resolution};
use super::key::{EdgeKey, Outcome, RedKey, Verdict};
use super::keys::Keys;
use super::node::{Node, NodeKind};
use super::presence::Presence;
use super::sums::TakeSums;

pub(super) type Map<K, V> = HashMap<K, V, FixedState>;

/// Figures whose keys are numbered: each is there once, however many buckets of time have figures of it.
///
/// Times are starts of buckets, in seconds since the Unix epoch.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    // Shared by figures of the same keys; there may be keys that have none here.
    pub(crate) red_keys: Arc<Keys<RedKey>>,
    pub(crate) edge_keys: Arc<Keys<EdgeKey>>,
    pub(crate) red: Cells<RedFigures>,
    pub(crate) edges: Cells<EdgeFigures>,
    /// Which lanes had instances.
    pub(crate) presence: Presence,
}

impl Totals {
    /// The same at a coarser resolution.
    pub fn at(&self, resolution: Resolution) -> Self {
        Self {
            red_keys: Arc::clone(&self.red_keys),
            edge_keys: Arc::clone(&self.edge_keys),
            red: self.red.coarsened(|_, time_s| resolution.floor_s(time_s)),
            edges: self.edges.coarsened(|key, time_s| self.edge_bucket_s(key, time_s, resolution)),
            presence: self.presence.clone(),
        }
    }

    /// How many sums it would have at a coarser resolution.
    pub(crate) fn rows_at(&self, resolution: Resolution) -> usize {
        self.red.coarsened_len(|_, time_s| resolution.floor_s(time_s))
            + self.edges.coarsened_len(|key, time_s| self.edge_bucket_s(key, time_s, resolution))
    }

    fn edge_bucket_s(&self, key: u32, time_s: u64, resolution: Resolution) -> u64 {
        // What depends on the instances of the minute needs the minute.
        let is_to_judge = self.edge_keys.get(key).outcome == Outcome::ToBaseline;
        let width = if is_to_judge { resolution.min(Resolution::Minute) } else { resolution };
        width.floor_s(time_s)
    }

    /// How many sums it has.
    pub(crate) fn rows(&self) -> usize {
        self.red.len() + self.edges.len()
    }

    /// As they are, by key and time.
    pub fn figures(self) -> Figures {
        let (red, edges) = (self.red.into_rows().into_iter(), self.edges.into_rows().into_iter());
        let red = red.map(|((key, time_s), red)| ((self.red_keys.get(key).clone(), time_s), red));
        let edges = edges.map(|((key, time_s), edge)| ((self.edge_keys.get(key).clone(), time_s), edge));
        let mut figures = Figures { red: red.collect(), edges: edges.collect(), presence: self.presence };
        figures.prune();
        figures
    }

    /// Hands its sums over one by one, without those that are nothing.
    pub(crate) fn visit(&self, to: &mut impl TakeSums) {
        for (at, red) in self.red.iter().filter(|(_, red)| !red.is_nothing()) {
            to.take_red(&self.red_keys, *at, red.as_sum());
        }
        for (at, edge) in self.edges.iter().filter(|(_, edge)| !edge.is_nothing()) {
            to.take_edge(&self.edge_keys, *at, edge.as_sum());
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        /// The texts of a key are mostly shared; a histogram has some buckets.
        const KEY: usize = 64;
        const HISTOGRAM: usize = 20 * size_of::<(u16, i64)>();
        self.red_keys.len() * (size_of::<RedKey>() + KEY)
            + self.edge_keys.len() * (size_of::<EdgeKey>() + KEY)
            + self.red.len() * (size_of::<(At, RedFigures)>() + HISTOGRAM)
            + self.edges.len() * (size_of::<(At, EdgeFigures)>() + 2 * HISTOGRAM)
    }

    /// Leaves out what adds up to nothing.
    pub(crate) fn prune(&mut self) {
        self.red.prune();
        self.edges.prune();
    }

    /// Leaves out a service: its spans, and the hops that begin or end with it. Returns whether there were some.
    pub(crate) fn remove_service(&mut self, name: &str) -> bool {
        let red = self.red.retain_keys(|key| &*self.red_keys.get(key).service != name);
        let edges = self.edges.retain_keys(|key| {
            let key = self.edge_keys.get(key);
            let is_it = |node: &Node| node.kind == NodeKind::Service && &*node.name == name;
            !is_it(&key.source.node) && !is_it(&key.target.node)
        });
        self.presence.remove_service(name);
        red || edges
    }
}

/// Totals that are being added up; those of the summands are looked at in the end, all at once.
#[derive(Debug, Default)]
pub(crate) struct Addition<'a> {
    red_keys: Keys<RedKey>,
    edge_keys: Keys<EdgeKey>,
    red: Vec<(At, &'a RedFigures)>,
    edges: Vec<(At, &'a EdgeFigures)>,
    presence: Presence,
}

impl<'a> Addition<'a> {
    /// Adds all of these, of which all have the same resolution.
    pub(crate) fn add(&mut self, totals: &'a Totals) {
        for (key, rows) in totals.red.by_key() {
            let key = self.red_keys.number(totals.red_keys.get(key));
            self.red.extend(rows.iter().map(|((_, time_s), figures)| ((key, *time_s), figures)));
        }
        for (key, rows) in totals.edges.by_key() {
            let key = self.edge_keys.number(totals.edge_keys.get(key));
            self.edges.extend(rows.iter().map(|((_, time_s), figures)| ((key, *time_s), figures)));
        }
        self.presence.merge(&totals.presence);
    }

    /// Adds what a query asks for of these, of which all have its resolution, into the buckets of its answer. Afterwards, what depends on
    /// instances is not yet [judged](Self::judge), and keeps its time.
    pub(crate) fn add_wanted(&mut self, totals: &'a Totals, query: &FiguresQuery) {
        let of_service = |name: &str| query.service.as_deref().is_none_or(|service| service == name);
        for (key, rows) in totals.red.by_key().filter(|_| query.red) {
            let key = totals.red_keys.get(key);
            if !of_service(&key.service) || !rows.iter().any(|((_, time_s), _)| query.wants(*time_s)) {
                continue;
            }
            let number = self.red_keys.number(key);
            let wanted = rows.iter().filter(|((_, time_s), _)| query.wants(*time_s));
            self.red.extend(wanted.map(|((_, time_s), red)| ((number, query.bucket_s(*time_s)), red)));
        }
        for (key, rows) in totals.edges.by_key() {
            let key = totals.edge_keys.get(key);
            let is_wanted = query.edges == Some(key.level)
                && (of_service(&key.source.node.name) || of_service(&key.target.node.name));
            if !is_wanted || !rows.iter().any(|((_, time_s), _)| query.wants(*time_s)) {
                continue;
            }
            let is_to_judge = key.outcome == Outcome::ToBaseline;
            let bucket_s = |time_s| if is_to_judge { time_s } else { query.bucket_s(time_s) };
            let number = self.edge_keys.number(key);
            let wanted = rows.iter().filter(|((_, time_s), _)| query.wants(*time_s));
            self.edges.extend(wanted.map(|((_, time_s), edge)| ((number, bucket_s(*time_s)), edge)));
        }
        self.presence.merge(&totals.presence);
    }

    /// The sums.
    pub(crate) fn totals(self) -> Totals {
        Totals {
            red: Cells::add_up(self.red),
            edges: Cells::add_up(self.edges),
            red_keys: Arc::new(self.red_keys),
            edge_keys: Arc::new(self.edge_keys),
            presence: self.presence,
        }
    }

    /// Gives each hop of a lane's request to a baseline instance its verdict, and leaves out what adds up to nothing: the answer.
    pub(crate) fn judge(self, query: &FiguresQuery) -> Figures {
        let totals = self.totals();
        let mut judged = Figures { presence: totals.presence, ..Figures::default() };
        for ((key, time_s), figures) in totals.red.into_rows() {
            judged.red.insert((totals.red_keys.get(key).clone(), time_s), figures);
        }
        for ((key, time_s), figures) in totals.edges.into_rows() {
            let mut key = totals.edge_keys.get(key).clone();
            let mut bucket_s = time_s;
            if key.outcome == Outcome::ToBaseline {
                let verdict: Verdict = judged.presence.judge(&key.target.node.name, &key.lane, time_s);
                key.outcome = Outcome::Verdict(verdict);
                bucket_s = query.bucket_s(time_s);
            }
            judged.edges.entry((key, bucket_s)).or_default().merge(&figures);
        }
        judged.prune();
        judged
    }
}
