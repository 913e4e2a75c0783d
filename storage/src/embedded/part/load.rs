//! Reading rows of a part back into columns.

use std::ops::Range;

use parquet::basic::Repetition;
use parquet::column::page::PageReader;
use parquet::column::reader::get_column_reader;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, DataType, DoubleType, FixedLenByteArrayType, Int32Type, Int64Type};
use parquet::file::reader::{FileReader, RowGroupReader};

use super::super::columns::{AttributeColumn, AttributeType, AttributeValues, Blobs, Coded, Columns};
use super::decode::{corrupt, read_coded};
use super::field::{Field, Projection};
use super::{AttributeMeta, Part};
use crate::QueryError;

const KINDS: [&str; 6] = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
const STATUSES: [&str; 3] = ["Unset", "Ok", "Error"];

/// The text of a span kind in a part: the exporter's name, or the number where OTLP has no name for it.
pub(super) fn kind_name(number: i32) -> String {
    name(&KINDS, number)
}

/// The text of a status code in a part.
pub(super) fn status_name(number: i32) -> String {
    name(&STATUSES, number)
}

fn name(names: &[&str], number: i32) -> String {
    let known = usize::try_from(number).ok().and_then(|number| names.get(number));
    known.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

fn number(names: &[&str], name: &str) -> Result<i32, QueryError> {
    match names.iter().position(|known| *known == name) {
        Some(number) => Ok(number as i32),
        None => {
            name.parse().map_err(|_| corrupt(format_args!("{name:?} is neither a known name nor a number")))
        }
    }
}

pub(super) fn load(part: &Part, rows: Range<usize>, projection: &Projection) -> Result<Columns, QueryError> {
    let group = part.spans.get_row_group(0).map_err(corrupt)?;
    let source = Source { group: &*group, rows };
    let mut columns = Columns::default();
    for field in Field::ALL.into_iter().filter(|field| projection.has(*field)) {
        source.load_field(&mut columns, field)?;
    }
    for (i, meta) in part.meta.attributes.iter().enumerate() {
        columns.attributes.push(if projection.has_attribute(&meta.key) {
            source.attribute(Field::ALL.len() + i, meta)?
        } else {
            // Shapes name attribute columns by their place.
            AttributeColumn::new(meta.key.clone(), meta.kind)
        });
    }
    Ok(columns)
}

struct Source<'a> {
    group: &'a dyn RowGroupReader,
    rows: Range<usize>,
}

