//! Writing an attribute column.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use parquet::errors::ParquetError;
use parquet::schema::types::ColumnDescPtr;

use super::super::super::columns::{AttributeColumn, AttributeValues, Coded, MAX_DISTINCT_SHARE};
use super::super::chunk::Chunk;
use super::super::codec::Compressor;
use super::super::encoding::{byte_array, hybrid, split};
use super::super::needles::{self, Needles};
use super::super::pages::PageEncoding;
use super::super::sparse::{Placed, Placement};
use super::group::{page_rows, sparse};

/// Integers of more distinct values have no dictionary.
const MAX_DICTIONARY_INTS: usize = 4096;
/// A dictionary with more values than this is worth a filter that spares reading it,
const MIN_NEEDLE_VALUES: usize = 512;
/// if a page has at most one of its values in so many rows: more would make the filter as large as the column.
const MIN_NEEDLE_REPEATS: usize = 4;

/// What finds the values of a column.
#[derive(Default)]
pub(super) struct Found {
    /// Whether it has so many distinct values that filters are of use.
    pub(super) has_many: bool,
    /// Filters of its pages, if these are of use.
    pub(super) needles: Option<Needles>,
    /// The hashes of all its values, some maybe more than once; `None` where they were not hashed.
    pub(super) hashes: Option<Vec<u64>>,
}

/// Writes a column of a row group with so many rows; returns what finds its values.
pub(super) fn write<'c>(
    column: &AttributeColumn,
    placement: &mut Placement,
    rows: usize,
    descriptor: &ColumnDescPtr,
    compressor: &'c mut Compressor,
) -> Result<(Chunk<'c>, Found), ParquetError> {
    let page_rows = page_rows(column.rows.len(), rows);
    let old_rows = &column.rows;
    let descriptor = descriptor.clone();
    let chunk = move |encoding| Chunk::new(descriptor, encoding, Some(compressor), page_rows);
    match &column.values {
        AttributeValues::String(coded) if coded.values.len() * MAX_DISTINCT_SHARE > coded.ids.len() => {
            let placed = placement.place(old_rows);
            plain(chunk(PageEncoding::ByteArray), |place| coded.get(place), placed, rows)
        }
        AttributeValues::String(coded) => {
            let placed = placement.place_numbers(old_rows, &coded.ids);
            text(chunk(PageEncoding::Dictionary), coded, placed, rows)
        }
        AttributeValues::Plain(strings) => {
            let placed = placement.place(old_rows);
            plain(chunk(PageEncoding::ByteArray), |place| strings.get(place), placed, rows)
        }
        AttributeValues::Int(values) => match distinct_of(values.iter().copied(), MAX_DICTIONARY_INTS) {
            Some((known, numbers)) => {
                let dictionary = known.iter().flat_map(|value| value.to_le_bytes()).collect();
                let mut chunk = chunk(PageEncoding::Dictionary);
                chunk.dictionary(dictionary, known.len())?;
                let placed = placement.place_numbers(old_rows, &numbers);
                put_numbers(&mut chunk, placed, rows, known.len(), |_| ())?;
                let hashes = known.iter().map(|value| needles::hash(&value.to_le_bytes())).collect();
                Ok((chunk, Found { hashes: Some(hashes), ..Found::default() }))
            }
            None => {
                let mut found = Hashed::default();
                let mut chunk = chunk(PageEncoding::Split);
                let placed = placement.place(old_rows);
                sparse(&mut chunk, placed, rows, |places, out| {
                    let values = places.iter().map(|&place| values[place as usize].to_le_bytes());
                    put_split(out, values.clone());
                    found.push(values.map(|value| needles::hash(&value)));
                })?;
                Ok((chunk, found.into_found()))
            }
        },
        AttributeValues::Double(values) => {
            let mut chunk = chunk(PageEncoding::Split);
            let placed = placement.place(old_rows);
            sparse(&mut chunk, placed, rows, |places, out| {
                put_split(out, places.iter().map(|&place| values[place as usize].to_le_bytes()));
            })?;
            Ok((chunk, Found::default()))
        }
        AttributeValues::Bool(values) => {
            let mut chunk = chunk(PageEncoding::Plain);
            let placed = placement.place(old_rows);
            sparse(&mut chunk, placed, rows, |places, out| {
                put_bits(out, places.iter().map(|&place| values[place as usize]))
            })?;
            Ok((chunk, Found::default()))
        }
    }
}

