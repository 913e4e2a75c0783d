//! The run-length and bit-packing hybrid: numbers of dictionary entries, and definition levels.
//!
//! A page is a sequence of runs. A run is a header (LEB128) and either one value (header `count << 1`) or groups of eight
//! bit-packed values (header `groups << 1 | 1`).

use super::{Cut, bits, put_varint, take_varint};

/// Equal neighbours from which on a run of its own is shorter than packing them.
const MIN_REPEATS: usize = 8;

/// The fewest bits that the numbers below `count` fit in.
pub(in super::super) fn least_width(count: usize) -> u32 {
    count.saturating_sub(1).checked_ilog2().map_or(0, |log| log + 1)
}

/// Bits in which the numbers below `count` are best written as a rule: whole bytes, so that general compression behind this
/// encoding sees equal numbers as equal bytes, and reading is copying. One bit where that is enough.
pub(in super::super) fn whole_width(count: usize) -> u32 {
    match count {
        0 | 1 => 0,
        2 => 1,
        3..=0x100 => 8,
        0x101..=0x1_0000 => 16,
        _ => 32,
    }
}

/// Appends numbers of `width` bits each.
pub(in super::super) fn encode(out: &mut Vec<u8>, numbers: &[u32], width: u32) {
    if width == 0 {
        return encode_repeated(out, 0, numbers.len(), 0);
    }
    let (mut packed_from, mut at) = (0, 0);
    loop {
        at += first_equal(&numbers[at..]);
        let repeats = numbers[at..].iter().take_while(|number| **number == numbers[at]).count();
        if repeats == 0 {
            break;
        }
        if repeats < MIN_REPEATS {
            at += repeats;
            continue;
        }
        // Packed values come in eights: the first of the repeated ones fill up the last eight before the run.
        let fill = (packed_from..at).len().next_multiple_of(8) - (packed_from..at).len();
        if repeats - fill >= MIN_REPEATS {
            pack(out, &numbers[packed_from..at + fill], width);
            encode_repeated(out, numbers[at], repeats - fill, width);
            packed_from = at + repeats;
        }
        at += repeats;
    }
    pack(out, &numbers[packed_from..], width);
}

/// A place before which no [`MIN_REPEATS`] equal neighbours begin.
///
/// So many hold four that begin at a multiple of four, which are looked for without a branch for each number.
fn first_equal(numbers: &[u32]) -> usize {
    const { assert!(MIN_REPEATS >= 7) };
    let is_equal = |four: &[u32; 4]| (four[0] ^ four[1]) | (four[0] ^ four[2]) | (four[0] ^ four[3]) == 0;
    let (fours, _) = numbers.as_chunks();
    match fours.iter().position(is_equal) {
        // Some of those before may be equal too.
        Some(found) => (4 * found).saturating_sub(3),
        None => numbers.len(),
    }
}

/// Appends one number so many times.
pub(in super::super) fn encode_repeated(out: &mut Vec<u8>, number: u32, count: usize, width: u32) {
    if count > 0 {
        put_varint(out, (count as u64) << 1);
        out.extend_from_slice(&number.to_le_bytes()[..width.div_ceil(8) as usize]);
    }
}

fn pack(out: &mut Vec<u8>, numbers: &[u32], width: u32) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(8);
    put_varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * width as usize;
    match width {
        8 => out.extend(numbers.iter().map(|&number| number as u8)),
        16 => out.extend(numbers.iter().flat_map(|&number| (number as u16).to_le_bytes())),
        32 => out.extend(numbers.iter().flat_map(|&number| number.to_le_bytes())),
        // Eight numbers take as many bytes as one takes bits.
        ..16 => {
            for eight in numbers.chunks(8) {
                let word = eight.iter().rev().fold(0u128, |word, &number| word << width | u128::from(number));
                out.extend_from_slice(&word.to_le_bytes()[..width as usize]);
            }
        }
        _ => {
            let (mut word, mut used) = (0u64, 0);
            for &number in numbers {
                word |= u64::from(number) << used;
                used += width;
                while used >= 8 {
                    out.push(word as u8);
                    word >>= 8;
                    used -= 8;
                }
            }
            out.push(word as u8);
        }
    }
    // The last eight are filled with zeros.
    out.resize(end, 0);
}

