//! Writing a part.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use parquet::errors::Result;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::super::columns::{
    AttributeColumn, AttributeValues, Blobs, Coded, Columns, Strings, resource, scope,
};
use super::field::{Field, attribute_type};
use super::file::PartFile;
use super::{AttributeMeta, FORMAT, META_FILE, PartMeta, SPANS_FILE, TRACES_FILE, TraceIndex};

/// Rows of a data page: a trace is read by decoding one page of each column.
const PAGE_ROWS: usize = 2048;

/// Beyond this many distinct values per value, a dictionary only costs.
const MAX_DISTINCT_SHARE: usize = 4;

/// Writes and syncs the files of a part into an existing, empty directory. Equal spans (trace id, span id, start) are written once.
pub(in super::super) fn write(columns: &Columns, dir: &Path) -> io::Result<()> {
    let order = order(columns);
    let starts = || order.iter().map(|&row| columns.start_unix_ns[row as usize]);
    write_synced(&dir.join(TRACES_FILE), |file| {
        let ids = order.iter().map(|&row| columns.trace_id[row as usize]);
        file.write_all(&TraceIndex::new(ids).map_err(io::Error::other)?.to_bytes())
    })?;
    let mut footer_offset = 0;
    write_synced(&dir.join(SPANS_FILE), |file| {
        let mut file = io::BufWriter::with_capacity(1 << 20, file);
        footer_offset = write_spans(columns, &order, &mut file).map_err(io::Error::other)?;
        file.flush()
    })?;
    let meta = PartMeta {
        format: FORMAT,
        rows: order.len(),
        min_start_unix_ns: starts().min().unwrap_or_default(),
        max_start_unix_ns: starts().max().unwrap_or_default(),
        footer_offset,
        footer_crc32c: PartFile::new(File::open(dir.join(SPANS_FILE))?)?.crc32c_from(footer_offset)?,
        attributes: columns
            .attributes
            .iter()
            .map(|column| AttributeMeta { key: column.key.clone(), kind: column.kind() })
            .collect(),
    };
    write_synced(&dir.join(META_FILE), |file| file.write_all(&serde_json::to_vec_pretty(&meta)?))?;
    super::sync_dir(dir)
}

fn write_synced(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    write(&mut file)?;
    file.sync_all()
}

/// The rows to write: by trace id, so that a trace lies together; equal spans once.
fn order(columns: &Columns) -> Vec<u32> {
    let key = |&row: &u32| {
        let row = row as usize;
        (columns.trace_id[row], columns.start_unix_ns[row], columns.span_id[row])
    };
    let mut order: Vec<u32> = (0..columns.len() as u32).collect();
    // Stable, so that of equal spans the first received is kept.
    order.sort_by_cached_key(key);
    order.dedup_by_key(|row| key(row));
    order
}

/// Writes `spans.parquet`; returns where its pages end and its indexes and footer begin.
fn write_spans<W: Write + Send>(columns: &Columns, order: &[u32], file: W) -> Result<u64> {
    let fields = Field::ALL.iter().map(|field| field.parquet_type());
    let attributes = columns.attributes.iter().map(attribute_type);
    let types = fields.chain(attributes).collect::<Result<Vec<_>>>()?;
    let properties = properties(columns, &types);
    let schema = Type::group_type_builder("span").with_fields(types).build()?;
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    {
        let group = writer.next_row_group()?;
        let mut sink = Sink { group, order, places: vec![ABSENT; columns.len()] };
        for field in Field::ALL {
            sink.write_field(columns, field)?;
        }
        for column in &columns.attributes {
            sink.write_attribute(column)?;
        }
        sink.group.close()?;
    }
    let footer_offset = writer.bytes_written() as u64;
    writer.close()?;
    Ok(footer_offset)
}