fn text<'c>(
    mut chunk: Chunk<'c>,
    coded: &Coded,
    placed: Placed<'_>,
    rows: usize,
) -> Result<(Chunk<'c>, Found), ParquetError> {
    let values = coded.values.values();
    let mut dictionary = Vec::new();
    byte_array::encode_plain(&mut dictionary, values.iter());
    chunk.dictionary(dictionary, values.len())?;
    let hashes: Vec<u64> = values.iter().map(needles::hash).collect();
    let has_many = values.len() >= MIN_NEEDLE_VALUES;
    if !has_many {
        put_numbers(&mut chunk, placed, rows, values.len(), |_| ())?;
        return Ok((chunk, Found { has_many, needles: None, hashes: Some(hashes) }));
    }
    let (mut needles, mut filtered) = (Needles::default(), 0);
    // The last page that had each value, and 1.
    let mut pages = vec![0u32; values.len()];
    let mut page = 0;
    put_numbers(&mut chunk, placed, rows, values.len(), |numbers| {
        page += 1;
        let is_first = |&&number: &&u32| std::mem::replace(&mut pages[number as usize], page) != page;
        let distinct = numbers.iter().filter(is_first).inspect(|_| filtered += 1);
        needles.push(distinct.map(|&number| hashes[number as usize]));
    })?;
    let is_local = filtered * MIN_NEEDLE_REPEATS <= coded.ids.len();
    Ok((chunk, Found { has_many: is_local, needles: is_local.then_some(needles), hashes: Some(hashes) }))
}

/// Text that hardly repeats.
fn plain<'c, 's>(
    mut chunk: Chunk<'c>,
    text: impl Fn(usize) -> &'s [u8],
    placed: Placed<'_>,
    rows: usize,
) -> Result<(Chunk<'c>, Found), ParquetError> {
    let mut found = Hashed::default();
    sparse(&mut chunk, placed, rows, |places, out| {
        let texts = places.iter().map(|&place| text(place as usize));
        byte_array::encode(out, texts.clone());
        found.push(texts.map(needles::hash));
    })?;
    Ok((chunk, found.into_found()))
}

/// Values that are hashed as their pages are written.
#[derive(Default)]
struct Hashed {
    needles: Needles,
    hashes: Vec<u64>,
}

impl Hashed {
    /// Adds those of the next page.
    fn push(&mut self, hashes: impl Iterator<Item = u64>) {
        let before = self.hashes.len();
        self.hashes.extend(hashes);
        self.needles.push(self.hashes[before..].iter().copied());
    }

    fn into_found(self) -> Found {
        Found { has_many: true, needles: Some(self.needles), hashes: Some(self.hashes) }
    }
}

/// Writes pages of placed numbers, of a dictionary with `count` entries; `see` is shown those of each page.
fn put_numbers(
    chunk: &mut Chunk<'_>,
    placed: Placed<'_>,
    rows: usize,
    count: usize,
    mut see: impl FnMut(&[u32]),
) -> Result<(), ParquetError> {
    let mut some = Vec::new();
    placed.numbers(0..rows.min(chunk.page_rows()), &mut some);
    let width = chunk.width(count, &some)?;
    sparse(chunk, placed, rows, |numbers, out| {
        out.push(width as u8);
        hybrid::encode(out, numbers, width);
        see(numbers);
    })
}

fn put_split(out: &mut Vec<u8>, values: impl Iterator<Item = [u8; 8]>) {
    split::encode(out, &values.collect::<Vec<_>>());
}

/// Booleans as PLAIN has them: one bit each.
fn put_bits(out: &mut Vec<u8>, values: impl Iterator<Item = bool>) {
    for (place, value) in values.enumerate() {
        if place % 8 == 0 {
            out.push(0);
        }
        if let Some(last) = out.last_mut() {
            *last |= u8::from(value) << (place % 8);
        }
    }
}

/// The distinct values in the order of their appearance, and which of them each value is; `None` when they are more than `max`.
pub(super) fn distinct_of<T: Hash + Eq + Copy>(
    values: impl Iterator<Item = T>,
    max: usize,
) -> Option<(Vec<T>, Vec<u32>)> {
    let mut places = HashMap::<T, u32, RandomState>::default();
    let mut known = Vec::new();
    let mut last = None;
    let mut numbers = Vec::with_capacity(values.size_hint().0);
    for value in values {
        let number = match last {
            Some((same, number)) if same == value => number,
            _ => *places.entry(value).or_insert_with(|| {
                known.push(value);
                known.len() as u32 - 1
            }),
        };
        if known.len() > max {
            return None;
        }
        last = Some((value, number));
        numbers.push(number);
    }
    Some((known, numbers))
}
