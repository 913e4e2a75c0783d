mod damage;
mod outside;

use std::ops::Range;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::columns::SpanReader;
use super::super::segment::Segment;
use super::order::order;
use super::*;
use crate::model::{Span, to_otlp};
use crate::query::{AttributeScope, SpanFilter};
use crate::testing::{arbitrary, attribute, span};
use laneway_proto::otlp::reader::TracesRequest;

/// A part of these spans, in row groups of so many rows.
fn part_in_groups(spans: &[Span], rows: usize) -> (TempDir, Part) {
    write_groups(spans, |order| order.chunks(rows).collect())
}

/// The same with the last row group first, and the spans in their order there: trace ids do not ascend from one row group to the next.
fn part_in_reverse(spans: &[Span], rows: usize) -> (TempDir, Part, Vec<Span>) {
    let (dir, part) = write_groups(spans, |order| order.chunks(rows).rev().collect());
    (dir, part, spans.chunks(rows).rev().flatten().cloned().collect())
}

fn write_groups(spans: &[Span], groups: impl Fn(&[u32]) -> Vec<&[u32]>) -> (TempDir, Part) {
    let dir = TempDir::new().unwrap();
    let mut segment = Segment::default();
    let bytes = to_otlp::traces_data(spans);
    segment.append(TracesRequest::new(&bytes)).unwrap();
    let columns = segment.columns();
    let attributes = columns
        .attributes
        .iter()
        .map(|column| AttributeMeta { key: column.key.clone(), kind: column.kind() });
    let mut writer = PartWriter::create(&Disk::default(), dir.path(), attributes.collect()).unwrap();
    for rows in groups(&order(columns)) {
        writer.push(columns, rows).unwrap();
    }
    writer.finish().unwrap();
    let part = open(dir.path()).unwrap();
    (dir, part)
}

/// A part as a segment becomes.
fn part_of(spans: &[Span]) -> (TempDir, Part) {
    part_in_groups(spans, usize::MAX)
}

fn open(dir: &Path) -> Result<Part, QueryError> {
    Part::open(dir, PartId::of_segment(1), &Cache::new(1 << 20))
}

fn read(group: RowGroup<'_>, rows: Range<usize>) -> Result<Vec<Span>, QueryError> {
    let columns = group.load(rows, &Projection::all())?;
    let all = Projection::all();
    let mut reader = SpanReader::new(&columns, &all);
    (0..columns.len()).map(|row| reader.span(row)).collect()
}

/// All spans of a part.
pub(in super::super) fn read_all(part: &Part) -> Result<Vec<Span>, QueryError> {
    let mut spans = Vec::new();
    for group in part.row_groups() {
        spans.extend(read(group, 0..group.rows())?);
    }
    Ok(spans)
}

/// The spans of a trace, as a query reads them.
fn trace(part: &Part, id: u128) -> Vec<Span> {
    let id = TraceId::from_bytes(id.to_be_bytes()).unwrap();
    let groups = part.row_groups().filter(|_| part.may_have(id));
    groups.flat_map(|group| read(group, group.rows_of_trace(id).unwrap()).unwrap()).collect()
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
        TimeRange {
            start_unix_ns: spans[0].start_unix_ns,
            end_unix_ns: spans[spans.len() - 1].start_unix_ns
        }
    );
    // The input is ordered by trace and start, which is the order of the part.
    for rows in [0..0, 0..1, 2_040..2_060, 2_047..2_048, 2_048..2_049, 4_090..4_999, 0..spans.len()] {
        assert_eq!(read(part.row_groups().next().unwrap(), rows.clone()).unwrap(), spans[rows]);
    }
}

#[test]
fn every_trace_is_found_however_the_rows_are_grouped() {
    let spans = many_spans();
    for rows in [usize::MAX, 3_000, 1_001] {
        let (_dir, part) = part_in_groups(&spans, rows);
        assert_eq!(part.runs().len(), 1);
        assert_every_trace_is_found(&part, &spans);
        let (_dir, part, spans) = part_in_reverse(&spans, rows);
        assert_eq!(part.runs().len(), part.row_groups().len());
        assert_every_trace_is_found(&part, &spans);
    }
}

