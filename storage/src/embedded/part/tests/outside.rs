//! Parquet's own reader, which knows nothing of `part.idx`, finds what was written.

use std::fs::File;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field as Cell, Row};

use super::*;

fn cell<'a>(row: &'a Row, column: &str) -> &'a Cell {
    row.get_column_iter().find(|(name, _)| *name == column).unwrap_or_else(|| panic!("no column {column}")).1
}

fn text(value: &str) -> Cell {
    Cell::Str(value.to_owned())
}

fn bytes(value: &[u8]) -> Cell {
    Cell::Bytes(value.to_vec().into())
}

#[test]
fn the_parquet_crate_reads_the_same_rows() {
    let spans = many_spans();
    for rows in [usize::MAX, 3_000] {
        let (dir, _) = part_in_groups(&spans, rows);
        let reader = SerializedFileReader::new(File::open(dir.path().join(SPANS_FILE)).unwrap()).unwrap();
        let read: Vec<Row> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(read.len(), spans.len());
        for (i, (row, span)) in read.iter().zip(&spans).enumerate() {
            assert_eq!(*cell(row, "TraceId"), bytes(&span.trace_id.to_bytes()));
            assert_eq!(*cell(row, "SpanId"), bytes(&span.span_id.to_bytes()));
            assert_eq!(*cell(row, "SpanName"), text(&span.name));
            assert_eq!(*cell(row, "ServiceName"), text("shop"));
            assert_eq!(*cell(row, "SpanKind"), text("Internal"));
            assert_eq!(*cell(row, "Duration"), Cell::Long(span.duration_ns() as i64));
            assert_eq!(*cell(row, "attr.unique"), text(&format!("user-{i}")));
            assert_eq!(*cell(row, "attr.few"), text(&format!("route-{}", i % 3)));
            let (count, odd) =
                if i % 5 == 0 { (Cell::Long(i as i64), Cell::Bool(true)) } else { (Cell::Null, Cell::Null) };
            assert_eq!(*cell(row, "attr.count#int"), count);
            assert_eq!(*cell(row, "attr.odd#bool"), odd);
            assert_eq!(*cell(row, "Events") == Cell::Null, span.events.is_empty());
        }
    }
}
