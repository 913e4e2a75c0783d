//! What rows say of the other side of their calls, as numbers that are quickly compared.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::embedded::columns::{AttributeColumn, AttributeValues, Columns};
use crate::model::SpanKind;
use crate::topology::{PEER_ATTRIBUTES, is_said_by};

/// By row, of the first `rows`: what tells its attributes about the other side apart from those of other rows; 0 where there are none.
pub(super) fn peer_prints(columns: &Columns, rows: usize, hasher: &RandomState) -> Vec<u64> {
    let mut prints = Prints { kinds: &columns.kind[..rows], hasher, of_rows: vec![0; rows] };
    for column in &columns.attributes {
        if PEER_ATTRIBUTES.contains(&column.key.as_str()) {
            prints.mix_column(column);
        }
    }
    prints.of_rows
}

struct Prints<'a> {
    kinds: &'a [i32],
    hasher: &'a RandomState,
    of_rows: Vec<u64>,
}

impl Prints<'_> {
    fn mix_column(&mut self, column: &AttributeColumn) {
        let hasher = self.hasher;
        let is_url = matches!(column.key.as_str(), "url.full" | "http.url");
        let of_text = |text: &[u8]| {
            // Of a URL, nothing but the host is of interest; what comes behind it is different for each span.
            hasher.hash_one((&column.key, if is_url { host(text) } else { text }))
        };
        match &column.values {
            AttributeValues::String(coded) => {
                let of_values: Vec<u64> =
                    coded.values.ids().map(|id| of_text(coded.values.get(id))).collect();
                self.mix(column, coded.ids.iter().map(|&id| of_values[id as usize]));
            }
            AttributeValues::Plain(texts) => self.mix(column, texts.iter().map(of_text)),
            AttributeValues::Int(numbers) => {
                let key = hasher.hash_one(&column.key);
                self.mix(column, numbers.iter().map(|&number| hasher.hash_one((key, number))));
            }
            AttributeValues::Double(_) | AttributeValues::Bool(_) => {}
        }
    }

    /// Mixes the prints of a column's values into those of their rows, where spans of that kind say something by them.
    fn mix(&mut self, column: &AttributeColumn, of_values: impl Iterator<Item = u64>) {
        let Self { kinds, of_rows, .. } = self;
        let rows = column.rows.partition_point(|&row| (row as usize) < of_rows.len());
        let is_said = SaidBy::of(&column.key);
        for (&row, of_value) in column.rows[..rows].iter().zip(of_values) {
            let (kind, of_row) = (kinds[row as usize], &mut of_rows[row as usize]);
            // 0 says that there is nothing.
            let mixed = (of_row.rotate_left(23) ^ of_value) | 1;
            // Without a branch: kinds follow one another in any order, so nothing is to be guessed.
            *of_row = std::hint::select_unpredictable(is_said.contains(kind), mixed, *of_row);
        }
    }
}

/// A bit for each kind of span, by its number in OTLP, and for those that OTLP does not know.
#[derive(Clone, Copy)]
struct SaidBy(u64);

impl SaidBy {
    /// The kinds that say something of their other side by this attribute.
    fn of(key: &str) -> Self {
        let bit = |kind| u64::from(is_said_by(SpanKind::from_otlp(kind), key)) << kind;
        Self((0..u64::BITS as i32).map(bit).sum())
    }

    fn contains(self, kind: i32) -> bool {
        self.0 >> (kind as u32).min(u64::BITS - 1) & 1 != 0
    }
}

/// The host of a URL; all of what is none.
fn host(url: &[u8]) -> &[u8] {
    let mut slashes = memchr::memchr_iter(b'/', url).skip(1);
    match (slashes.next(), slashes.next()) {
        (Some(before), behind) => &url[before + 1..behind.unwrap_or(url.len())],
        (None, _) => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_stands_between_its_second_and_third_slash() {
        for (url, expected) in [
            ("https://a.example:80/b/c", "a.example:80"),
            ("https://a.example", "a.example"),
            ("https:///b", ""),
            ("a.example/b", "a.example/b"),
            ("", ""),
        ] {
            assert_eq!(host(url.as_bytes()), expected.as_bytes(), "{url}");
        }
    }

    #[test]
    fn kinds_say_what_they_say_and_unknown_ones_what_the_unspecified_does() {
        for key in PEER_ATTRIBUTES {
            let is_said = SaidBy::of(key);
            for kind in (-2..70).chain([i32::MIN, i32::MAX]) {
                assert_eq!(
                    is_said.contains(kind),
                    is_said_by(SpanKind::from_otlp(kind), key),
                    "{key} {kind}"
                );
            }
        }
    }
}
