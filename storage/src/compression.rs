//! Decompressing what was received, under a bound.

use std::io::{self, Read};

use crate::store::Compression;

#[cfg(test)]
mod tests;

/// 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why bytes could not be decompressed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// They would take more than the limit. Work stopped there: the rest was not decompressed.
    #[error("decompresses to more than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// They are not what they claim to be.
    #[error("malformed {encoding} data: {reason}")]
    Malformed {
        /// The content coding: `gzip` or `zstd`.
        encoding: &'static str,
        /// What the decoder said.
        reason: String,
    },
}

impl Compression {
    /// Name of the content coding, in HTTP and in gRPC.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Reads what the bytes decompress to. The caller bounds how much of it.
    ///
    /// Gzip may have several members (RFC 1952, section 2.2). A zstd frame may ask for a window of up to 8 MiB, which RFC 8878
    /// (section 3.1.1.1.2) recommends to support; reading one that asks for more fails.
    ///
    /// # Errors
    /// When no decoder can be made, for lack of memory.
    pub fn reader(self, bytes: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(bytes)),
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(bytes)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        })
    }

    /// Decompresses to at most `limit` bytes. Memory grows with what is decompressed, not with what a header claims.
    ///
    /// # Errors
    /// When the data is malformed or cut, or more than `limit`.
    pub fn inflate(self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        let malformed =
            |error: io::Error| InflateError::Malformed { encoding: self.as_str(), reason: error.to_string() };
        let mut inflated = Vec::with_capacity(limit.min(bytes.len().saturating_mul(4)));
        // One byte more than allowed tells "exactly the limit" from "beyond it".
        let bound = limit as u64 + 1;
        self.reader(bytes)
            .and_then(|reader| reader.take(bound).read_to_end(&mut inflated))
            .map_err(malformed)?;
        if inflated.len() > limit { Err(InflateError::TooLarge { limit }) } else { Ok(inflated) }
    }
}
