//! OTLP/JSON to and from protobuf, as the [OTLP specification] maps it: proto3's JSON mapping with exceptions.
//!
//! JSON is read and written beside the protobuf bytes, without structs in between.
//!
//! Read:
//! - Keys are in lowerCamelCase only; unknown ones are ignored. A known one that occurs twice is refused.
//! - Trace and span ids are hexadecimal of either case. An empty one is an absent one; any other length is
//!   refused.
//! - Enums are integers; names are refused. Integers of 64 bits are decimal strings or numbers.
//! - `bytesValue` is base64 of either alphabet, padded or not. A double may be `"NaN"`, `"Infinity"` or
//!   `"-Infinity"`.
//! - `null` stands for an absent field.
//! - An `AnyValue` has at most one kind of value, and values nest at most
//!   [`MAX_DEPTH`](crate::otlp::reader::MAX_DEPTH) levels, as in protobuf.
//! - `keyStrindex` and `stringValueStrindex`, which belong to profiles, are ignored like unknown keys.
//!
//! What comes out passes [`TracesRequest::validate`].
//!
//! Written, as the OpenTelemetry Collector writes it: 64-bit integers as strings, ids in lower case, enums as
//! integers; zero, empty and absent fields are left out, except that a resource, a scope, a status, an
//! attribute's value and the elements of an array or a map are always there. A NaN loses its payload.
//!
//! [OTLP specification]: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding

use super::reader::{ReadError, TracesRequest};

mod error;
mod read;
mod scalar;
mod schema;
#[cfg(test)]
mod tests;
mod write;

pub use error::JsonError;

/// The protobuf bytes of an `ExportTraceServiceRequest`, or `TracesData`, in JSON.
///
/// # Errors
/// When the bytes are not one JSON value, or it is not such a message. The error names the path.
pub fn to_protobuf(json: &[u8]) -> Result<Vec<u8>, JsonError> {
    read::request(json)
}

/// The JSON of an `ExportTraceServiceRequest`, or `TracesData`, in protobuf. It has no white space.
///
/// # Errors
/// When the bytes are not valid: see [`TracesRequest::validate`].
pub fn from_protobuf(request: &[u8]) -> Result<Vec<u8>, ReadError> {
    let request = TracesRequest::new(request);
    // The lazy walk meets the same errors, but `validate` describes them better.
    write::request(request).map_err(|error| request.validate().err().unwrap_or(error))
}
