//! Figures from bytes: see [`encode`](super::encode). They are never trusted.

use std::hash::Hash;
use std::sync::Arc;

use laneway_proto::{Lane, TraceId};

use super::encode::BUCKET_S;
use crate::embedded::part::encoding::{Cut, take_varint, unzigzag};
use crate::model::{SpanKind, StatusCode};
use crate::query::Histogram;
use crate::topology::{
    At, Cells, EdgeFigures, EdgeKey, EdgeLevel, EdgeSide, Exemplars, Keys, Node, NodeKind, Outcome, Presence,
    Provenance, RedFigures, RedKey, Totals, TraceAt, Verdict,
};

/// Which lanes had instances, of keys.
pub(super) fn decode_presence(mut keys: &[u8]) -> Result<Presence, Cut> {
    let mut totals = Totals::default();
    decode_keys(&mut keys, &mut totals)?;
    Ok(totals.presence)
}

/// Whether keys name this text.
pub(super) fn is_named(mut keys: &[u8], text: &str) -> Result<bool, Cut> {
    Ok(take_texts(&mut keys)?.iter().any(|named| &**named == text))
}

/// The figures of keys and rows.
pub(super) fn decode(mut keys: &[u8], mut rows: &[u8]) -> Result<Totals, Cut> {
    let mut totals = Totals::default();
    decode_keys(&mut keys, &mut totals)?;
    decode_rows(&mut rows, &mut totals)?;
    Ok(totals)
}

fn decode_keys(bytes: &mut &[u8], totals: &mut Totals) -> Result<(), Cut> {
    let texts = take_texts(bytes)?;
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
        totals.red.push(place, take_red(bytes)?);
        Ok(())
    })?;
    take_rows(bytes, totals.edge_keys.len(), |bytes, place| {
        totals.edges.push(place, take_edge(bytes)?);
        Ok(())
    })
}

fn take_red(bytes: &mut &[u8]) -> Result<RedFigures, Cut> {
    let spans = unzigzag(take_varint(bytes)?);
    Ok(RedFigures { spans, duration_ns: take_histogram(bytes)?, exemplars: take_exemplars(bytes)? })
}

fn take_edge(bytes: &mut &[u8]) -> Result<EdgeFigures, Cut> {
    let (hops, errors) = (unzigzag(take_varint(bytes)?), unzigzag(take_varint(bytes)?));
    Ok(EdgeFigures {
        hops,
        errors,
        duration_ns: take_histogram(bytes)?,
        client_duration_ns: take_histogram(bytes)?,
        queueing_ns: take_histogram(bytes)?,
        exemplars: take_exemplars(bytes)?,
    })
}

/// Figures that are being added up, of any number of files. Their rows stay encoded until those of a place are added up: decoded, they would take
/// twenty times the memory, for all files at once.
#[derive(Default)]
pub(super) struct EncodedAddition<'a> {
    keys: Totals,
    red: Vec<(At, &'a [u8])>,
    edges: Vec<(At, &'a [u8])>,
}

impl<'a> EncodedAddition<'a> {
    /// Adds the figures of keys and rows. Rows that this takes can be read.
    pub(super) fn add(&mut self, mut keys: &[u8], mut rows: &'a [u8]) -> Result<(), Cut> {
        let mut totals = Totals::default();
        decode_keys(&mut keys, &mut totals)?;
        let Self { keys, red, edges } = self;
        let numbers = Arc::make_mut(&mut keys.red_keys);
        add_rows(&mut rows, &totals.red_keys, numbers, red, |bytes| {
            take_varint(bytes)?;
            take_buckets(bytes, |_, _| ())?;
            take_exemplars(bytes).map(drop)
        })?;
        let numbers = Arc::make_mut(&mut keys.edge_keys);
        add_rows(&mut rows, &totals.edge_keys, numbers, edges, |bytes| {
            (0..2).try_for_each(|_| take_varint(bytes).map(drop))?;
            (0..3).try_for_each(|_| take_buckets(bytes, |_, _| ()))?;
            take_exemplars(bytes).map(drop)
        })?;
        keys.presence.merge(&totals.presence);
        Ok(())
    }

    /// The sums.
    pub(super) fn totals(self) -> Result<Totals, Cut> {
        let Self { keys, red, edges } = self;
        Ok(Totals {
            red: Cells::add_up_read(red, |mut row| take_red(&mut row))?,
            edges: Cells::add_up_read(edges, |mut row| take_edge(&mut row))?,
            ..keys
        })
    }
}

/// Adds the encoded rows of a file, which are behind `bytes`, with the numbers that their keys have among all.
fn add_rows<'a, K: Eq + Hash + Clone>(
    bytes: &mut &'a [u8],
    keys: &Keys<K>,
    numbers: &mut Keys<K>,
    rows: &mut Vec<(At, &'a [u8])>,
    check: impl Fn(&mut &'a [u8]) -> Result<(), Cut>,
) -> Result<(), Cut> {
    let mut last = None;
    take_rows(bytes, keys.len(), |bytes, (key, time_s)| {
        let number = match last {
            Some((same, number)) if same == key => number,
            _ => numbers.number(keys.get(key)),
        };
        last = Some((key, number));
        let row = *bytes;
        check(bytes)?;
        rows.push(((number, time_s), &row[..row.len() - bytes.len()]));
        Ok(())
    })
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

fn take_texts(bytes: &mut &[u8]) -> Result<Vec<Arc<str>>, Cut> {
    take_list(bytes, |bytes| {
        let len = take_count(bytes)?;
        let (text, rest) = bytes.split_at_checked(len).ok_or(Cut)?;
        *bytes = rest;
        Ok(std::str::from_utf8(text).map_err(|_| Cut)?.into())
    })
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
fn take_rows<'a>(
    bytes: &mut &'a [u8],
    keys: usize,
    mut take: impl FnMut(&mut &'a [u8], At) -> Result<(), Cut>,
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

fn take_histogram(bytes: &mut &[u8]) -> Result<Histogram, Cut> {
    let count = take_count(&mut &**bytes)?;
    let mut buckets = Vec::with_capacity(count.min(Histogram::BUCKETS.into()));
    take_buckets(bytes, |number, count| buckets.push((number, count)))?;
    Ok(Histogram::of_buckets(buckets))
}

/// Buckets ascend, each once.
fn take_buckets(bytes: &mut &[u8], mut see: impl FnMut(u16, i64)) -> Result<(), Cut> {
    let (mut last, mut next) = (0u64, 0);
    for _ in 0..take_count(bytes)? {
        let bucket = last.checked_add(take_varint(bytes)?).filter(|&bucket| bucket >= next).ok_or(Cut)?;
        let number = u16::try_from(bucket).ok().filter(|&bucket| bucket < Histogram::BUCKETS).ok_or(Cut)?;
        (last, next) = (bucket, bucket + 1);
        see(number, unzigzag(take_varint(bytes)?));
    }
    Ok(())
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
