//! Reads the body of an HTTP request under the budget.

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use laneway_storage::Body as Pieces;

use crate::admission::{Admission, Lease};
use crate::receiver::outcome::Refusal;

/// Pieces below this size are joined: each keeps the buffer alive that it was read into, which may be much larger.
const MIN_PIECE_BYTES: usize = 64 * 1024;

/// Reads a body of at most `limit` bytes. Large pieces are left as they arrive: whoever takes them copies them once more anyway.
///
/// When its length is announced, the lease is taken before the first byte is read; else it grows with what arrives.
pub(super) async fn read(
    body: &mut Body,
    limit: usize,
    admission: &Admission,
) -> Result<(Pieces, Lease), Refusal> {
    let announced = body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    let mut lease = admission.lease(announced.unwrap_or(0))?;
    let mut pieces = Pieces::default();
    let mut small = Small::default();
    while let Some(frame) = body.frame().await {
        let chunk = frame.map_err(|_| Refusal::Aborted)?.into_data().unwrap_or_default();
        if announced.is_none() {
            lease.grow(chunk.len())?;
        }
        if pieces.len() + small.len() + chunk.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        if chunk.len() < MIN_PIECE_BYTES {
            let to_come = announced.map_or(0, |bytes| bytes.saturating_sub(pieces.len()));
            small.push(chunk, to_come);
        } else {
            pieces.push(small.take());
            pieces.push(chunk);
        }
    }
    pieces.push(small.take());
    Ok((pieces, lease))
}

/// Small pieces that follow one another.
#[derive(Default)]
struct Small {
    // A single one is not copied.
    first: Bytes,
    joined: BytesMut,
}

impl Small {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    /// Adds a piece; about so many bytes are to come, with those that are here.
    fn push(&mut self, chunk: Bytes, to_come: usize) {
        if self.len() == 0 {
            self.first = chunk;
        } else {
            if self.joined.is_empty() {
                self.joined.reserve(to_come.max(self.first.len() + chunk.len()));
            }
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
            self.joined.extend_from_slice(&chunk);
        }
    }

    fn take(&mut self) -> Bytes {
        let first = std::mem::take(&mut self.first);
        if first.is_empty() { self.joined.split().freeze() } else { first }
    }
}

/// Reads up to `limit` bytes and forgets them.
pub(super) async fn discard(mut body: Body, limit: usize) {
    let mut read = 0;
    while read < limit {
        match body.frame().await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
