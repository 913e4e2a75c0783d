//! Writing a part, row group by row group.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::super::columns::{Columns, resource, scope};
use super::codec::Compressors;
use super::disk::{Disk, NewFile};
use super::field::{Field, attribute_type};
use super::file::IndexWriter;
use super::keys::DecodedKeys;
use super::meta::{AttributeMeta, NeedleMeta, PartMeta, RowGroupMeta};
use super::needles::Needles;
use super::pages::PageIndex;
use super::table::TraceTable;
use super::traces::{TraceFilter, filter_key};
use super::value_filter::ValueHashes;
use super::{FORMAT, INDEX_FILE, META_FILE, SPANS_FILE, keys, postings};

mod attribute;
mod copy;
mod group;

use group::{GroupWriter, Written};

/// Writes a segment's spans as a part of one row group into an existing directory, and syncs it; in the order given, which is that of
/// [`order()`](super::order()).
pub(in super::super) fn write(disk: &Disk, columns: &Columns, order: &[u32], dir: &Path) -> io::Result<()> {
    let attributes = columns
        .attributes
        .iter()
        .map(|column| AttributeMeta { key: column.key.clone(), kind: column.kind() })
        .collect();
    let mut writer = PartWriter::create(disk, dir, attributes)?;
    writer.push(columns, order)?;
    writer.finish()
}

/// A part that is being written into a directory.
pub(in super::super) struct PartWriter {
    disk: Disk,
    dir: PathBuf,
    spans: SerializedFileWriter<NewFile>,
    index: IndexWriter,
    compressors: Compressors,
    meta: PartMeta,
    // Keys of the trace filter.
    traces: Vec<u64>,
    // By attribute column.
    values: Vec<ValueHashes>,
    resource_keys: DecodedKeys,
    scope_keys: DecodedKeys,
}

