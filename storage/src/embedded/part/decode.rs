//! Decoding of byte-array pages to dictionary numbers.
//!
//! The `parquet` crate gives every value of a column as a byte array of its own. Laneway wants the numbers: a filter is
//! evaluated once per distinct value and then compares numbers. Pages are as [`write`](super::write) leaves them: data page v1, flat
//! columns, values PLAIN or RLE_DICTIONARY (Parquet format, "Encodings").

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use std::ops::Range;

use super::super::columns::Coded;
use crate::QueryError;

/// Reads rows of a byte-array column. `present` is told the place, from the first of `rows` on, of each row that has a value.
pub(super) fn read_coded(
    pages: &mut dyn PageReader,
    rows: Range<usize>,
    optional: bool,
    mut present: impl FnMut(u32),
) -> Result<Coded, QueryError> {
    let mut coded = Coded::default();
    // Number of the page dictionary → number in `coded`, set when first met.
    let mut dictionary: Vec<Bytes> = Vec::new();
    let mut numbers: Vec<Option<u32>> = Vec::new();
    let mut row = 0;
    while row < rows.end {
        let Some(next) = pages.peek_next_page().map_err(corrupt)? else { break };
        if !next.is_dict {
            let page_rows = next.num_rows.or(next.num_levels).unwrap_or_default();
            if row + page_rows <= rows.start {
                pages.skip_next_page().map_err(corrupt)?;
                row += page_rows;
                continue;
            }
        }
        match pages.get_next_page().map_err(corrupt)? {
            Some(Page::DictionaryPage { buf, num_values, .. }) => {
                let mut values = Plain(buf);
                dictionary = (0..num_values).map(|_| values.next()).collect::<Result<_, _>>()?;
                numbers = vec![None; dictionary.len()];
            }
            Some(Page::DataPage { buf, num_values, encoding, .. }) => {
                let count = num_values as usize;
                let (levels, buf) = if optional { levels(buf, count)? } else { (vec![1; count], buf) };
                let mut values = match encoding {
                    Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => Values::numbers(buf)?,
                    Encoding::PLAIN => Values::Plain(Plain(buf)),
                    other => return Err(corrupt(format_args!("encoding {other} of a byte-array page"))),
                };
                for (i, _) in levels.iter().enumerate().filter(|(_, level)| **level != 0) {
                    let wanted = rows.contains(&(row + i));
                    let number = match &mut values {
                        Values::Plain(values) => {
                            let value = values.next()?;
                            if wanted { coded.values.intern_bytes(&value) } else { 0 }
                        }
                        Values::Numbers(values) => {
                            let number = values.next()? as usize;
                            let cut = || corrupt("a dictionary number beyond the dictionary");
                            let known = numbers.get_mut(number).ok_or_else(cut)?;
                            if wanted {
                                *known.get_or_insert_with(|| coded.values.intern_bytes(&dictionary[number]))
                            } else {
                                0
                            }
                        }
                    };
                    if wanted {
                        coded.ids.push(number);
                        present((row + i - rows.start) as u32);
                    }
                }
                row += count;
            }
            _ => return Err(corrupt("an unexpected page")),
        }
    }
    Ok(coded)
}

pub(super) fn corrupt(error: impl std::fmt::Display) -> QueryError {
    QueryError::Corrupt(error.to_string())
}

enum Values {
    Plain(Plain),
    Numbers(Hybrid),
}

impl Values {
    fn numbers(mut buf: Bytes) -> Result<Self, QueryError> {
        if buf.is_empty() {
            return Ok(Self::Numbers(Hybrid::new(buf, 0)));
        }
        let width = buf.split_to(1)[0];
        if width > 32 {
            return Err(corrupt("dictionary numbers wider than 32 bits"));
        }
        Ok(Self::Numbers(Hybrid::new(buf, u32::from(width))))
    }
}

/// PLAIN byte arrays: a length of 4 bytes, then the value.
struct Plain(Bytes);

