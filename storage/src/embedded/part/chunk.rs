//! Writing one column of a row group: its pages, and what Parquet's footer says of them.

use std::io::Write;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::codec::{Codec, Compressor};
use super::encoding::hybrid;
use super::pages::{ColumnPages, PageEncoding, PageMeta};

/// A column chunk in the making.
pub(super) struct Chunk<'a> {
    column: ColumnDescPtr,
    // None leaves the pages as they are.
    compressor: Option<&'a mut Compressor>,
    file: TrackedWrite<Vec<u8>>,
    decompressed_bytes: usize,
    pages: ColumnPages,
}

impl<'a> Chunk<'a> {
    pub(super) fn new(
        column: ColumnDescPtr,
        encoding: PageEncoding,
        compressor: Option<&'a mut Compressor>,
        page_rows: usize,
    ) -> Self {
        let codec = if compressor.is_some() { Codec::Zstd } else { Codec::Plain };
        let pages = ColumnPages { encoding, codec, page_rows, dictionary: None, pages: Vec::new() };
        Self { column, compressor, file: TrackedWrite::new(Vec::new()), decompressed_bytes: 0, pages }
    }

    /// Rows of each page but the last.
    pub(super) fn page_rows(&self) -> usize {
        self.pages.page_rows
    }

    /// The width for numbers of a dictionary with `count` entries, judging by some of them.
    ///
    /// Two bytes compress badly, for their low and their high bytes are alike in nothing: where numbers come at random, the
    /// fewest bits are shorter; where they repeat, whole bytes are.
    pub(super) fn width(&mut self, count: usize, some: &[u32]) -> Result<u32> {
        let (least, whole) = (hybrid::least_width(count), hybrid::whole_width(count));
        let Some(compressor) = &mut self.compressor else { return Ok(whole) };
        if whole <= 8 {
            return Ok(whole);
        }
        let mut len = |width| {
            let mut out = Vec::new();
            hybrid::encode(&mut out, some, width);
            compressor.compress(&out).map(|compressed| compressed.len())
        };
        Ok(if len(least)? < len(whole)? { least } else { whole })
    }

    /// Writes the dictionary: `count` PLAIN values.
    pub(super) fn dictionary(&mut self, bytes: Vec<u8>, count: usize) -> Result<()> {
        let page = |buf| Page::DictionaryPage {
            buf,
            num_values: count as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.pages.dictionary = Some(self.write(bytes, count, page)?);
        Ok(())
    }

    /// Writes the page of the next `rows` rows, `values` of which are not null.
    pub(super) fn page(&mut self, bytes: Vec<u8>, rows: usize, values: usize) -> Result<()> {
        let encoding = parquet_encoding(self.pages.encoding);
        let page = |buf| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let page = self.write(bytes, values, page)?;
        self.pages.pages.push(page);
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>, values: usize, page: impl FnOnce(Bytes) -> Page) -> Result<PageMeta> {
        let decompressed_len = bytes.len();
        let content = match &mut self.compressor {
            Some(compressor) => compressor.compress(&bytes)?,
            None => bytes,
        };
        let (len, crc32c) = (content.len(), crc32c::crc32c(&content));
        let page = CompressedPage::new(page(content.into()), decompressed_len);
        let written = SerializedPageWriter::new(&mut self.file).write_page(page)?;
        self.decompressed_bytes += written.uncompressed_size;
        Ok(PageMeta {
            offset: written.offset + written.bytes_written - len as u64,
            len: len as u32,
            decompressed_len: decompressed_len as u32,
            values: values as u32,
            crc32c,
        })
    }

    /// Writes pages of another file as they are, in the encoding and codec of this chunk: `bytes` are those of that file from `begin` to the end
    /// of the last page.
    pub(super) fn copy(
        &mut self,
        dictionary: Option<&PageMeta>,
        pages: &[PageMeta],
        begin: u64,
        bytes: &[u8],
    ) -> Result<()> {
        let (mut end, at) = (begin, self.file.bytes_written() as u64);
        let mut copied = |page: &PageMeta| {
            let header_len = page.offset - end;
            end = page.offset + u64::from(page.len);
            self.decompressed_bytes += header_len as usize + page.decompressed_len as usize;
            PageMeta { offset: page.offset - begin + at, ..*page }
        };
        if let Some(dictionary) = dictionary {
            self.pages.dictionary = Some(copied(dictionary));
        }
        self.pages.pages.extend(pages.iter().map(copied));
        Ok(self.file.write_all(bytes)?)
    }

    /// The bytes of the chunk, what the footer says of it, and its pages, with offsets from the chunk's begin.
    pub(super) fn finish(self, rows: usize) -> Result<(Bytes, ColumnCloseResult, ColumnPages)> {
        let bytes = self.file.bytes_written();
        let first_data_page = match self.pages.dictionary {
            Some(dictionary) => (dictionary.offset + u64::from(dictionary.len)) as i64,
            None => 0,
        };
        let encodings = vec![Encoding::PLAIN, Encoding::RLE, parquet_encoding(self.pages.encoding)];
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression(self.pages.codec.parquet())
            .set_encodings(encodings)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(self.decompressed_bytes as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(first_data_page)
            .set_dictionary_page_offset(self.pages.dictionary.map(|_| 0))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((self.file.into_inner()?.into(), close, self.pages))
    }
}

fn parquet_encoding(encoding: PageEncoding) -> Encoding {
    match encoding {
        PageEncoding::Plain => Encoding::PLAIN,
        PageEncoding::Dictionary => Encoding::RLE_DICTIONARY,
        PageEncoding::Delta => Encoding::DELTA_BINARY_PACKED,
        PageEncoding::ByteArray => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        PageEncoding::Split => Encoding::BYTE_STREAM_SPLIT,
    }
}
