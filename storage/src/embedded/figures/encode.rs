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

use std::sync::Arc;

use laneway_proto::{Lane, TraceId};

use crate::embedded::part::encoding::{Cut, put_varint, take_varint, unzigzag, zigzag};
use crate::model::{SpanKind, StatusCode};
use crate::query::{BucketCount, Histogram};
use crate::topology::{
    At, EdgeFigures, EdgeKey, EdgeLevel, EdgeSide, EdgeSum, Exemplars, Keys, Node, NodeKind, Outcome,
    Presence, Provenance, RedFigures, RedKey, RedSum, TakeSums, Totals, TraceAt, Verdict,
};

const BUCKET_S: u64 = crate::topology::Resolution::FINEST.seconds() as u64;

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

/// Which lanes had instances, of keys.
pub(super) fn decode_presence(mut keys: &[u8]) -> Result<Presence, Cut> {
    let mut totals = Totals::default();
    decode_keys(&mut keys, &mut totals)?;
    Ok(totals.presence)
}

/// The figures of keys and rows.
pub(super) fn decode(mut keys: &[u8], mut rows: &[u8]) -> Result<Totals, Cut> {
    let mut totals = Totals::default();
    decode_keys(&mut keys, &mut totals)?;
    decode_rows(&mut rows, &mut totals)?;
    Ok(totals)
}

fn decode_keys(bytes: &mut &[u8], totals: &mut Totals) -> Result<(), Cut> {
    let texts: Vec<Arc<str>> = take_list(bytes, |bytes| {
        let len = take_count(bytes)?;
        let (text, rest) = bytes.split_at_checked(len).ok_or(Cut)?;
        *bytes = rest;
        Ok(std::str::from_utf8(text).map_err(|_| Cut)?.into())
    })?;
    let (mut red_keys, mut edge_keys) = (Keys::default(), Keys::default());
    take_list(bytes, |bytes| take_red_key(bytes, &texts))?.into_iter().for_each(|key| red_keys.push(key));
    take_list(bytes, |bytes| take_edge_key(bytes, &texts))?.into_iter().for_each(|key| edge_keys.push(key));
    totals.red_keys = Arc::new(red_keys);
    totals.edge_keys = Arc::new(edge_keys);
    for _ in 0..take_count(bytes)? {
        let (service, lane) = (take_text(bytes, &texts)?, take_lane(bytes, &texts)?);
        let mut minute = 0u64;
        for _ in 0..take_count(bytes)? {
            minute = minute.checked_add(take_varint(bytes)?).ok_or(Cut)?;
            totals.presence.insert(&service, &lane, minute.checked_mul(60).ok_or(Cut)?);
        }
    }
    Ok(())
}