impl Plain {
    fn next(&mut self) -> Result<Bytes, QueryError> {
        let cut = || corrupt("a byte-array page is cut");
        let length = u32::from_le_bytes(*self.0.first_chunk().ok_or_else(cut)?) as usize;
        if self.0.len() - 4 < length {
            return Err(cut());
        }
        let value = self.0.slice(4..4 + length);
        self.0 = self.0.slice(4 + length..);
        Ok(value)
    }
}

/// The definition levels (0 or 1) in front of a v1 page, and what follows them.
fn levels(buf: Bytes, count: usize) -> Result<(Vec<u32>, Bytes), QueryError> {
    let cut = || corrupt("the definition levels of a page are cut");
    let length = u32::from_le_bytes(*buf.first_chunk().ok_or_else(cut)?) as usize;
    if buf.len() - 4 < length {
        return Err(cut());
    }
    let mut hybrid = Hybrid::new(buf.slice(4..4 + length), 1);
    let levels = (0..count).map(|_| hybrid.next()).collect::<Result<_, _>>()?;
    Ok((levels, buf.slice(4 + length..)))
}

/// The RLE / bit-packing hybrid (Parquet format, "Run Length Encoding / Bit-Packing Hybrid").
struct Hybrid {
    bytes: Bytes,
    width: u32,
    run: Run,
}

enum Run {
    Repeated { value: u32, left: usize },
    Packed { start_bit: usize, left: usize },
}

impl Hybrid {
    fn new(bytes: Bytes, width: u32) -> Self {
        Self { bytes, width, run: Run::Repeated { value: 0, left: 0 } }
    }

    fn next(&mut self) -> Result<u32, QueryError> {
        loop {
            match &mut self.run {
                Run::Repeated { value, left } if *left > 0 => {
                    *left -= 1;
                    return Ok(*value);
                }
                Run::Packed { start_bit, left } if *left > 0 => {
                    let value = unpack(&self.bytes, *start_bit, self.width);
                    *start_bit += self.width as usize;
                    *left -= 1;
                    if *left == 0 {
                        self.bytes = self.bytes.slice(start_bit.div_ceil(8).min(self.bytes.len())..);
                    }
                    return Ok(value);
                }
                _ => self.next_run()?,
            }
        }
    }

    fn next_run(&mut self) -> Result<(), QueryError> {
        let cut = || corrupt("a run of a page is cut");
        let (mut header, mut shift) = (0u64, 0);
        loop {
            let byte = *self.bytes.first().ok_or_else(cut)?;
            self.bytes = self.bytes.slice(1..);
            header |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
            if shift > 35 {
                return Err(cut());
            }
        }
        if header & 1 == 0 {
            let bytes = self.width.div_ceil(8) as usize;
            if self.bytes.len() < bytes {
                return Err(cut());
            }
            let value = (0..bytes).fold(0, |value, i| value | u32::from(self.bytes[i]) << (8 * i));
            self.bytes = self.bytes.slice(bytes..);
            self.run = Run::Repeated { value, left: (header >> 1) as usize };
        } else {
            // The last group may be cut short where its padding would be.
            let values = (header >> 1) as usize * 8;
            let available = if self.width == 0 { values } else { self.bytes.len() * 8 / self.width as usize };
            if available == 0 {
                return Err(cut());
            }
            self.run = Run::Packed { start_bit: 0, left: values.min(available) };
        }
        Ok(())
    }
}

/// `width` bits from `start_bit` on, least significant first. All of them must be there.
fn unpack(bytes: &[u8], start_bit: usize, width: u32) -> u32 {
    let mut word = [0; 8];
    let first = start_bit / 8;
    let end = bytes.len().min(first + 8);
    word[..end - first].copy_from_slice(&bytes[first..end]);
    (u64::from_le_bytes(word) >> (start_bit % 8) & ((1 << width) - 1)) as u32
}
