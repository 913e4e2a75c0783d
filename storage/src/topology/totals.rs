//! Sums by key and time, in the form in which they are added up and kept.

use std::sync::Arc;

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
    // Shared by the resolutions of the same figures.
    pub(crate) red_keys: Arc<Keys<RedKey>>,
    pub(crate) edge_keys: Arc<Keys<EdgeKey>>,
    pub(crate) red: Cells<RedFigures>,
    pub(crate) edges: Cells<EdgeFigures>,
    /// Which lanes had instances.
    pub(crate) presence: Presence,
}

/// Sums by number of the key and time.
#[derive(Debug, Clone)]
pub(crate) struct Cells<F> {
    places: Map<(u32, u64), u32>,
    // Beside the map, which would move them whenever it grows.
    rows: Vec<((u32, u64), F)>,
}

/// Each different key once, by number.
#[derive(Debug, Clone)]
pub(crate) struct Keys<K> {
    keys: Vec<K>,
    numbers: Map<K, u32>,
}

impl Totals {
    pub(crate) fn red_mut(&mut self, key: u32, time_s: u64) -> &mut RedFigures {
        self.red.at((key, time_s))
    }

    pub(crate) fn edge_mut(&mut self, key: u32, time_s: u64) -> &mut EdgeFigures {
        self.edges.at((key, time_s))
    }

    pub(crate) fn number_red(&mut self, key: RedKey) -> u32 {
        Arc::make_mut(&mut self.red_keys).number(key)
    }

    pub(crate) fn number_edge(&mut self, key: EdgeKey) -> u32 {
        Arc::make_mut(&mut self.edge_keys).number(key)
    }

    /// The same at a coarser resolution.
    pub fn at(&self, resolution: Resolution) -> Self {
        let mut coarse = Self { presence: self.presence.clone(), ..Self::default() };
        coarse.red_keys = Arc::clone(&self.red_keys);
        coarse.edge_keys = Arc::clone(&self.edge_keys);
        for &((key, time_s), ref figures) in self.red.iter() {
            coarse.red_mut(key, resolution.floor_s(time_s)).merge(figures);
        }
        for &((key, time_s), ref figures) in self.edges.iter() {
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
            let places: Vec<Option<u32>> =
                places.map(|key| of_service(&key.service).then(|| self.number_red(key.clone()))).collect();
            for &((key, time_s), ref figures) in other.red.iter() {
                if let Some(key) = places[key as usize].filter(|_| query.wants(time_s)) {
                    self.red_mut(key, query.bucket_s(time_s)).merge(figures);
                }
            }
        }
        let places = other.edge_keys.keys.iter().map(|key| {
            let is_wanted = query.edges == Some(key.level)
                && (of_service(&key.source.node.name) || of_service(&key.target.node.name));
            is_wanted.then(|| (self.number_edge(key.clone()), key.outcome == Outcome::ToBaseline))
        });
        let places: Vec<Option<(u32, bool)>> = places.collect();
        for &((key, time_s), ref figures) in other.edges.iter() {
            if let Some((key, is_to_judge)) = places[key as usize].filter(|_| query.wants(time_s)) {
                let bucket_s = if is_to_judge { time_s } else { query.bucket_s(time_s) };
                self.edge_mut(key, bucket_s).merge(figures);
            }
        }
        self.presence.merge(&other.presence);
    }

    /// Adds all of another of the same resolution.
    pub fn add(&mut self, other: &Self) {
        let red: Vec<u32> = other.red_keys.keys.iter().map(|key| self.number_red(key.clone())).collect();
        let edges: Vec<u32> = other.edge_keys.keys.iter().map(|key| self.number_edge(key.clone())).collect();
        for &((key, time_s), ref figures) in other.red.iter() {
            self.red_mut(red[key as usize], time_s).merge(figures);
        }
        for &((key, time_s), ref figures) in other.edges.iter() {
            self.edge_mut(edges[key as usize], time_s).merge(figures);
        }
        self.presence.merge(&other.presence);
    }

