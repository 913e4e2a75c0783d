//! Figures as bytes: keys, which all resolutions share, and rows.
//!
//! Every number is LEB128, zigzag where it may be negative. Texts stand once, at the front, and are named by their number.
//!
//! ```text
//! keys
//!   texts:     count, then length and bytes of each
//!   red keys:  count, then service, operation, kind, status, is_entry, lane, instance, instance lane
//!   edge keys: count, then level, source, target (each: kind, name, detail, instance lane), protocol, lane, source lane, outcome, provenance
//!   presence:  count, then service, lane, count of minutes, first minute, distances to the next
//! rows
//!   red:       count, then by key and time: distance of keys, time in 10 s (a distance where the key is the same), spans, histogram, exemplars
//!   edges:     count, then the same: hops, errors, three histograms, exemplars
//!   histogram: count of buckets, then distance and count of each
//!   exemplars: bits (1: slowest, 2: newest), then at_ns and 16 bytes of trace id for each
//! ```

use crate::embedded::part::encoding::{put_varint, zigzag};
use crate::query::BucketCount;
use crate::topology::{
    At, EdgeKey, EdgeLevel, EdgeSum, Exemplars, Keys, NodeKind, Outcome, Presence, Provenance, RedKey,
    RedSum, TakeSums, Totals, Verdict,
};

pub(super) const BUCKET_S: u64 = crate::topology::Resolution::FINEST.seconds() as u64;

/// Figures as bytes.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) keys: Vec<u8>,
    pub(super) rows: Vec<u8>,
    /// The first and the last bucket that there are figures of, in seconds since the Unix epoch.
    pub(super) buckets_s: Option<(u64, u64)>,
}

/// Encodes sums as they come. Keys are numbered anew, in the order in which they come.
pub(super) struct Encoder<'k> {
    known: &'k mut KnownKeys,
    red: Rows,
    edges: Rows,
}

impl<'k> Encoder<'k> {
    /// `known` are those of the keys that will come.
    pub(super) fn new(known: &'k mut KnownKeys) -> Self {
        Self { known, red: Rows::default(), edges: Rows::default() }
    }

    /// The bytes of all that came.
    pub(super) fn finish(self, presence: &Presence) -> Encoded {
        let Self { known: KnownKeys { texts, red: red_keys, edges: edge_keys }, red, edges } = self;
        let mut list = Vec::new();
        red_keys.put(&mut list, &red.keys);
        edge_keys.put(&mut list, &edges.keys);
        put_varint(&mut list, presence.iter().count() as u64);
        for (service, lane, minutes) in presence.iter() {
            texts.put(&mut list, service);
            texts.put(&mut list, lane.as_str());
            put_varint(&mut list, minutes.len() as u64);
            let mut last = 0;
            for &minute in minutes {
                put_varint(&mut list, minute - last);
                last = minute;
            }
        }
        let mut keys = Vec::with_capacity(texts.bytes.len() + list.len() + 9);
        put_varint(&mut keys, texts.numbers.len() as u64);
        keys.extend_from_slice(&texts.bytes);
        keys.extend_from_slice(&list);
        let buckets_s = [red.buckets_s, edges.buckets_s].into_iter().flatten();
        let buckets_s = buckets_s
            .reduce(|(a_first, a_last), (b_first, b_last)| (a_first.min(b_first), a_last.max(b_last)));
        Encoded { keys, rows: rows(&red, &edges), buckets_s }
    }

    /// The bytes of rows of the same figures at a coarser resolution.
    pub(super) fn coarse_rows(&self, totals: &Totals) -> Vec<u8> {
        let mut coarse = CoarseRows { finest: self, red: Rows::default(), edges: Rows::default() };
        totals.visit(&mut coarse);
        rows(&coarse.red, &coarse.edges)
    }
}