impl PartWriter {
    /// Begins a part with these attribute columns in an existing, empty directory.
    pub(in super::super) fn create(
        disk: &Disk,
        dir: &Path,
        attributes: Vec<AttributeMeta>,
    ) -> io::Result<Self> {
        let fields = Field::ALL.iter().map(|field| field.parquet_type());
        let types = fields.chain(attributes.iter().map(attribute_type)).collect::<Result<Vec<_>, _>>();
        let types = types.map_err(io::Error::other)?;
        let schema = Type::group_type_builder("span").with_fields(types).build().map_err(io::Error::other)?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("laneway ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .build();
        let values = attributes.iter().map(|_| ValueHashes::default()).collect();
        let file = disk.create(&dir.join(SPANS_FILE))?;
        let spans = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties));
        Ok(Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            spans: spans.map_err(io::Error::other)?,
            index: IndexWriter::create(disk, &dir.join(INDEX_FILE))?,
            compressors: Compressors::new()?,
            meta: PartMeta {
                format: FORMAT,
                rows: 0,
                min_start_unix_ns: u64::MAX,
                max_start_unix_ns: 0,
                filter: super::meta::Section { offset: 0, len: 0, crc32c: 0 },
                attributes,
                needles: Vec::new(),
                resource_keys: None,
                scope_keys: None,
                row_groups: Vec::new(),
            },
            traces: Vec::new(),
            values,
            resource_keys: DecodedKeys::default(),
            scope_keys: DecodedKeys::default(),
        })
    }

    /// Writes some rows as a row group, in the order given, which is that of [`order()`](super::order()). The attribute columns are the
    /// first of those that the part was begun with.
    pub(in super::super) fn push(&mut self, columns: &Columns, order: &[u32]) -> io::Result<()> {
        if order.is_empty() {
            return Ok(());
        }
        let ends = trace_ends(columns, order);
        let resources = distinct(&columns.resource, resource);
        let scopes = distinct(&columns.scope, scope);
        let services: Vec<String> =
            resources.iter().map(|resource| resource.service_name().to_owned()).collect();

        resources.iter().for_each(|resource| self.resource_keys.see(&resource.attributes));
        scopes.iter().for_each(|scope| self.scope_keys.see(&scope.attributes));

        let group = GroupWriter::new(columns, order, &ends, &resources, &scopes, &mut self.compressors);
        let Written { pages, found } = group.write(&mut self.spans, &self.meta.attributes)?;
        let table = TraceTable::new(columns, order, &ends);
        let (postings, lists) = postings::encode(columns, order, &ends, &services);

        let starts = || order.iter().map(|&row| columns.start_unix_ns[row as usize]);
        let (min_start_unix_ns, max_start_unix_ns) =
            (starts().min().unwrap_or_default(), starts().max().unwrap_or_default());
        let traces: Vec<u64> =
            ends.iter().map(|&end| filter_key(columns.trace_id[order[end - 1] as usize])).collect();
        let first_trace = hex(columns.trace_id[order[0] as usize]);
        // Where trace ids ascend from one row group to the next, the first and the last of each tell enough.
        let is_behind = self.meta.row_groups.last().is_none_or(|before| before.last_trace <= first_trace);
        let index = &mut self.index;
        let filter = match is_behind {
            true => None,
            false => Some(index.raw(&Needles::of_all(traces.iter().copied()).into_bytes())?),
        };
        let mut needles = Vec::new();
        for (attribute, (found, values)) in found.into_iter().zip(&mut self.values).enumerate() {
            values.add(found.hashes, found.has_many);
            if let Some(filters) = found.needles {
                needles.push(NeedleMeta { attribute, section: index.raw(&filters.into_bytes())? });
            }
        }
        let row_group = RowGroupMeta {
            rows: order.len(),
            traces: ends.len(),
            min_start_unix_ns,
            max_start_unix_ns,
            first_trace,
            last_trace: hex(columns.trace_id[order[order.len() - 1] as usize]),
            pages: index.compressed(&PageIndex::new(pages).to_bytes())?,
            table: index.compressed(&table.to_bytes())?,
            postings: index.compressed(&postings)?,
            lists: index.raw(&lists)?.offset,
            filter,
            needles,
            residual_keys: keys::of_attributes(&columns.residual),
            event_keys: keys::of_events(&columns.events),
            link_keys: keys::of_links(&columns.links),
        };
        self.add(row_group, traces);
        Ok(())
    }

    /// Adds a row group, which is written, with the keys of its traces.
    fn add(&mut self, row_group: RowGroupMeta, traces: Vec<u64>) {
        let meta = &mut self.meta;
        meta.rows += row_group.rows;
        meta.min_start_unix_ns = meta.min_start_unix_ns.min(row_group.min_start_unix_ns);
        meta.max_start_unix_ns = meta.max_start_unix_ns.max(row_group.max_start_unix_ns);
        meta.row_groups.push(row_group);
        self.traces.extend(traces);
    }

    /// Writes what is left, and makes everything durable.
    pub(in super::super) fn finish(mut self) -> io::Result<()> {
        let filter = TraceFilter::new(self.traces)?;
        // An only row group has filters of its own.
        if self.meta.row_groups.len() > 1 {
            for (attribute, values) in self.values.into_iter().enumerate() {
                if let Some(filter) = values.into_filter(self.meta.rows) {
                    self.meta.needles.push(NeedleMeta { attribute, section: self.index.raw(&filter)? });
                }
            }
        }
        // Last, so that its end is that of the file.
        self.meta.filter = self.index.raw(&filter.to_bytes())?;
        self.meta.resource_keys = self.resource_keys.into_list();
        self.meta.scope_keys = self.scope_keys.into_list();
        self.spans.finish().map_err(io::Error::other)?;
        self.spans.inner().sync_all()?;
        self.index.finish()?;
        let mut meta = self.disk.create(&self.dir.join(META_FILE))?;
        io::Write::write_all(&mut meta, self.meta.to_text()?.as_bytes())?;
        meta.sync_all()?;
        self.disk.sync_dir(&self.dir)
    }
}

/// Where each trace of the ordered rows ends.
fn trace_ends(columns: &Columns, order: &[u32]) -> Vec<usize> {
    let trace = |row: &u32| columns.trace_id[*row as usize];
    let mut ends = Vec::new();
    for trace in order.chunk_by(|a, b| trace(a) == trace(b)) {
        ends.push(ends.last().copied().unwrap_or_default() + trace.len());
    }
    ends
}

fn hex(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

fn distinct<T: Default, E>(
    column: &super::super::columns::Coded,
    decode: impl Fn(&[u8]) -> Result<T, E>,
) -> Vec<T> {
    // What is stored was checked when it was received.
    column.values.ids().map(|id| decode(column.values.get(id)).unwrap_or_default()).collect()
}
