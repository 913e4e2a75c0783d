//! Decompression under a cap.
//!
//! The output grows in steps, and each step takes its lease first: a body that unfolds to a thousand times its size
//! is given up at the limit or at the end of the budget, whichever comes first, and never holds more than that.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::ZlibDecoder;
use laneway_storage::Compression;

use super::outcome::Refusal;
use crate::admission::Lease;

/// The first step; bodies of exporters unfold to about eight times their size.
const FIRST_STEP_FACTOR: usize = 8;
const LEAST_STEP: usize = 16 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    /// In a way that the store's log keeps as received.
    Logged(Compression),
    /// The zlib format, as HTTP and gRPC both mean by "deflate".
    Deflate,
}

impl Coding {
    /// Reads the value of `Content-Encoding` or `grpc-encoding`.
    pub(super) fn from_header(value: Option<&http::HeaderValue>) -> Result<Self, Refusal> {
        let Some(value) = value else { return Ok(Self::Identity) };
        match value.as_bytes().trim_ascii() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Logged(Compression::Gzip)),
            b"zstd" => Ok(Self::Logged(Compression::Zstd)),
            b"deflate" => Ok(Self::Deflate),
            other => Err(Refusal::UnsupportedCoding(String::from_utf8_lossy(other).into_owned())),
        }
    }
}

/// A decompressed body.
#[derive(Debug)]
pub(super) struct Inflated {
    pub(super) body: Bytes,
    /// How the received bytes are compressed, when the store can read the same body from them again.
    pub(super) loggable: Option<Compression>,
}

/// Decompresses a body to at most `limit` bytes.
pub(super) fn inflate(
    coding: Coding,
    received: &Bytes,
    limit: usize,
    lease: &mut Lease,
) -> Result<Inflated, Refusal> {
    let (body, loggable) = match coding {
        // Nothing is an empty request, compressed or not.
        _ if received.is_empty() => (Bytes::new(), None),
        Coding::Identity if received.len() > limit => return Err(Refusal::TooLarge { limit }),
        Coding::Identity => (received.clone(), None),
        Coding::Deflate => (read(ZlibDecoder::new(&received[..]), received.len(), limit, lease)?, None),
        // What the store reads again, it reads with the same decoder.
        Coding::Logged(compression) => {
            let reader = compression.reader(received).map_err(broken)?;
            (read(reader, received.len(), limit, lease)?, Some(compression))
        }
    };
    Ok(Inflated { body, loggable })
}

fn read(mut decoder: impl Read, received: usize, limit: usize, lease: &mut Lease) -> Result<Bytes, Refusal> {
    let mut body = Vec::new();
    let mut step = received.saturating_mul(FIRST_STEP_FACTOR).max(LEAST_STEP);
    loop {
        // One byte past the limit shows that there is more.
        let room = step.min(limit - body.len() + 1);
        lease.grow(room)?;
        body.reserve_exact(room);
        let read = decoder.by_ref().take(room as u64).read_to_end(&mut body).map_err(broken)?;
        if body.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        if read < room {
            return Ok(Bytes::from(body));
        }
        step = body.len();
    }
}

fn broken(error: io::Error) -> Refusal {
    Refusal::Malformed(format!("the body cannot be decompressed: {error}"))
}

#[cfg(test)]
mod tests;
