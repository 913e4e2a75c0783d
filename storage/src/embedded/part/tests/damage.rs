//! Whatever happens to the files of a part, what is read is what was written, or an error.

use super::*;
use crate::testing::{Random, damaged};

const FILES: [&str; 3] = [META_FILE, INDEX_FILE, SPANS_FILE];
const MUTATIONS_PER_FILE: usize = 400;

/// Opens a part whose file `name` is damaged, and reads it in every way.
fn assert_true_or_error(dir: &Path, spans: &[Span], name: &str, damage: &dyn std::fmt::Display) {
    let Ok(part) = open(dir) else { return };
    if let Ok(read) = read_all(&part) {
        assert!(read == spans, "{name}, {damage}: something else is read");
    }
    let filter = SpanFilter::All(Vec::new());
    let needle = SpanFilter::Attribute {
        scope: AttributeScope::Any,
        key: "unique".to_owned(),
        text: "user-1".to_owned(),
    };
    let _ = part.may_match(&needle);
    for group in part.row_groups() {
        let _ = group.candidates(&needle);
        let _ = group.candidates(&filter);
        let _ = group.table();
        for id in [1, 400, 100_000u128] {
            let id = TraceId::from_bytes(id.to_be_bytes()).unwrap();
            if let Ok(rows) = group.rows_of_trace(id) {
                let _ = read(group, rows);
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_is_refused() {
    let (dir, _) = part_of(&many_spans());
    for name in FILES {
        let path = dir.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(open(dir.path()).is_err(), "{name} cut to {cut} bytes");
        }
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn flipped_bits_are_an_error_and_not_a_panic() {
    let spans = many_spans();
    let (dir, _) = part_of(&spans);
    for name in FILES {
        let path = dir.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 100 + 1) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::write(&path, &bytes).unwrap();
            assert_true_or_error(dir.path(), &spans, name, &format_args!("flipped at {at}"));
        }
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn any_damage_is_an_error_and_not_a_panic() {
    let spans = &many_spans()[..1_500];
    let mut random = Random::new(20_261_124);
    let (dir, _) = part_in_groups(spans, 900);
    assert_harmless(dir.path(), spans, &mut random);
    let (dir, _, spans) = part_in_reverse(spans, 900);
    assert_harmless(dir.path(), &spans, &mut random);
}

/// Damages each file at random, again and again.
fn assert_harmless(dir: &Path, spans: &[Span], random: &mut Random) {
    for name in FILES {
        let path = dir.join(name);
        let whole = std::fs::read(&path).unwrap();
        for round in 0..MUTATIONS_PER_FILE {
            std::fs::write(&path, damaged(&whole, random)).unwrap();
            assert_true_or_error(dir, spans, name, &format_args!("round {round}"));
        }
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn ids_that_are_read_alone_are_compared_with_their_checksum() {
    let (dir, _) = part_of(&many_spans());
    let path = dir.path().join(SPANS_FILE);
    let whole = std::fs::read(&path).unwrap();
    let id = |trace: u128| TraceId::from_bytes(trace.to_be_bytes()).unwrap();
    // Where the ids of another trace and of another span stand, far enough from those that are read.
    let place = |bytes: &[u8]| whole.windows(bytes.len()).position(|window| window == bytes).unwrap();
    let places =
        [place(&[600u128.to_be_bytes(), 601u128.to_be_bytes()].concat()), place(&1_990u64.to_be_bytes())];
    for at in places {
        let mut bytes = whole.clone();
        bytes[at + 7] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let part = open(dir.path()).unwrap();
        let group = part.row_groups().next().unwrap();
        let rows = group.rows_of_trace(id(3)).and_then(|rows| read(group, rows));
        assert!(matches!(rows, Err(QueryError::Corrupt(_))), "{at}");
        assert!(part.damage().is_some());
    }
}
