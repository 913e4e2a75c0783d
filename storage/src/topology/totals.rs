//! Sums by key and time, in the form in which they are added up and kept.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::figures::{EdgeFigures, Figures, FiguresQuery, RedFigures, Resolution};
use super::key::{EdgeKey, Outcome, RedKey, Verdict};
use super::presence::Presence;

pub(super) type Map<K, V> = HashMap<K, V, FixedState>;

/// Figures whose keys are numbered: each is there once, however many buckets of time have figures of it.
///
/// Times are starts of buckets, in seconds since the Unix epoch.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    pub(crate) red_keys: Keys<RedKey>,
    pub(crate) edge_keys: Keys<EdgeKey>,
    pub(crate) red: Map<(u32, u64), RedFigures>,
    pub(crate) edges: Map<(u32, u64), EdgeFigures>,
    /// Which lanes had instances.
    pub(crate) presence: Presence,
}

/// Each different key once, by number.
#[derive(Debug, Clone)]
pub(crate) struct Keys<K> {
    keys: Vec<K>,
    numbers: Map<K, u32>,
}

impl Totals {
    pub(crate) fn red_mut(&mut self, key: u32, time_s: u64) -> &mut RedFigures {
        self.red.entry((key, time_s)).or_default()
    }

    pub(crate) fn edge_mut(&mut self, key: u32, time_s: u64) -> &mut EdgeFigures {
        self.edges.entry((key, time_s)).or_default()
    }

    /// The same at a coarser resolution.
    pub fn at(&self, resolution: Resolution) -> Self {
        let mut coarse = Self { presence: self.presence.clone(), ..Self::default() };
        coarse.red_keys = self.red_keys.clone();
        coarse.edge_keys = self.edge_keys.clone();
        for (&(key, time_s), figures) in &self.red {
            coarse.red_mut(key, resolution.floor_s(time_s)).merge(figures);
        }
        for (&(key, time_s), figures) in &self.edges {
            // What depends on the instances of the minute needs the minute.
            let is_to_judge = self.edge_keys.get(key).outcome == Outcome::ToBaseline;
            let width = if is_to_judge { resolution.min(Resolution::Minute) } else { resolution };
            coarse.edge_mut(key, width.floor_s(time_s)).merge(figures);
        }
        coarse
    }

    /// Adds what a query asks for of others, of which all have its resolution, into the buckets of its answer. Afterwards, what depends on
    /// instances is not yet [judged](Self::judge), and keeps its time.
    pub fn add_wanted(&mut self, other: &Self, query: &FiguresQuery) {
        let of_service = |name: &str| query.service.as_deref().is_none_or(|service| service == name);
        if query.red {
            let places = other.red_keys.keys.iter();
            let places: Vec<Option<u32>> = places
                .map(|key| of_service(&key.service).then(|| self.red_keys.number(key.clone())))
                .collect();
            for (&(key, time_s), figures) in &other.red {
                if let Some(key) = places[key as usize].filter(|_| query.wants(time_s)) {
                    self.red_mut(key, query.bucket_s(time_s)).merge(figures);
                }
            }
        }
        let places = other.edge_keys.keys.iter().map(|key| {
            let is_wanted = query.edges == Some(key.level)
                && (of_service(&key.source.node.name) || of_service(&key.target.node.name));
            is_wanted.then(|| (self.edge_keys.number(key.clone()), key.outcome == Outcome::ToBaseline))
        });
        let places: Vec<Option<(u32, bool)>> = places.collect();
        for (&(key, time_s), figures) in &other.edges {
            if let Some((key, is_to_judge)) = places[key as usize].filter(|_| query.wants(time_s)) {
                let bucket_s = if is_to_judge { time_s } else { query.bucket_s(time_s) };
                self.edge_mut(key, bucket_s).merge(figures);
            }
        }
        self.presence.merge(&other.presence);
    }

    /// Adds all of another of the same resolution.
    pub fn add(&mut self, other: &Self) {
        let red: Vec<u32> = other.red_keys.keys.iter().map(|key| self.red_keys.number(key.clone())).collect();
        let edges: Vec<u32> =
            other.edge_keys.keys.iter().map(|key| self.edge_keys.number(key.clone())).collect();
        for (&(key, time_s), figures) in &other.red {
            self.red_mut(red[key as usize], time_s).merge(figures);
        }
        for (&(key, time_s), figures) in &other.edges {
            self.edge_mut(edges[key as usize], time_s).merge(figures);
        }
        self.presence.merge(&other.presence);
    }

    /// Gives each hop of a lane's request to a baseline instance its verdict, and leaves out what adds up to nothing: the answer.
    pub fn judge(self, query: &FiguresQuery) -> Figures {
        let mut judged = Figures { presence: self.presence, ..Figures::default() };
        for ((key, time_s), figures) in self.red {
            judged.red.entry((self.red_keys.get(key).clone(), time_s)).or_default().merge(&figures);
        }
        for ((key, time_s), figures) in self.edges {
            let mut key = self.edge_keys.get(key).clone();
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

    /// As they are, by key and time.
    pub fn figures(self) -> Figures {
        let red =
            self.red.into_iter().map(|((key, time_s), red)| ((self.red_keys.get(key).clone(), time_s), red));
        let edges = self
            .edges
            .into_iter()
            .map(|((key, time_s), edge)| ((self.edge_keys.get(key).clone(), time_s), edge));
        let mut figures = Figures { red: red.collect(), edges: edges.collect(), presence: self.presence };
        figures.prune();
        figures
    }

    /// Leaves out what adds up to nothing.
    pub(crate) fn prune(&mut self) {
        self.red.retain(|_, figures| !figures.is_nothing());
        self.edges.retain(|_, figures| !figures.is_nothing());
    }

    /// Leaves out a service: its spans, and the hops that begin or end with it.
    pub(crate) fn remove_service(&mut self, name: &str) {
        self.red.retain(|&(key, _), _| &*self.red_keys.get(key).service != name);
        self.edges.retain(|&(key, _), _| {
            let key = self.edge_keys.get(key);
            let is_it = |node: &super::Node| node.kind == super::NodeKind::Service && &*node.name == name;
            !is_it(&key.source.node) && !is_it(&key.target.node)
        });
        self.presence.remove_service(name);
    }
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), numbers: Map::default() }
    }
}

impl<K: Clone + Eq + std::hash::Hash> Keys<K> {
    /// The number of a key.
    pub(crate) fn number(&mut self, key: K) -> u32 {
        if let Some(&number) = self.numbers.get(&key) {
            return number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key.clone());
        self.numbers.insert(key, number);
        number
    }

    /// The key of a number.
    pub(crate) fn get(&self, number: u32) -> &K {
        &self.keys[number as usize]
    }

    /// By number.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &K> {
        self.keys.iter()
    }
}