impl Source<'_> {
    fn load_field(&self, columns: &mut Columns, field: Field) -> Result<(), QueryError> {
        let index = field.index();
        match field {
            Field::TraceId => columns.trace_id = self.ids(index)?,
            Field::SpanId => columns.span_id = self.ids(index)?,
            Field::ParentSpanId => columns.parent_span_id = self.ids(index)?,
            Field::Timestamp => {
                columns.start_unix_ns =
                    self.dense::<Int64Type>(index)?.into_iter().map(i64::cast_unsigned).collect();
            }
            Field::Duration => columns.duration_ns = self.dense::<Int64Type>(index)?,
            Field::SpanName => columns.name = self.coded(index)?,
            Field::SpanKind => columns.kind = self.numbers(index, &KINDS)?,
            Field::StatusCode => columns.status = self.numbers(index, &STATUSES)?,
            Field::StatusMessage => columns.status_message = self.coded(index)?,
            Field::TraceState => columns.trace_state = self.coded(index)?,
            Field::Lane => columns.lane = self.coded(index)?,
            Field::Flags => columns.flags = self.unsigned(index)?,
            Field::DroppedAttributesCount => columns.dropped_attributes = self.unsigned(index)?,
            Field::DroppedEventsCount => columns.dropped_events = self.unsigned(index)?,
            Field::DroppedLinksCount => columns.dropped_links = self.unsigned(index)?,
            Field::Resource => columns.resource = self.coded(index)?,
            Field::Scope => columns.scope = self.coded(index)?,
            Field::AttributeShape => columns.shape = self.coded(index)?,
            Field::ResidualAttributes => columns.residual = self.blobs(index)?,
            Field::Events => columns.events = self.blobs(index)?,
            Field::Links => columns.links = self.blobs(index)?,
            Field::ServiceName
            | Field::InstanceId
            | Field::InstanceLane
            | Field::Region
            | Field::ScopeName
            | Field::ScopeVersion => {}
        }
        Ok(())
    }

    fn attribute(&self, index: usize, meta: &AttributeMeta) -> Result<AttributeColumn, QueryError> {
        let mut rows = Vec::new();
        let values = match meta.kind {
            AttributeType::String => AttributeValues::String(read_coded(
                &mut *self.pages(index)?,
                self.rows.clone(),
                true,
                |row| rows.push(row),
            )?),
            AttributeType::Int => AttributeValues::Int(self.sparse::<Int64Type>(index, &mut rows)?),
            AttributeType::Double => AttributeValues::Double(self.sparse::<DoubleType>(index, &mut rows)?),
            AttributeType::Bool => AttributeValues::Bool(self.sparse::<BoolType>(index, &mut rows)?),
        };
        Ok(AttributeColumn { key: meta.key.clone(), rows, values })
    }

    fn pages(&self, index: usize) -> Result<Box<dyn PageReader>, QueryError> {
        self.group.get_column_page_reader(index).map_err(corrupt)
    }

    fn coded(&self, index: usize) -> Result<Coded, QueryError> {
        read_coded(&mut *self.pages(index)?, self.rows.clone(), false, |_| ())
    }

    fn blobs(&self, index: usize) -> Result<Blobs, QueryError> {
        let mut rows = Vec::new();
        let coded = read_coded(&mut *self.pages(index)?, self.rows.clone(), true, |row| rows.push(row))?;
        let mut blobs = Blobs::default();
        for (i, row) in rows.into_iter().enumerate() {
            blobs.push(row as usize, coded.get(i));
        }
        Ok(blobs)
    }

    fn numbers(&self, index: usize, names: &[&str]) -> Result<Vec<i32>, QueryError> {
        let coded = self.coded(index)?;
        let numbers = coded
            .values
            .ids()
            .map(|id| number(names, &coded.values.text(id)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(coded.ids.iter().map(|&id| numbers[id as usize]).collect())
    }

    fn unsigned(&self, index: usize) -> Result<Vec<u32>, QueryError> {
        Ok(self.dense::<Int32Type>(index)?.into_iter().map(i32::cast_unsigned).collect())
    }

    /// Ids of a fixed length; zeros where there is none.
    fn ids<const N: usize>(&self, index: usize) -> Result<Vec<[u8; N]>, QueryError> {
        let mut rows = Vec::new();
        let values = self.sparse::<FixedLenByteArrayType>(index, &mut rows)?;
        let mut ids = vec![[0; N]; self.rows.len()];
        for (row, value) in rows.into_iter().zip(&values) {
            ids[row as usize] = value.data().try_into().map_err(|_| corrupt("an id of another length"))?;
        }
        Ok(ids)
    }

    fn dense<T: DataType>(&self, index: usize) -> Result<Vec<T::T>, QueryError> {
        self.sparse::<T>(index, &mut Vec::new())
    }

    /// The values of the rows that have one, and which rows these are.
    fn sparse<T: DataType>(&self, index: usize, present: &mut Vec<u32>) -> Result<Vec<T::T>, QueryError> {
        let descriptor = self.group.metadata().column(index).column_descr_ptr();
        let optional = descriptor.self_type().get_basic_info().repetition() == Repetition::OPTIONAL;
        let reader = get_column_reader(descriptor, self.pages(index)?);
        let mut reader = get_typed_column_reader::<T>(reader);
        let skipped = reader.skip_records(self.rows.start).map_err(corrupt)?;
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let mut read = 0;
        while read < self.rows.len() {
            let levels = optional.then_some(&mut levels);
            let (records, ..) =
                reader.read_records(self.rows.len() - read, levels, None, &mut values).map_err(corrupt)?;
            if records == 0 {
                break;
            }
            read += records;
        }
        if skipped + read != self.rows.end {
            return Err(corrupt(format_args!(
                "column {index} ends at row {} of {}",
                skipped + read,
                self.rows.end
            )));
        }
        if optional {
            present.extend(levels.iter().zip(0..).filter(|(level, _)| **level != 0).map(|(_, row)| row));
        } else {
            present.extend(0..read as u32);
        }
        Ok(values)
    }
}