fn properties(columns: &Columns, types: &[TypePtr]) -> WriterProperties {
    let path = |index: usize| ColumnPath::new(vec![types[index].name().to_owned()]);
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("laneway ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_dictionary_enabled(false)
        .set_write_batch_size(PAGE_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS);
    for field in Field::ALL {
        properties = properties
            .set_column_dictionary_enabled(path(field.index()), field.has_dictionary())
            .set_column_encoding(path(field.index()), field.encoding());
    }
    for (i, column) in columns.attributes.iter().enumerate() {
        let path = path(Field::ALL.len() + i);
        let dictionary = match &column.values {
            AttributeValues::String(values) => values.values.len() * MAX_DISTINCT_SHARE <= values.ids.len(),
            AttributeValues::Int(_) | AttributeValues::Double(_) => true,
            AttributeValues::Plain(_) | AttributeValues::Bool(_) => false,
        };
        properties = properties
            .set_column_dictionary_enabled(path.clone(), dictionary)
            .set_column_encoding(path, Encoding::PLAIN);
    }
    properties.build()
}

const ABSENT: u32 = u32::MAX;

/// The row group that is being written.
struct Sink<'a, W: Write> {
    group: SerializedRowGroupWriter<'a, W>,
    order: &'a [u32],
    // Scratch for sparse columns: where a row's value is.
    places: Vec<u32>,
}

