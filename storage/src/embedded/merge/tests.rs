//! Merged rows against the same spans sorted by hand.

mod joined;

use std::sync::Arc;

use laneway_proto::otlp::reader::TracesRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::columns::{MAX_ATTRIBUTE_COLUMNS, SpanReader};
use super::super::part::{Cache, Disk, Projection, read_all};
use super::super::segment::Segment;
use super::*;
use crate::model::{Span, to_otlp};
use crate::testing::{arbitrary, span};

/// Parts of these spans, in directories that live as long as the first value.
fn parts_of(inputs: &[Vec<Span>]) -> (TempDir, Vec<SharedPart>) {
    let dir = TempDir::new().unwrap();
    let parts = (1..).zip(inputs).map(|(number, spans)| {
        let id = PartId::of_segment(number);
        let dir = dir.path().join(id.dir_name());
        std::fs::create_dir(&dir).unwrap();
        let mut segment = Segment::default();
        segment.append(TracesRequest::new(&to_otlp::traces_data(spans))).unwrap();
        part::write(&Disk::default(), segment.columns(), &part::order(segment.columns()), &dir).unwrap();
        Arc::new(Part::open(&dir, id, &Cache::new(1 << 20)).unwrap())
    });
    let parts = parts.collect();
    (dir, parts)
}

/// The spans of each batch.
fn batches_of(parts: &[SharedPart], batch_rows: usize) -> Vec<Vec<Span>> {
    let mut batches = Batches::new(parts, batch_rows);
    let mut all = Vec::new();
    while let Some(batch) = batches.next().unwrap() {
        let everything = Projection::all();
        let mut reader = SpanReader::new(&batch.columns, &everything);
        all.push(batch.order.iter().map(|&row| reader.span(row as usize).unwrap()).collect());
    }
    all
}

/// What a merge must give: by trace, start and id, the first of equals.
fn expected(inputs: &[Vec<Span>]) -> Vec<Span> {
    let mut spans = inputs.concat();
    let key = |span: &Span| (span.trace_id, span.start_unix_ns, span.span_id);
    spans.sort_by_key(key);
    spans.dedup_by_key(|span| key(span));
    spans
}

/// Debug text, since NaN is not equal to itself.
fn assert_same(ours: &[Span], theirs: &[Span]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
    }
}

/// Spans of traces that lie across parts, chunks and batches.
fn fleet(part: u64, spans: u64) -> Vec<Span> {
    let one = |i: u64| {
        let one = span("op").trace(u128::from(i / 7) + 1).id(part * 1_000_000 + i + 1).after(i * 10 + part);
        one.attribute("user", &*format!("user-{}", i % 91)).attribute("part", part as i64).build()
    };
    (0..spans).map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_spans_come_out_once_and_in_order(
        // No ids of their own: spans of one id meet.
        inputs in vec(vec(arbitrary::span(), 1..20), 1..6),
        batch_rows in 1..40usize,
    ) {
        let (_dir, parts) = parts_of(&inputs);
        assert_same(&batches_of(&parts, batch_rows).concat(), &expected(&inputs));
    }
}

#[test]
fn batches_are_bounded_and_end_between_traces() {
    let inputs: Vec<_> =
        [30_000, 9_000, 20_000].iter().zip(0..).map(|(rows, part)| fleet(part, *rows)).collect();
    let (_dir, parts) = parts_of(&inputs);
    let batches = batches_of(&parts, 8_192);
    assert_same(&batches.concat(), &expected(&inputs));
    assert!(batches.len() > 2);
    for pair in batches.windows(2) {
        assert!(pair[0].len() >= 8_192 && pair[0].len() <= 3 * 8_192, "{}", pair[0].len());
        assert_ne!(pair[0].last().unwrap().trace_id, pair[1][0].trace_id);
    }
}

#[test]
fn a_trace_larger_than_a_batch_is_split() {
    let inputs: Vec<Vec<Span>> = (0..2u64)
        .map(|part| (0..20_000).map(|i| span("huge").id(part * 20_000 + i + 1).after(i).build()).collect())
        .collect();
    let (_dir, parts) = parts_of(&inputs);
    let batches = batches_of(&parts, 4_096);
    assert!(batches.iter().all(|batch| batch.len() <= 3 * 4_096));
    assert_same(&batches.concat(), &expected(&inputs));
}

#[test]
fn attributes_beyond_the_limit_move_to_the_residual_in_order() {
    // Each part fills all columns, with keys of its own; the first has more rows, so its keys stay.
    let wide = |part: u64, rows: u64| -> Vec<Span> {
        let keys = MAX_ATTRIBUTE_COLUMNS as u64;
        let one = |row: u64| {
            let mut one = span("wide").trace(u128::from(row) + 1).id(part * 100 + row + 1);
            for i in 0..keys {
                let key = format!("k{part}-{i}");
                one = match i % 4 {
                    0 => one.attribute(&key, &*format!("v{row}")),
                    1 => one.attribute(&key, (i * row) as i64),
                    2 => one.attribute(&key, i as f64 / 2.0),
                    _ => one.attribute(&key, row.is_multiple_of(2)),
                };
                if i == 100 {
                    // Residual before the merge too.
                    one = one.attribute(&key, "again");
                }
            }
            one.attribute("shared", 1i64).build()
        };
        (0..rows).map(one).collect()
    };
    let inputs = [wide(1, 5), wide(2, 3)];
    let (_dir, parts) = parts_of(&inputs);
    let mut batches = Batches::new(&parts, 1_000);
    let batch = batches.next().unwrap().unwrap();
    assert_eq!(batch.columns.attributes.len(), MAX_ATTRIBUTE_COLUMNS);
    assert!(
        batch.columns.attributes.iter().all(|column| column.key.starts_with("k1-") && column.rows.len() == 5)
    );
    assert_same(&batches_of(&parts, 1_000).concat(), &expected(&inputs));
}

#[test]
fn what_is_written_is_what_was_merged() {
    let inputs = [fleet(0, 5_000), fleet(1, 3_000)];
    let (dir, parts) = parts_of(&inputs);
    let merged = dir.path().join("merged");
    std::fs::create_dir(&merged).unwrap();
    let mut batches = Batches::new(&parts, 1_024);
    let mut writer = PartWriter::create(&Disk::default(), &merged, batches.attributes()).unwrap();
    while let Some(batch) = batches.next().unwrap() {
        writer.push(&batch.columns, &batch.order).unwrap();
    }
    writer.finish().unwrap();
    let id = PartId { level: 1, ..PartId::of_segment(1) };
    let part = Part::open(&merged, id, &Cache::new(1 << 20)).unwrap();
    assert!(part.row_groups().count() > 1);
    assert_same(&read_all(&part).unwrap(), &expected(&inputs));
}