/// The runs of a page.
#[derive(Debug, Clone)]
pub(in super::super) struct Runs<'a> {
    rest: &'a [u8],
    width: u32,
}

/// A run of a page.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Run<'a> {
    /// One number, so many times.
    Repeated(u32, usize),
    /// Packed numbers, and how many they may be.
    Packed(Packed<'a>, usize),
}

/// Bit-packed numbers.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Packed<'a> {
    bytes: &'a [u8],
    width: u32,
}

impl Packed<'_> {
    /// The number at a place.
    #[inline]
    pub(in super::super) fn get(&self, place: usize) -> u32 {
        bits(self.bytes, place * self.width as usize, self.width) as u32
    }

    /// How many of the first `count` numbers, of one bit each, are 1.
    pub(in super::super) fn count_ones(&self, count: usize) -> usize {
        let whole = self.bytes[..count / 8].iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
        whole + (count / 8 * 8..count).filter(|&place| self.get(place) != 0).count()
    }

    /// Calls `found` with the places within a range at which a number, of one bit each, is 1.
    pub(in super::super) fn for_each_one(
        &self,
        places: std::ops::Range<usize>,
        mut found: impl FnMut(usize),
    ) {
        // Most columns have few values: whole words without any are passed over.
        let mut from = places.start;
        while from < places.end {
            let count = (places.end - from).min(56);
            let mut ones = bits(self.bytes, from, count as u32);
            while ones != 0 {
                found(from + ones.trailing_zeros() as usize);
                ones &= ones - 1;
            }
            from += count;
        }
    }

    fn extend(&self, out: &mut Vec<u32>, from: usize, count: usize) {
        match self.width {
            8 => out.extend(self.bytes[from..from + count].iter().map(|&byte| u32::from(byte))),
            16 => {
                let bytes = &self.bytes[from * 2..(from + count) * 2];
                out.extend(bytes.as_chunks().0.iter().map(|&pair| u32::from(u16::from_le_bytes(pair))));
            }
            _ => out.extend((from..from + count).map(|place| self.get(place))),
        }
    }
}

impl<'a> Runs<'a> {
    /// Reads runs of numbers of `width` bits.
    pub(in super::super) fn new(bytes: &'a [u8], width: u32) -> Result<Self, Cut> {
        if width > 32 { Err(Cut) } else { Ok(Self { rest: bytes, width }) }
    }

    /// The next run; it is never empty.
    pub(in super::super) fn next_run(&mut self) -> Result<Run<'a>, Cut> {
        let header = take_varint(&mut self.rest)?;
        let count = usize::try_from(header >> 1).map_err(|_| Cut)?;
        if count == 0 {
            return Err(Cut);
        }
        if header & 1 == 0 {
            let bytes = self.width.div_ceil(8) as usize;
            let (value, rest) = self.rest.split_at_checked(bytes).ok_or(Cut)?;
            self.rest = rest;
            let value = value.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            return Ok(Run::Repeated(value, count));
        }
        let len = count.checked_mul(self.width as usize).ok_or(Cut)?;
        // Some writers leave out the bytes that only fill up the last eight.
        let (bytes, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        let values = count.saturating_mul(8);
        let there = if self.width == 0 { values } else { bytes.len() * 8 / self.width as usize };
        if there == 0 {
            return Err(Cut);
        }
        Ok(Run::Packed(Packed { bytes, width: self.width }, values.min(there)))
    }
}

/// Appends the numbers at some places of a page to `out`.
pub(in super::super) fn decode(
    bytes: &[u8],
    width: u32,
    places: std::ops::Range<usize>,
    out: &mut Vec<u32>,
) -> Result<(), Cut> {
    let mut runs = Runs::new(bytes, width)?;
    let mut at = 0;
    while at < places.end {
        let run = runs.next_run()?;
        let (Run::Repeated(_, count) | Run::Packed(_, count)) = run;
        let from = places.start.max(at);
        let to = places.end.min(at.saturating_add(count));
        if from < to {
            match run {
                Run::Repeated(value, _) => out.resize(out.len() + to - from, value),
                Run::Packed(packed, _) => packed.extend(out, from - at, to - from),
            }
        }
        at = at.saturating_add(count);
    }
    Ok(())
}
