//! The framing of a unary gRPC request: a compressed flag, the length of the message in 4 bytes, the message.

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use crate::admission::{Admission, Lease};
use crate::receiver::outcome::Refusal;

/// Bytes before the message.
pub(super) const PREFIX_BYTES: usize = 5;

/// The message of a unary request.
#[derive(Debug)]
pub(super) struct UnaryMessage {
    pub(super) compressed: bool,
    pub(super) bytes: Bytes,
    /// Holds as much of the budget as the message is long.
    pub(super) lease: Lease,
}

/// Reads the one message of a unary request.
///
/// The lease is taken when its length is known, before anything is set aside for it.
pub(super) async fn read_unary<B>(
    body: B,
    limit: usize,
    admission: &Admission,
) -> Result<UnaryMessage, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut chunks = Chunks { body, current: Bytes::new() };
    let mut prefix = [0; PREFIX_BYTES];
    chunks.read_exact(&mut prefix).await?;
    let [flag, length @ ..] = prefix;
    let compressed = match flag {
        0 => false,
        1 => true,
        _ => return Err(Refusal::Protocol("the compressed flag of the message is neither 0 nor 1")),
    };
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(Refusal::TooLarge { limit });
    }
    let lease = admission.lease(length)?;
    let bytes = chunks.read(length).await?;
    if chunks.next().await? {
        return Err(Refusal::Protocol("a unary request has more than one message"));
    }
    Ok(UnaryMessage { compressed, bytes, lease })
}

/// A body as a sequence of bytes.
struct Chunks<B> {
    body: B,
    current: Bytes,
}

impl<B: Body<Data = Bytes> + Unpin> Chunks<B> {
    /// Makes sure that `current` is not empty; false at the end of the body.
    async fn next(&mut self) -> Result<bool, Refusal> {
        while self.current.is_empty() {
            match self.body.frame().await {
                None => return Ok(false),
                Some(Err(_)) => return Err(Refusal::Aborted),
                Some(Ok(frame)) => self.current = frame.into_data().unwrap_or_default(),
            }
        }
        Ok(true)
    }

    async fn read_exact(&mut self, mut out: &mut [u8]) -> Result<(), Refusal> {
        while !out.is_empty() {
            self.expect_more().await?;
            let count = out.len().min(self.current.len());
            let (filled, rest) = out.split_at_mut(count);
            self.current.copy_to_slice(filled);
            out = rest;
        }
        Ok(())
    }

    /// The next `length` bytes; without a copy when they arrived in one piece.
    async fn read(&mut self, length: usize) -> Result<Bytes, Refusal> {
        if self.current.is_empty() && length > 0 {
            self.expect_more().await?;
        }
        if self.current.len() >= length {
            return Ok(self.current.split_to(length));
        }
        let mut bytes = BytesMut::with_capacity(length);
        while bytes.len() < length {
            self.expect_more().await?;
            let count = self.current.len().min(length - bytes.len());
            bytes.extend_from_slice(&self.current.split_to(count));
        }
        Ok(bytes.freeze())
    }

    async fn expect_more(&mut self) -> Result<(), Refusal> {
        if self.next().await? {
            Ok(())
        } else {
            Err(Refusal::Protocol("the request ends within its message"))
        }
    }
}
