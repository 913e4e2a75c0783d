//! What a collector answers: the few protobuf fields that the exporter reads.

use std::time::Duration;

use laneway_proto::otlp::field::{partial_success, response};

#[cfg(test)]
mod tests;

/// Spans that the collector refused for good, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartialSuccess {
    pub(crate) rejected_spans: u64,
    pub(crate) message: String,
}

/// Reads an `ExportTraceServiceResponse`; `None` for a full success. What cannot be read counts as absent: the spans were
/// accepted all the same.
pub(crate) fn partial_success(bytes: &[u8]) -> Option<PartialSuccess> {
    let message = Fields(bytes).find_map(|(number, value)| match value {
        Value::Len(message) if number == response::PARTIAL_SUCCESS => Some(message),
        _ => None,
    })?;
    let mut partial = PartialSuccess { rejected_spans: 0, message: String::new() };
    for (number, value) in Fields(message) {
        match (number, value) {
            (partial_success::REJECTED_SPANS, Value::Varint(spans)) => {
                partial.rejected_spans = u64::try_from(spans as i64).unwrap_or(0);
            }
            (partial_success::ERROR_MESSAGE, Value::Len(text)) => {
                partial.message = String::from_utf8_lossy(text).into_owned();
            }
            _ => {}
        }
    }
    Some(partial)
}

/// The delay of the `RetryInfo` among the details of a status: `grpc-status-details-bin`, a `google.rpc.Status`.
pub(crate) fn retry_delay(details: &[u8]) -> Option<Duration> {
    /// `google.rpc.Status.details`, a repeated `google.protobuf.Any`.
    const DETAILS: u32 = 3;
    const TYPE_URL: (u32, &[u8]) = (1, b"type.googleapis.com/google.rpc.RetryInfo");
    /// `Any.value`.
    const VALUE: u32 = 2;
    /// `RetryInfo.retry_delay`, a `google.protobuf.Duration`.
    const RETRY_DELAY: u32 = 1;
    const SECONDS: u32 = 1;
    const NANOS: u32 = 2;

    let find = |message, wanted| {
        Fields(message).find_map(|(number, value)| match value {
            Value::Len(bytes) if number == wanted => Some(bytes),
            _ => None,
        })
    };
    let info = Fields(details).find_map(|(number, value)| match value {
        Value::Len(any) if number == DETAILS && find(any, TYPE_URL.0) == Some(TYPE_URL.1) => find(any, VALUE),
        _ => None,
    })?;
    let (mut seconds, mut nanos) = (0, 0);
    for (number, value) in Fields(find(info, RETRY_DELAY)?) {
        match (number, value) {
            (SECONDS, Value::Varint(value)) => seconds = u64::try_from(value as i64).unwrap_or(0),
            (NANOS, Value::Varint(value)) => nanos = u32::try_from(value).unwrap_or(0).min(999_999_999),
            _ => {}
        }
    }
    Some(Duration::new(seconds, nanos))
}

/// The fields of a message, until it ends or cannot be read on.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Varint(u64),
    Len(&'a [u8]),
    Fixed,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                Value::Len(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((u32::try_from(key >> 3).ok()?, value))
    }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }
}
