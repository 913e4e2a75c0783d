//! Appending rows of some columns to others whose dictionaries and attribute columns differ.

use std::ops::Range;

use laneway_proto::otlp::reader::ReadError;
use laneway_proto::otlp::{attribute, field, wire};

use super::super::columns::{
    AttributeColumn, AttributeValues, Blobs, Coded, Columns, Shape, ShapeItem, parse,
};
use crate::QueryError;

/// Appends rows of `from`, all of whose columns were read, to `to`.
///
/// Attribute column `i` of `from` is column `places[i]` of `to`; what has no column there is moved into the residual, and the
/// order of a span's attributes stays as it was received.
///
/// # Errors
/// When a residual attribute cannot be read.
pub(super) fn append(
    to: &mut Columns,
    from: &Columns,
    rows: Range<usize>,
    places: &[Option<usize>],
) -> Result<(), QueryError> {
    let base = to.len();
    to.trace_id.extend_from_slice(&from.trace_id[rows.clone()]);
    to.span_id.extend_from_slice(&from.span_id[rows.clone()]);
    to.parent_span_id.extend_from_slice(&from.parent_span_id[rows.clone()]);
    to.start_unix_ns.extend_from_slice(&from.start_unix_ns[rows.clone()]);
    to.duration_ns.extend_from_slice(&from.duration_ns[rows.clone()]);
    to.kind.extend_from_slice(&from.kind[rows.clone()]);
    to.status.extend_from_slice(&from.status[rows.clone()]);
    to.flags.extend_from_slice(&from.flags[rows.clone()]);
    to.dropped_attributes.extend_from_slice(&from.dropped_attributes[rows.clone()]);
    to.dropped_events.extend_from_slice(&from.dropped_events[rows.clone()]);
    to.dropped_links.extend_from_slice(&from.dropped_links[rows.clone()]);
    append_coded(&mut to.name, &from.name, rows.clone());
    append_coded(&mut to.status_message, &from.status_message, rows.clone());
    append_coded(&mut to.trace_state, &from.trace_state, rows.clone());
    append_coded(&mut to.lane, &from.lane, rows.clone());
    append_coded(&mut to.resource, &from.resource, rows.clone());
    append_coded(&mut to.scope, &from.scope, rows.clone());
    for (column, place) in from.attributes.iter().zip(places) {
        if let Some(place) = *place {
            append_attribute(&mut to.attributes[place], column, rows.clone(), base);
        }
    }
    append_blobs(&mut to.events, &from.events, rows.clone(), base);
    append_blobs(&mut to.links, &from.links, rows.clone(), base);
    let is_moved = append_shapes(&mut to.shape, &from.shape, rows.clone(), places);
    if is_moved.is_empty() {
        append_blobs(&mut to.residual, &from.residual, rows, base);
        return Ok(());
    }
    let mut residual = Vec::new();
    for row in rows.clone() {
        let stored = from.residual.get(row);
        if is_moved[from.shape.ids[row] as usize] {
            residual.clear();
            rebuild_residual(&mut residual, from, row, places)
                .map_err(|error| QueryError::Corrupt(format!("residual attributes: {error}")))?;
            to.residual.push(base + row - rows.start, &residual);
        } else {
            to.residual.push(base + row - rows.start, stored);
        }
    }
    Ok(())
}

/// Not yet looked up.
const UNKNOWN: u32 = u32::MAX;

fn append_coded(to: &mut Coded, from: &Coded, rows: Range<usize>) {
    let Coded { ids, values } = to;
    append_ids(ids, &from.ids[rows], from.values.len(), |id| values.intern_bytes(from.values.get(id)));
}

/// Appends ids, each mapped once.
fn append_ids(to: &mut Vec<u32>, from: &[u32], distinct: usize, mut map: impl FnMut(u32) -> u32) {
    let mut known = vec![UNKNOWN; distinct];
    to.extend(from.iter().map(|&id| {
        let mapped = &mut known[id as usize];
        if *mapped == UNKNOWN {
            *mapped = map(id);
        }
        *mapped
    }));
}