fn assert_every_trace_is_found(part: &Part, spans: &[Span]) {
    assert_eq!(read_all(part).unwrap(), spans);
    for id in (1..=715).step_by(7) {
        let is_it = |span: &&Span| span.trace_id.to_bytes() == u128::to_be_bytes(id);
        let expected: Vec<_> = spans.iter().filter(is_it).cloned().collect();
        assert_eq!(trace(part, id), expected, "trace {id} in {} groups", part.row_groups().len());
    }
    assert!((100_000..101_000).all(|id| trace(part, id).is_empty()));
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
    let columns = part.row_groups().next().unwrap().load(0..10, &projection).unwrap();
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No trace that matches is left out, whatever the filter, and every span comes back as it was.
    #[test]
    fn candidates_hold_every_match(spans in arbitrary::spans(1..40), filters in prop::collection::vec(arbitrary::filter(), 8), rows in 5..50usize) {
        let (_dir, part) = part_in_groups(&spans, rows);
        let stored = read_all(&part).unwrap();
        // Debug text, since NaN is not equal to itself.
        let text = |span: &Span| format!("{span:?}");
        let sent: Vec<_> = spans.iter().map(text).collect();
        prop_assert!(stored.iter().all(|stored| sent.contains(&text(stored))));
        for filter in &filters {
            prop_assert!(part.may_match(filter).unwrap() || !stored.iter().any(|span| filter.matches(span)), "{filter:?}");
        }
        for group in part.row_groups() {
            let spans = read(group, 0..group.rows()).unwrap();
            for filter in &filters {
                let Candidates::Only(candidates) = group.candidates(filter).unwrap() else { continue };
                let table = group.table().unwrap();
                for (row, _) in spans.iter().enumerate().filter(|(_, span)| filter.matches(span)) {
                    let ordinal = table.traces_of(row..row + 1).start as u32;
                    prop_assert!(candidates.contains(&ordinal), "{filter:?} matches row {row} of {spans:#?}");
                }
            }
        }
    }
}

/// Rows with a text that every twenty share, and an integer that every ten share, as ids of users and orders do.
fn spans_of_orders(count: u64) -> Vec<Span> {
    (0..count)
        .map(|i| {
            let one = span("op").trace(u128::from(i / 20) + 1).id(i + 1).after(i);
            one.attribute("user", &*format!("user-{}", i / 20)).attribute("order", (i / 10) as i64).build()
        })
        .collect()
}

#[test]
fn a_part_says_at_once_which_values_it_does_not_have() {
    let (_dir, part) = part_in_groups(&spans_of_orders(90_000), 45_000);
    let may_match = |scope, key: &str, text: String| {
        part.may_match(&SpanFilter::Attribute { scope, key: key.to_owned(), text }).unwrap()
    };
    for scope in [AttributeScope::Any, AttributeScope::Span] {
        assert!((0..4_500).all(|i| may_match(scope, "user", format!("user-{i}"))));
        assert!((0..9_000).all(|i| may_match(scope, "order", i.to_string())));
        let wrong = (9_000..10_000).filter(|i| {
            may_match(scope, "user", format!("user-{i}")) || may_match(scope, "order", i.to_string())
        });
        assert!(wrong.count() < 60);
        assert!(!may_match(scope, "order", "no number".to_owned()));
        assert!(!may_match(scope, "nothing", "user-1".to_owned()));
    }
    assert!(!may_match(AttributeScope::Event, "user", "user-1".to_owned()));
    // What has no filter may be there.
    let known = SpanFilter::Attribute {
        scope: AttributeScope::Any,
        key: "user".to_owned(),
        text: "user-1".to_owned(),
    };
    let unknown = SpanFilter::Not(Box::new(known.clone()));
    let absent =
        SpanFilter::Attribute { scope: AttributeScope::Any, key: "nothing".to_owned(), text: "x".to_owned() };
    for (filter, expected) in [
        (unknown, true),
        (SpanFilter::Any(vec![absent.clone(), known.clone()]), true),
        (SpanFilter::All(vec![known, absent.clone()]), false),
        (SpanFilter::Any(vec![absent]), false),
    ] {
        assert_eq!(part.may_match(&filter).unwrap(), expected, "{filter:?}");
    }
}
