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
use crate::query::Histogram;
use crate::topology::{
    Cells, EdgeFigures, EdgeKey, EdgeLevel, EdgeSide, Exemplars, Keys, Node, NodeKind, Outcome, Presence,
    Provenance, RedFigures, RedKey, Totals, TraceAt, Verdict,
};

const BUCKET_S: u64 = crate::topology::Resolution::FINEST.seconds() as u64;

/// Which keys are written, and by which number: those that the finest figures have. What has none there has none at a coarser resolution.
pub(super) struct WrittenKeys {
    red: Vec<Option<u32>>,
    edges: Vec<Option<u32>>,
}

impl WrittenKeys {
    pub(super) fn of(finest: &Totals) -> Self {
        let number = |used: Vec<bool>| {
            let mut next = 0..;
            used.into_iter().map(|is_used| if is_used { next.next() } else { None }).collect()
        };
        let (mut red, mut edges) = (vec![false; finest.red_keys.len()], vec![false; finest.edge_keys.len()]);
        finest.red.by_key().for_each(|(key, _)| red[key as usize] = true);
        finest.edges.by_key().for_each(|(key, _)| edges[key as usize] = true);
        Self { red: number(red), edges: number(edges) }
    }
}

/// The bytes of keys.
pub(super) fn encode_keys(totals: &Totals, written: &WrittenKeys) -> Vec<u8> {
    let mut texts = Texts::default();
    let mut out = Vec::new();
    put_varint(&mut out, written.red.iter().flatten().count() as u64);
    let red = totals.red_keys.iter().zip(&written.red).filter(|(_, number)| number.is_some());
    red.for_each(|(key, _)| texts.put_red_key(&mut out, key));
    put_varint(&mut out, written.edges.iter().flatten().count() as u64);
    let edges = totals.edge_keys.iter().zip(&written.edges).filter(|(_, number)| number.is_some());
    edges.for_each(|(key, _)| texts.put_edge_key(&mut out, key));
    put_varint(&mut out, totals.presence.iter().count() as u64);
    for (service, lane, minutes) in totals.presence.iter() {
        texts.put(&mut out, service);
        texts.put(&mut out, lane.as_str());
        put_varint(&mut out, minutes.len() as u64);
        let mut last = 0;
        for &minute in minutes {
            put_varint(&mut out, minute - last);
            last = minute;
        }
    }
    let mut bytes = texts.bytes();
    bytes.extend(out);
    bytes
}

/// The bytes of rows.
pub(super) fn encode_rows(totals: &Totals, written: &WrittenKeys) -> Vec<u8> {
    let mut out = Vec::new();
    put_rows(&mut out, &totals.red, &written.red, |out, figures| {
        put_varint(out, zigzag(figures.spans));
        put_histogram(out, &figures.duration_ns);
        put_exemplars(out, &figures.exemplars);
    });
    put_rows(&mut out, &totals.edges, &written.edges, |out, figures| {
        put_varint(out, zigzag(figures.hops));
        put_varint(out, zigzag(figures.errors));
        put_histogram(out, &figures.duration_ns);
        put_histogram(out, &figures.client_duration_ns);
        put_histogram(out, &figures.queueing_ns);
        put_exemplars(out, &figures.exemplars);
    });
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

/// Texts by number.
#[derive(Default)]
struct Texts<'a> {
    texts: Vec<&'a str>,
    numbers: Map<&'a str, u64>,
    // By address and length: keys share most of their texts.
    known: Map<(usize, usize), u64>,
}

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::FixedState>;

impl<'a> Texts<'a> {
    fn put(&mut self, out: &mut Vec<u8>, text: &'a str) {
        let number = *self.known.entry((text.as_ptr() as usize, text.len())).or_insert_with(|| {
            *self.numbers.entry(text).or_insert_with(|| {
                self.texts.push(text);
                self.texts.len() as u64 - 1
            })
        });
        put_varint(out, number);
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, self.texts.len() as u64);
        for text in &self.texts {
            put_varint(&mut bytes, text.len() as u64);
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    fn put_red_key(&mut self, out: &mut Vec<u8>, key: &'a RedKey) {
        self.put(out, &key.service);
        self.put(out, &key.operation);
        out.extend([key.kind.to_otlp() as u8, key.status.to_otlp() as u8, u8::from(key.is_entry)]);
        self.put(out, key.lane.as_str());
        self.put(out, &key.instance);
        self.put(out, key.instance_lane.as_str());
    }

    fn put_edge_key(&mut self, out: &mut Vec<u8>, key: &'a EdgeKey) {
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

fn put_rows<F>(out: &mut Vec<u8>, cells: &Cells<F>, written: &[Option<u32>], put: impl Fn(&mut Vec<u8>, &F)) {
    put_varint(out, cells.len() as u64);
    // Numbers of what is written ascend as those of all keys do.
    let (mut last_key, mut last_time) = (0, 0);
    for (key, rows) in cells.by_key() {
        let Some(key) = written[key as usize] else { continue };
        for ((_, time_s), figures) in rows {
            put_varint(out, u64::from(key - last_key));
            let time = time_s / BUCKET_S;
            put_varint(out, if key == last_key { time - last_time } else { time });
            (last_key, last_time) = (key, time);
            put(out, figures);
        }
    }
}

fn put_histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    let buckets = histogram.numbered_buckets();
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