impl TakeSums for Encoder<'_> {
    fn take_red(&mut self, keys: &Keys<RedKey>, (key, time_s): At, sum: RedSum<'_>) {
        if self.red.keys.last() != Some(&key) {
            self.red.keys.push(key);
            self.known.see_red(keys, key);
        }
        self.red.put_red(self.red.keys.len() as u32 - 1, time_s, sum);
    }

    fn take_edge(&mut self, keys: &Keys<EdgeKey>, (key, time_s): At, sum: EdgeSum<'_>) {
        if self.edges.keys.last() != Some(&key) {
            self.edges.keys.push(key);
            self.known.see_edge(keys, key);
        }
        self.edges.put_edge(self.edges.keys.len() as u32 - 1, time_s, sum);
    }
}

/// Encodes rows whose keys are among those of the finest ones.
struct CoarseRows<'a, 'k> {
    finest: &'a Encoder<'k>,
    red: Rows,
    edges: Rows,
}

impl TakeSums for CoarseRows<'_, '_> {
    fn take_red(&mut self, _: &Keys<RedKey>, (key, time_s): At, sum: RedSum<'_>) {
        if let Ok(number) = self.finest.red.keys.binary_search(&key) {
            self.red.put_red(number as u32, time_s, sum);
        }
    }

    fn take_edge(&mut self, _: &Keys<EdgeKey>, (key, time_s): At, sum: EdgeSum<'_>) {
        if let Ok(number) = self.finest.edges.keys.binary_search(&key) {
            self.edges.put_edge(number as u32, time_s, sum);
        }
    }
}

/// Rows as bytes, while they come.
#[derive(Default)]
struct Rows {
    // The keys that came, ascending, by the numbers that others know them by.
    keys: Vec<u32>,
    count: u64,
    bytes: Vec<u8>,
    last: (u32, u64),
    buckets_s: Option<(u64, u64)>,
}

impl Rows {
    fn put_at(&mut self, key: u32, time_s: u64) {
        let (last_key, last_time) = self.last;
        let time = time_s / BUCKET_S;
        put_varint(&mut self.bytes, u64::from(key - last_key));
        put_varint(&mut self.bytes, if key == last_key { time - last_time } else { time });
        self.last = (key, time);
        self.count += 1;
        let (first_s, last_s) = self.buckets_s.unwrap_or((time_s, time_s));
        self.buckets_s = Some((first_s.min(time_s), last_s.max(time_s)));
    }

    fn put_red(&mut self, key: u32, time_s: u64, sum: RedSum<'_>) {
        self.put_at(key, time_s);
        let out = &mut self.bytes;
        put_varint(out, zigzag(sum.spans));
        put_histogram(out, sum.duration_ns);
        put_exemplars(out, &sum.exemplars);
    }

    fn put_edge(&mut self, key: u32, time_s: u64, sum: EdgeSum<'_>) {
        self.put_at(key, time_s);
        let out = &mut self.bytes;
        put_varint(out, zigzag(sum.hops));
        put_varint(out, zigzag(sum.errors));
        put_histogram(out, sum.duration_ns);
        put_histogram(out, sum.client_duration_ns);
        put_histogram(out, sum.queueing_ns);
        put_exemplars(out, &sum.exemplars);
    }
}

fn rows(red: &Rows, edges: &Rows) -> Vec<u8> {
    let mut out = Vec::with_capacity(red.bytes.len() + edges.bytes.len() + 18);
    for rows in [red, edges] {
        put_varint(&mut out, rows.count);
        out.extend_from_slice(&rows.bytes);
    }
    out
}

/// Keys as bytes, by the numbers that others know them by, and the texts that they name. They can be used again for as long as keys have the
/// same numbers.
#[derive(Default)]
pub(super) struct KnownKeys {
    texts: Texts,
    red: KeyBytes,
    edges: KeyBytes,
}

impl KnownKeys {
    fn see_red(&mut self, keys: &Keys<RedKey>, number: u32) {
        let Self { texts, red, .. } = self;
        red.see(number, |out| texts.put_red_key(out, keys.get(number)));
    }

