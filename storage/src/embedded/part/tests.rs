use proptest::prelude::*;
use tempfile::TempDir;

use super::super::columns::SpanReader;
use super::super::segment::Segment;
use super::*;
use crate::model::{Span, to_otlp};
use crate::testing::{attribute, span};
use laneway_proto::otlp::reader::TracesRequest;

fn part_of(spans: &[Span]) -> (TempDir, Part) {
    let dir = TempDir::new().unwrap();
    let mut segment = Segment::default();
    let bytes = to_otlp::traces_data(spans);
    segment.append(TracesRequest::new(&bytes)).unwrap();
    write(segment.columns(), dir.path()).unwrap();
    let part = Part::open(dir.path(), PartId::of_segment(1)).unwrap();
    (dir, part)
}

fn read(part: &Part, rows: Range<usize>) -> Vec<Span> {
    let columns = part.load(rows, &Projection::all()).unwrap();
    let mut reader = SpanReader::new(&columns);
    (0..columns.len()).map(|row| reader.span(row).unwrap()).collect()
}

/// More rows than a page has, with columns of few and of only distinct values.
fn many_spans() -> Vec<Span> {
    (0..5_000u64)
        .map(|i| {
            let one = span("op").trace(u128::from(i / 7) + 1).id(i + 1).after(i * 1_000);
            let one =
                one.attribute("unique", &*format!("user-{i}")).attribute("few", &*format!("route-{}", i % 3));
            let one = if i % 5 == 0 { one.attribute("count", i as i64).attribute("odd", true) } else { one };
            let one = if i % 11 == 0 { one.event("exception", vec![attribute("at", i as i64)]) } else { one };
            one.build()
        })
        .collect()
}

#[test]
fn any_range_of_rows_is_read_back_as_written() {
    let spans = many_spans();
    let (_dir, part) = part_of(&spans);
    assert_eq!(part.rows(), spans.len());
    assert_eq!(
        part.range(),
        TimeRange { start_unix_ns: spans[0].start_unix_ns, end_unix_ns: spans[4_999].start_unix_ns }
    );
    // The input is ordered by trace and start, which is the order of the part.
    for rows in [0..0, 0..1, 2_040..2_060, 2_047..2_048, 2_048..2_049, 4_090..4_999, 0..5_000] {
        assert_eq!(read(&part, rows.clone()), spans[rows]);
    }
}

#[test]
fn text_without_a_dictionary_is_read_back_as_written() {
    let spans: Vec<Span> = (1..=9_000u64)
        .map(|i| span("x").id(i).after(i).attribute("user", &*format!("user-{i}")).build())
        .collect();
    let (_dir, part) = part_of(&spans);
    assert_eq!(read(&part, 0..spans.len()), spans);
}

#[test]
fn the_rows_of_each_trace_are_found() {
    let spans = many_spans();
    let (_dir, part) = part_of(&spans);
    for (trace, expected) in [(1u128, 0..7), (147, 1_022..1_029), (293, 2_044..2_051), (715, 4_998..5_000)] {
        let id = TraceId::from_bytes(trace.to_be_bytes()).unwrap();
        assert_eq!(part.rows_of_trace(id).unwrap(), expected, "trace {trace}");
    }
    let absent = (10_000..11_000u128).filter_map(|id| TraceId::from_bytes(id.to_be_bytes()));
    assert!(absent.map(|id| part.rows_of_trace(id).unwrap()).all(|rows| rows.is_empty()));
}

#[test]
fn equal_spans_are_written_once() {
    let one = span("x").build();
    let (_dir, part) = part_of(&[one.clone(), span("y").build(), one]);
    assert_eq!(part.rows(), 2);
}

#[test]
fn columns_that_were_not_asked_for_are_not_read() {
    let (_dir, part) = part_of(&many_spans());
    let mut projection = Projection::of([Field::TraceId]);
    projection.add_attribute("few");
    let columns = part.load(0..10, &projection).unwrap();
    assert_eq!((columns.len(), columns.span_id.len(), columns.name.ids.len()), (10, 0, 0));
    let read: Vec<_> =
        columns.attributes.iter().filter(|column| !column.rows.is_empty()).map(|c| &*c.key).collect();
    assert_eq!(read, ["few"]);
}

#[test]
fn names_of_parts_say_what_they_hold() {
    let id = PartId { first_segment: 3, last_segment: 9, level: 2 };
    assert_eq!(PartId::from_dir_name(&id.dir_name()), Some(id));
    assert!(id.covers(PartId::of_segment(3)) && id.covers(PartId { level: 1, ..id }));
    assert!(!id.covers(id) && !id.covers(PartId::of_segment(10)));
    for name in ["", "1-2-3", "lost+found", "00000000000000000003-00000000000000000009-2x"] {
        assert_eq!(PartId::from_dir_name(name), None, "{name}");
    }
}

#[test]
fn damage_is_an_error_and_not_a_panic() {
    let (dir, _) = part_of(&many_spans());
    for name in [META_FILE, TRACES_FILE, SPANS_FILE] {
        let path = dir.path().join(name);
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(Part::open(dir.path(), PartId::of_segment(1)).is_err(), "{name} cut to {cut} bytes");
        }
        std::fs::write(&path, &whole).unwrap();
    }
    // Flipped bits within the pages: whatever is read, it ends.
    let path = dir.path().join(SPANS_FILE);
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 200) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(part) = Part::open(dir.path(), PartId::of_segment(1)) {
            let _ = part.load(0..part.rows(), &Projection::all());
        }
    }
}

proptest! {
    #[test]
    fn every_trace_of_an_index_is_found_within_its_candidates(mut ids in prop::collection::vec(1..4_000u128, 1..5_000)) {
        ids.sort_unstable();
        let index = TraceIndex::new(ids.iter().map(|id| id.to_be_bytes())).unwrap();
        let index = TraceIndex::from_bytes(&index.to_bytes()).unwrap();
        for id in ids.iter().step_by(17) {
            let candidates = index.candidate_rows(TraceId::from_bytes(id.to_be_bytes()).unwrap(), ids.len()).unwrap();
            let rows = ids.partition_point(|other| other < id)..ids.partition_point(|other| other <= id);
            prop_assert!(candidates.start <= rows.start && rows.end <= candidates.end);
        }
    }
}
