//! OTLP trace requests: the messages of `opentelemetry/proto/trace/v1/trace.proto` as bytes.
//!
//! - [`wire`]: writing protobuf, straight into a `Vec<u8>`.
//! - [`reader`]: reading them where they lie, without an allocation.
//! - `json` (feature `json`): OTLP/JSON to and from the protobuf bytes.
//! - [`field`]: the number of every field.
//! - [`attribute`]: writing one attribute.

pub mod attribute;
pub mod field;
#[cfg(feature = "json")]
pub mod json;
pub mod reader;
pub mod wire;