    fn see_edge(&mut self, keys: &Keys<EdgeKey>, number: u32) {
        let Self { texts, edges, .. } = self;
        edges.see(number, |out| texts.put_edge_key(out, keys.get(number)));
    }
}

/// The bytes of keys that were seen.
#[derive(Default)]
struct KeyBytes {
    bytes: Vec<u8>,
    // By number of the key; nothing where it was not seen yet.
    places: Vec<std::ops::Range<u32>>,
}

impl KeyBytes {
    fn see(&mut self, number: u32, put: impl FnOnce(&mut Vec<u8>)) {
        let number = number as usize;
        if self.places.len() <= number {
            self.places.resize(number + 1, 0..0);
        }
        if self.places[number].is_empty() {
            let from = self.bytes.len() as u32;
            put(&mut self.bytes);
            self.places[number] = from..self.bytes.len() as u32;
        }
    }

    fn put(&self, out: &mut Vec<u8>, numbers: &[u32]) {
        put_varint(out, numbers.len() as u64);
        for &number in numbers {
            let place = &self.places[number as usize];
            out.extend_from_slice(&self.bytes[place.start as usize..place.end as usize]);
        }
    }
}

/// Texts by number.
#[derive(Default)]
struct Texts {
    // As they are written.
    bytes: Vec<u8>,
    numbers: Map<Box<str>, u64>,
}

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;

impl Texts {
    fn put(&mut self, out: &mut Vec<u8>, text: &str) {
        let number = match self.numbers.get(text) {
            Some(&number) => number,
            None => {
                let number = self.numbers.len() as u64;
                put_varint(&mut self.bytes, text.len() as u64);
                self.bytes.extend_from_slice(text.as_bytes());
                self.numbers.insert(text.into(), number);
                number
            }
        };
        put_varint(out, number);
    }

    fn put_red_key(&mut self, out: &mut Vec<u8>, key: &RedKey) {
        self.put(out, &key.service);
        self.put(out, &key.operation);
        out.extend([key.kind.to_otlp() as u8, key.status.to_otlp() as u8, u8::from(key.is_entry)]);
        self.put(out, key.lane.as_str());
        self.put(out, &key.instance);
        self.put(out, key.instance_lane.as_str());
    }

    fn put_edge_key(&mut self, out: &mut Vec<u8>, key: &EdgeKey) {
        out.push(match key.level {
            EdgeLevel::Instance => 0,
            EdgeLevel::Operation => 1,
        });
        for side in [&key.source, &key.target] {
            out.push(place(&NodeKind::ALL, side.node.kind));
            self.put(out, &side.node.name);
            self.put(out, &side.detail);
            self.put(out, side.instance_lane.as_str());
        }
        self.put(out, &key.protocol);
        self.put(out, key.lane.as_str());
        self.put(out, key.source_lane.as_str());
        out.push(match key.outcome {
            Outcome::None => 0,
            Outcome::ToBaseline => 1,
            Outcome::Verdict(verdict) => 2 + place(&Verdict::ALL, verdict),
        });
        out.push(place(&Provenance::ALL, key.provenance));
    }
}

fn place<T: PartialEq>(all: &[T], one: T) -> u8 {
    all.iter().position(|other| *other == one).unwrap_or_default() as u8
}

fn put_histogram(out: &mut Vec<u8>, buckets: &[BucketCount]) {
    put_varint(out, buckets.len() as u64);
    let mut last = 0;
    for &(bucket, count) in buckets {
        put_varint(out, u64::from(bucket - last));
        put_varint(out, zigzag(count));
        last = bucket;
    }
}

fn put_exemplars(out: &mut Vec<u8>, exemplars: &Exemplars) {
    out.push(u8::from(exemplars.slowest.is_some()) | u8::from(exemplars.newest.is_some()) << 1);
    for at in [exemplars.slowest, exemplars.newest].into_iter().flatten() {
        put_varint(out, at.at_ns);
        out.extend_from_slice(at.trace_id.as_bytes());
    }
}
