//! Where the pages of a row group are.
//!
//! Parquet says it in the header in front of each page and, in a footer of hundreds of kilobytes, for each column. Neither is read
//! by Laneway: this index is a tenth of that, and knows a checksum for each page.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use super::codec::Codec;
use super::encoding::{Cut, put_varint, take_varint};
use super::field::Field;

/// How the values of a page are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageEncoding {
    /// PLAIN: fixed-length byte arrays, or booleans of one bit.
    Plain = 0,
    /// RLE_DICTIONARY.
    Dictionary = 1,
    /// DELTA_BINARY_PACKED.
    Delta = 2,
    /// DELTA_LENGTH_BYTE_ARRAY.
    ByteArray = 3,
    /// BYTE_STREAM_SPLIT.
    Split = 4,
}

/// A page, or the dictionary page of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PageMeta {
    /// Place of its content in the file, behind its header.
    pub(super) offset: u64,
    /// Bytes of its content in the file.
    pub(super) len: u32,
    /// Bytes of its content when decompressed.
    pub(super) decompressed_len: u32,
    /// How many values: of a data page, those that are not null.
    pub(super) values: u32,
    pub(super) crc32c: u32,
}

/// The pages of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnPages {
    pub(super) encoding: PageEncoding,
    pub(super) codec: Codec,
    /// Rows of each page but the last.
    pub(super) page_rows: usize,
    pub(super) dictionary: Option<PageMeta>,
    pub(super) pages: Vec<PageMeta>,
}

impl ColumnPages {
    /// Where the last page ends in the file.
    pub(super) fn end(&self) -> Option<u64> {
        let last = self.pages.last().or(self.dictionary.as_ref())?;
        Some(last.offset + u64::from(last.len))
    }

    /// The pages that hold some of these rows.
    pub(super) fn pages_of(&self, rows: &Range<usize>) -> Range<usize> {
        if rows.is_empty() { 0..0 } else { rows.start / self.page_rows..rows.end.div_ceil(self.page_rows) }
    }

    /// About how many bytes of memory the values of some rows take, of the `all` that its row group has.
    pub(super) fn load_bytes(&self, rows: &Range<usize>, all: usize) -> usize {
        /// Of a number of a dictionary, or of a place in a buffer; lists without a dictionary have both.
        const ROW_BYTES: usize = 8;
        let pages = self.pages.get(self.pages_of(rows)).unwrap_or_default();
        let (content, values) = pages.iter().fold((0, 0), |(content, values), page| {
            (content + page.decompressed_len as usize, values + page.values as usize)
        });
        // Of pages that are read in part, the part.
        let page_rows = (pages.len() * self.page_rows).min(all).max(1);
        (content + values * ROW_BYTES).checked_mul(rows.len()).map_or(usize::MAX, |bytes| bytes / page_rows)
    }

    /// The rows of a page, of the `rows` that its row group has.
    pub(super) fn rows_of(&self, page: usize, rows: usize) -> Range<usize> {
        page * self.page_rows..((page + 1) * self.page_rows).min(rows)
    }
}

/// The pages of all columns of a row group, in their order in the file.
#[derive(Debug)]
pub(super) struct PageIndex {
    pub(super) columns: Vec<ColumnPages>,
    // Of the dictionary of trace ids, then of each page of span ids: see `IdPage`.
    were_compared: Vec<AtomicBool>,
}

/// A page of ids that are read alone, a few at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdPage<'a> {
    pub(super) page: &'a PageMeta,
    /// Whether all of it was compared with its checksum since its index was read. Once is enough: what is looked for is damage on the
    /// disk, and reading more than is asked for each time is not worth it.
    pub(super) was_compared: &'a AtomicBool,
}

impl PageIndex {
    pub(super) fn new(columns: Vec<ColumnPages>) -> Self {
        let pages = columns.get(Field::SpanId.index()).map_or(0, |column| column.pages.len());
        let were_compared = std::iter::repeat_with(AtomicBool::default).take(1 + pages).collect();
        Self { columns, were_compared }
    }

    /// The dictionary of trace ids.
    pub(super) fn trace_ids(&self) -> Option<IdPage<'_>> {
        let page = self.columns.get(Field::TraceId.index())?.dictionary.as_ref()?;
        Some(IdPage { page, was_compared: self.were_compared.first()? })
    }

    /// A page of span ids.
    pub(super) fn span_ids(&self, number: usize) -> Option<IdPage<'_>> {
        let page = self.columns.get(Field::SpanId.index())?.pages.get(number)?;
        Some(IdPage { page, was_compared: self.were_compared.get(1 + number)? })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut end = 0;
        put_varint(&mut out, self.columns.len() as u64);
        for column in &self.columns {
            out.push(
                column.encoding as u8 | column.codec.bits() << 4 | u8::from(column.dictionary.is_some()) << 5,
            );
            put_varint(&mut out, column.page_rows as u64);
            put_varint(&mut out, column.pages.len() as u64);
            for page in column.dictionary.iter().chain(&column.pages) {
                // Pages lie one behind the other, with their headers in between.
                put_varint(&mut out, page.offset.wrapping_sub(end));
                put_varint(&mut out, page.len.into());
                put_varint(&mut out, page.decompressed_len.into());
                put_varint(&mut out, page.values.into());
                out.extend_from_slice(&page.crc32c.to_le_bytes());
                end = page.offset + u64::from(page.len);
            }
        }
        out
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Result<Self, Cut> {
        let bytes = &mut bytes;
        let mut end = 0u64;
        let mut page = |bytes: &mut &[u8]| {
            let offset = end.wrapping_add(take_varint(bytes)?);
            let mut number = || take_varint(bytes).and_then(|number| u32::try_from(number).map_err(|_| Cut));
            let (len, decompressed_len, values) = (number()?, number()?, number()?);
            end = offset.wrapping_add(len.into());
            Ok(PageMeta { offset, len, decompressed_len, values, crc32c: super::encoding::take_u32(bytes)? })
        };
        let count = take_varint(bytes)?;
        let mut columns = Vec::new();
        for _ in 0..count {
            let (&head, rest) = bytes.split_first().ok_or(Cut)?;
            *bytes = rest;
            let encoding = match head & 0xf {
                0 => PageEncoding::Plain,
                1 => PageEncoding::Dictionary,
                2 => PageEncoding::Delta,
                3 => PageEncoding::ByteArray,
                4 => PageEncoding::Split,
                _ => return Err(Cut),
            };
            let page_rows = usize::try_from(take_varint(bytes)?).map_err(|_| Cut)?;
            let pages = take_varint(bytes)?;
            if page_rows == 0 {
                return Err(Cut);
            }
            columns.push(ColumnPages {
                encoding,
                codec: Codec::from_bits(head >> 4).ok_or(Cut)?,
                page_rows,
                dictionary: if head & 1 << 5 != 0 { Some(page(bytes)?) } else { None },
                pages: (0..pages).map(|_| page(bytes)).collect::<Result<_, _>>()?,
            });
        }
        Ok(Self::new(columns))
    }

    /// Bytes of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        let of_column =
            |column: &ColumnPages| size_of::<ColumnPages>() + column.pages.capacity() * size_of::<PageMeta>();
        self.columns.iter().map(of_column).sum::<usize>() + self.were_compared.len()
    }
}