fn append_attribute(to: &mut AttributeColumn, from: &AttributeColumn, rows: Range<usize>, base: usize) {
    let place = |row: usize| from.rows.partition_point(|&other| (other as usize) < row);
    let places = place(rows.start)..place(rows.end);
    to.rows.extend(from.rows[places.clone()].iter().map(|&row| (base + row as usize - rows.start) as u32));
    match (&mut to.values, &from.values) {
        (AttributeValues::String(to), AttributeValues::String(from)) => append_coded(to, from, places),
        // What was found to be mostly distinct in one place is so in another.
        (to, AttributeValues::Plain(from)) => {
            if let Some(to) = to.make_plain() {
                places.for_each(|place| to.push(from.get(place)));
            }
        }
        (AttributeValues::Plain(to), AttributeValues::String(from)) => {
            places.for_each(|place| to.push(from.get(place)));
        }
        (AttributeValues::Int(to), AttributeValues::Int(from)) => to.extend_from_slice(&from[places]),
        (AttributeValues::Double(to), AttributeValues::Double(from)) => to.extend_from_slice(&from[places]),
        (AttributeValues::Bool(to), AttributeValues::Bool(from)) => to.extend_from_slice(&from[places]),
        _ => unreachable!("columns are united by key and type"),
    }
}

fn append_blobs(to: &mut Blobs, from: &Blobs, rows: Range<usize>, base: usize) {
    for (row, value) in from.iter().skip_while(|(row, _)| *row < rows.start) {
        if row >= rows.end {
            break;
        }
        to.push(base + row - rows.start, value);
    }
}

/// Appends shapes that name the columns of the new place. Returns, where there is any, which shapes of `from` have attributes
/// that are moved into the residual.
fn append_shapes(to: &mut Coded, from: &Coded, rows: Range<usize>, places: &[Option<usize>]) -> Vec<bool> {
    let (mut shape, mut is_moved) = (Shape::default(), Vec::new());
    let Coded { ids, values } = to;
    append_ids(ids, &from.ids[rows], from.values.len(), |id| {
        shape.set_mapped(from.values.get(id), |item| match item {
            ShapeItem::Residual => ShapeItem::Residual,
            ShapeItem::Column(index) => match places.get(index).copied().flatten() {
                Some(place) => ShapeItem::Column(place),
                None => {
                    is_moved.resize(from.values.len(), false);
                    is_moved[id as usize] = true;
                    ShapeItem::Residual
                }
            },
        });
        values.intern_bytes(shape.as_bytes())
    });
    is_moved
}

/// Writes what is residual of a row in the new place, in the order of its attributes.
fn rebuild_residual(
    out: &mut Vec<u8>,
    from: &Columns,
    row: usize,
    places: &[Option<usize>],
) -> Result<(), ReadError> {
    let stored = parse(from.residual.get(row))?;
    let mut stored = stored.attributes();
    for item in Shape::items(from.shape.get(row)) {
        match item {
            ShapeItem::Residual => {
                if let Some(attribute) = stored.next() {
                    wire::bytes(out, field::span::ATTRIBUTES, attribute?.bytes());
                }
            }
            ShapeItem::Column(index) if places.get(index).copied().flatten().is_none() => {
                if let Some(column) = from.attributes.get(index) {
                    write_attribute(out, column, row);
                }
            }
            ShapeItem::Column(_) => {}
        }
    }
    Ok(())
}

fn write_attribute(out: &mut Vec<u8>, column: &AttributeColumn, row: usize) {
    let Ok(place) = column.rows.binary_search(&(row as u32)) else { return };
    let (field, key) = (field::span::ATTRIBUTES, column.key.as_str());
    match &column.values {
        AttributeValues::String(values) => attribute::string(out, field, key, &values.text(place)),
        AttributeValues::Plain(values) => {
            attribute::string(out, field, key, &String::from_utf8_lossy(values.get(place)));
        }
        AttributeValues::Int(values) => attribute::int(out, field, key, values[place]),
        AttributeValues::Double(values) => attribute::double(out, field, key, values[place]),
        AttributeValues::Bool(values) => attribute::boolean(out, field, key, values[place]),
    }
}