fn decode_rows(bytes: &mut &[u8], totals: &mut Totals) -> Result<(), Cut> {
    take_rows(bytes, totals.red_keys.len(), |bytes, place| {
        let spans = unzigzag(take_varint(bytes)?);
        let figures =
            RedFigures { spans, duration_ns: take_histogram(bytes)?, exemplars: take_exemplars(bytes)? };
        totals.red.push(place, figures);
        Ok(())
    })?;
    take_rows(bytes, totals.edge_keys.len(), |bytes, place| {
        let (hops, errors) = (unzigzag(take_varint(bytes)?), unzigzag(take_varint(bytes)?));
        let figures = EdgeFigures {
            hops,
            errors,
            duration_ns: take_histogram(bytes)?,
            client_duration_ns: take_histogram(bytes)?,
            queueing_ns: take_histogram(bytes)?,
            exemplars: take_exemplars(bytes)?,
        };
        totals.edges.push(place, figures);
        Ok(())
    })
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

fn take_count(bytes: &mut &[u8]) -> Result<usize, Cut> {
    let count = usize::try_from(take_varint(bytes)?).map_err(|_| Cut)?;
    // Everything that is counted takes a byte at least.
    if count <= bytes.len() { Ok(count) } else { Err(Cut) }
}

fn take_list<T>(
    bytes: &mut &[u8],
    mut take: impl FnMut(&mut &[u8]) -> Result<T, Cut>,
) -> Result<Vec<T>, Cut> {
    /// Damaged bytes may claim any number.
    const MAX_RESERVED: usize = 1 << 12;
    let count = take_count(bytes)?;
    let mut list = Vec::with_capacity(count.min(MAX_RESERVED));
    for _ in 0..count {
        list.push(take(bytes)?);
    }
    Ok(list)
}

fn take_byte(bytes: &mut &[u8]) -> Result<u8, Cut> {
    let (&byte, rest) = bytes.split_first().ok_or(Cut)?;
    *bytes = rest;
    Ok(byte)
}

fn take_text(bytes: &mut &[u8], texts: &[Arc<str>]) -> Result<Arc<str>, Cut> {
    let number = usize::try_from(take_varint(bytes)?).map_err(|_| Cut)?;
    texts.get(number).cloned().ok_or(Cut)
}

fn take_lane(bytes: &mut &[u8], texts: &[Arc<str>]) -> Result<Lane, Cut> {
    Lane::new(&take_text(bytes, texts)?).map_err(|_| Cut)
}

fn take_red_key(bytes: &mut &[u8], texts: &[Arc<str>]) -> Result<RedKey, Cut> {
    Ok(RedKey {
        service: take_text(bytes, texts)?,
        operation: take_text(bytes, texts)?,
        kind: SpanKind::from_otlp(i32::from(take_byte(bytes)?)),
        status: StatusCode::from_otlp(i32::from(take_byte(bytes)?)),
        is_entry: take_byte(bytes)? == 1,
        lane: take_lane(bytes, texts)?,
        instance: take_text(bytes, texts)?,
        instance_lane: take_lane(bytes, texts)?,
    })
}

fn take_edge_key(bytes: &mut &[u8], texts: &[Arc<str>]) -> Result<EdgeKey, Cut> {
    let level = match take_byte(bytes)? {
        0 => EdgeLevel::Instance,
        1 => EdgeLevel::Operation,
        _ => return Err(Cut),
    };
    let (source, target) = (take_side(bytes, texts)?, take_side(bytes, texts)?);
    Ok(EdgeKey {
        level,
        source,
        target,
        protocol: take_text(bytes, texts)?,
        lane: take_lane(bytes, texts)?,
        source_lane: take_lane(bytes, texts)?,
        outcome: match take_byte(bytes)? {
            0 => Outcome::None,
            1 => Outcome::ToBaseline,
            other => Outcome::Verdict(*Verdict::ALL.get(usize::from(other) - 2).ok_or(Cut)?),
        },
        provenance: *Provenance::ALL.get(usize::from(take_byte(bytes)?)).ok_or(Cut)?,
    })
}

fn take_side(bytes: &mut &[u8], texts: &[Arc<str>]) -> Result<EdgeSide, Cut> {
    let kind = *NodeKind::ALL.get(usize::from(take_byte(bytes)?)).ok_or(Cut)?;
    let node = Node { kind, name: take_text(bytes, texts)? };
    Ok(EdgeSide { node, detail: take_text(bytes, texts)?, instance_lane: take_lane(bytes, texts)? })
}

/// Rows are by key and time, each place once.
fn take_rows(
    bytes: &mut &[u8],
    keys: usize,
    mut take: impl FnMut(&mut &[u8], (u32, u64)) -> Result<(), Cut>,
) -> Result<(), Cut> {
    let (mut key, mut time) = (0u64, 0u64);
    for row in 0..take_count(bytes)? {
        let distance = take_varint(bytes)?;
        key = key.checked_add(distance).filter(|&key| key < keys as u64).ok_or(Cut)?;
        let number = take_varint(bytes)?;
        time = match (row, distance) {
            (1.., 0) if number == 0 => return Err(Cut),
            (1.., 0) => time.checked_add(number).ok_or(Cut)?,
            _ => number,
        };
        take(bytes, (key as u32, time.checked_mul(BUCKET_S).ok_or(Cut)?))?;
    }
    Ok(())
}

/// Buckets ascend, each once.
fn take_histogram(bytes: &mut &[u8]) -> Result<Histogram, Cut> {
    let mut next = 0;
    let mut last = 0;
    let buckets = take_list(bytes, |bytes| {
        let bucket =
            u64::checked_add(last, take_varint(bytes)?).filter(|&bucket| bucket >= next).ok_or(Cut)?;
        let number = u16::try_from(bucket).ok().filter(|&bucket| bucket < Histogram::BUCKETS).ok_or(Cut)?;
        (last, next) = (bucket, bucket + 1);
        Ok((number, unzigzag(take_varint(bytes)?)))
    })?;
    Ok(Histogram::of_buckets(buckets))
}

fn take_exemplars(bytes: &mut &[u8]) -> Result<Exemplars, Cut> {
    let bits = take_byte(bytes)?;
    let mut take = |bit: u8| {
        if bits & bit == 0 {
            return Ok(None);
        }
        let at_ns = take_varint(bytes)?;
        let (id, rest) = bytes.split_first_chunk().ok_or(Cut)?;
        *bytes = rest;
        Ok(Some(TraceAt { at_ns, trace_id: TraceId::from_bytes(*id).ok_or(Cut)? }))
    };
    Ok(Exemplars { slowest: take(1)?, newest: take(2)? })
}