impl<W: Write + Send> Sink<'_, W> {
    fn write_field(&mut self, columns: &Columns, field: Field) -> Result<()> {
        match field {
            Field::TraceId => self.fixed(|row| columns.trace_id[row].to_vec()),
            Field::SpanId => self.fixed(|row| columns.span_id[row].to_vec()),
            Field::ParentSpanId => {
                let ids = &columns.parent_span_id;
                let levels =
                    self.order.iter().map(|&row| i16::from(ids[row as usize] != [0; 8])).collect::<Vec<_>>();
                let rows = self.order.iter().filter(|&&row| ids[row as usize] != [0; 8]);
                let values =
                    rows.map(|&row| ByteArray::from(ids[row as usize].to_vec()).into()).collect::<Vec<_>>();
                self.put::<FixedLenByteArrayType>(&values, Some(&levels))
            }
            Field::Timestamp => self.dense::<Int64Type>(|row| columns.start_unix_ns[row] as i64),
            Field::Duration => self.dense::<Int64Type>(|row| columns.duration_ns[row]),
            Field::SpanName => self.coded(&columns.name),
            Field::SpanKind => self.named(&columns.kind, super::load::kind_name),
            Field::StatusCode => self.named(&columns.status, super::load::status_name),
            Field::StatusMessage => self.coded(&columns.status_message),
            Field::TraceState => self.coded(&columns.trace_state),
            Field::Lane => self.coded(&columns.lane),
            Field::Flags => self.dense::<Int32Type>(|row| columns.flags[row] as i32),
            Field::DroppedAttributesCount => {
                self.dense::<Int32Type>(|row| columns.dropped_attributes[row] as i32)
            }
            Field::DroppedEventsCount => self.dense::<Int32Type>(|row| columns.dropped_events[row] as i32),
            Field::DroppedLinksCount => self.dense::<Int32Type>(|row| columns.dropped_links[row] as i32),
            Field::Resource => self.coded(&columns.resource),
            Field::Scope => self.coded(&columns.scope),
            Field::AttributeShape => self.coded(&columns.shape),
            Field::ResidualAttributes => self.blobs(&columns.residual),
            Field::Events => self.blobs(&columns.events),
            Field::Links => self.blobs(&columns.links),
            Field::ServiceName => self.derived(&columns.resource, |stored| {
                resource(stored).map(|resource| resource.service_name().to_owned()).unwrap_or_default()
            }),
            Field::InstanceId => self.derived(&columns.resource, |stored| {
                resource(stored).map(|resource| resource.instance_id().to_owned()).unwrap_or_default()
            }),
            Field::InstanceLane => self.derived(&columns.resource, |stored| {
                resource(stored).map(|resource| resource.instance_lane().to_string()).unwrap_or_default()
            }),
            Field::Region => self.derived(&columns.resource, |stored| {
                resource(stored).map(|resource| resource.region().to_owned()).unwrap_or_default()
            }),
            Field::ScopeName => self
                .derived(&columns.scope, |stored| scope(stored).map(|scope| scope.name).unwrap_or_default()),
            Field::ScopeVersion => self.derived(&columns.scope, |stored| {
                scope(stored).map(|scope| scope.version).unwrap_or_default()
            }),
        }
    }

    fn write_attribute(&mut self, column: &AttributeColumn) -> Result<()> {
        match &column.values {
            AttributeValues::String(coded) => {
                let dictionary = byte_arrays(coded.values.values());
                self.sparse::<ByteArrayType>(&column.rows, |i| dictionary[coded.ids[i] as usize].clone())
            }
            AttributeValues::Plain(strings) => {
                let values = byte_arrays(strings);
                self.sparse::<ByteArrayType>(&column.rows, |i| values[i].clone())
            }
            AttributeValues::Int(values) => self.sparse::<Int64Type>(&column.rows, |i| values[i]),
            AttributeValues::Double(values) => self.sparse::<DoubleType>(&column.rows, |i| values[i]),
            AttributeValues::Bool(values) => self.sparse::<BoolType>(&column.rows, |i| values[i]),
        }
    }

    fn fixed(&mut self, value: impl Fn(usize) -> Vec<u8>) -> Result<()> {
        self.dense::<FixedLenByteArrayType>(|row| FixedLenByteArray::from(value(row)))
    }

    fn dense<T: DataType>(&mut self, value: impl Fn(usize) -> T::T) -> Result<()> {
        let values = self.order.iter().map(|&row| value(row as usize)).collect::<Vec<_>>();
        self.put::<T>(&values, None)
    }

    fn coded(&mut self, column: &Coded) -> Result<()> {
        let dictionary = byte_arrays(column.values.values());
        self.dense::<ByteArrayType>(|row| dictionary[column.ids[row] as usize].clone())
    }

    fn derived(&mut self, column: &Coded, derive: impl Fn(&[u8]) -> String) -> Result<()> {
        let values = &column.values;
        let dictionary =
            values.ids().map(|id| ByteArray::from(derive(values.get(id)).into_bytes())).collect::<Vec<_>>();
        self.dense::<ByteArrayType>(|row| dictionary[column.ids[row] as usize].clone())
    }

    fn named(&mut self, numbers: &[i32], name: impl Fn(i32) -> String) -> Result<()> {
        let mut names = HashMap::new();
        let values = self.order.iter().map(|&row| {
            let number = numbers[row as usize];
            names.entry(number).or_insert_with(|| ByteArray::from(name(number).into_bytes())).clone()
        });
        let values = values.collect::<Vec<_>>();
        self.put::<ByteArrayType>(&values, None)
    }

    fn blobs(&mut self, blobs: &Blobs) -> Result<()> {
        let (rows, values): (Vec<u32>, Vec<&[u8]>) =
            blobs.iter().map(|(row, value)| (row as u32, value)).unzip();
        self.sparse::<ByteArrayType>(&rows, |i| ByteArray::from(values[i].to_vec()))
    }

    fn sparse<T: DataType>(&mut self, rows: &[u32], value: impl Fn(usize) -> T::T) -> Result<()> {
        for (i, &row) in rows.iter().enumerate() {
            self.places[row as usize] = i as u32;
        }
        let places = self.order.iter().map(|&row| self.places[row as usize]);
        let levels = places.clone().map(|place| i16::from(place != ABSENT)).collect::<Vec<_>>();
        let values =
            places.filter(|&place| place != ABSENT).map(|place| value(place as usize)).collect::<Vec<_>>();
        for &row in rows {
            self.places[row as usize] = ABSENT;
        }
        self.put::<T>(&values, Some(&levels))
    }

    fn put<T: DataType>(&mut self, values: &[T::T], levels: Option<&[i16]>) -> Result<()> {
        debug_assert!(T::get_physical_type() != PhysicalType::INT96);
        if let Some(mut column) = self.group.next_column()? {
            column.typed::<T>().write_batch(values, levels, None)?;
            column.close()?;
        }
        Ok(())
    }
}

/// Strings as values that share one buffer.
fn byte_arrays(strings: &Strings) -> Vec<ByteArray> {
    let (bytes, ends) = strings.parts();
    let bytes = Bytes::copy_from_slice(bytes);
    let starts = std::iter::once(&0).chain(ends);
    starts.zip(ends).map(|(&start, &end)| ByteArray::from(bytes.slice(start..end))).collect()
}