    /// Gives each hop of a lane's request to a baseline instance its verdict, and leaves out what adds up to nothing: the answer.
    pub fn judge(self, query: &FiguresQuery) -> Figures {
        let mut judged = Figures { presence: self.presence, ..Figures::default() };
        for ((key, time_s), figures) in self.red.rows {
            judged.red.entry((self.red_keys.get(key).clone(), time_s)).or_default().merge(&figures);
        }
        for ((key, time_s), figures) in self.edges.rows {
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
        let red = self
            .red
            .rows
            .into_iter()
            .map(|((key, time_s), red)| ((self.red_keys.get(key).clone(), time_s), red));
        let edges = self
            .edges
            .rows
            .into_iter()
            .map(|((key, time_s), edge)| ((self.edge_keys.get(key).clone(), time_s), edge));
        let mut figures = Figures { red: red.collect(), edges: edges.collect(), presence: self.presence };
        figures.prune();
        figures
    }

    /// The times of all its figures.
    pub(crate) fn times_s(&self) -> impl Iterator<Item = u64> + '_ {
        self.red.places().chain(self.edges.places()).map(|(_, time_s)| time_s)
    }

    /// About how many bytes it takes.
    pub(crate) fn memory_bytes(&self) -> usize {
        /// The texts of a key are mostly shared; a histogram has some buckets.
        const KEY: usize = 128;
        const HISTOGRAM: usize = 20 * size_of::<(u16, i64)>();
        self.red_keys.keys.len() * (2 * size_of::<RedKey>() + KEY)
            + self.edge_keys.keys.len() * (2 * size_of::<EdgeKey>() + KEY)
            + self.red.rows.len() * (size_of::<RedFigures>() + HISTOGRAM + 16)
            + self.edges.rows.len() * (size_of::<EdgeFigures>() + 2 * HISTOGRAM + 16)
    }

    /// Leaves out what adds up to nothing.
    pub(crate) fn prune(&mut self) {
        self.red.retain(|_, figures| !figures.is_nothing());
        self.edges.retain(|_, figures| !figures.is_nothing());
    }

    /// Leaves out a service: its spans, and the hops that begin or end with it. Returns whether there were some.
    pub(crate) fn remove_service(&mut self, name: &str) -> bool {
        let before = (self.red.rows.len(), self.edges.rows.len());
        self.red.retain(|key, _| &*self.red_keys.get(key).service != name);
        self.edges.retain(|key, _| {
            let key = self.edge_keys.get(key);
            let is_it = |node: &super::Node| node.kind == super::NodeKind::Service && &*node.name == name;
            !is_it(&key.source.node) && !is_it(&key.target.node)
        });
        self.presence.remove_service(name);
        before != (self.red.rows.len(), self.edges.rows.len())
    }
}

impl<F> Default for Cells<F> {
    fn default() -> Self {
        Self { places: Map::default(), rows: Vec::new() }
    }
}

impl<F: Default> Cells<F> {
    /// The sums of a key, by its number, and time.
    pub(crate) fn at(&mut self, place: (u32, u64)) -> &mut F {
        let row = *self.places.entry(place).or_insert_with(|| {
            self.rows.push((place, F::default()));
            self.rows.len() as u32 - 1
        });
        &mut self.rows[row as usize].1
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, ((u32, u64), F)> {
        self.rows.iter()
    }

    /// Numbers of keys, and times.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.rows.iter().map(|(place, _)| *place)
    }

    fn retain(&mut self, is_kept: impl Fn(u32, &F) -> bool) {
        let before = self.rows.len();
        self.rows.retain(|((key, _), figures)| is_kept(*key, figures));
        if self.rows.len() < before {
            self.places = self.rows.iter().map(|(place, _)| *place).zip(0..).collect();
        }
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
