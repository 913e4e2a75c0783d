//! Reads the body of an HTTP request under the budget.

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::admission::{Admission, Lease};
use crate::receiver::outcome::Refusal;

/// Reads a body of at most `limit` bytes.
///
/// When its length is announced, the lease is taken before the first byte is read; else it grows with what arrives.
pub(super) async fn read(
    body: &mut Body,
    limit: usize,
    admission: &Admission,
) -> Result<(Bytes, Lease), Refusal> {
    let announced = body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if announced.is_some_and(|bytes| bytes > limit) {
        return Err(Refusal::TooLarge { limit });
    }
    let mut lease = admission.lease(announced.unwrap_or(0))?;
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let chunk = frame.map_err(|_| Refusal::Aborted)?.into_data().unwrap_or_default();
        if announced.is_none() {
            lease.grow(chunk.len())?;
        }
        if first.is_empty() && joined.is_empty() {
            first = chunk;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(announced.unwrap_or(first.len() + chunk.len()));
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        if joined.len() + chunk.len() > limit {
            return Err(Refusal::TooLarge { limit });
        }
        joined.extend_from_slice(&chunk);
    }
    let whole = if joined.is_empty() { first } else { joined.freeze() };
    if whole.len() > limit {
        return Err(Refusal::TooLarge { limit });
    }
    Ok((whole, lease))
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
