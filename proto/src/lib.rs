//! What crosses process boundaries in Laneway: trace and span ids, lanes, and OTLP.
//!
//! - [`TraceId`], [`SpanId`]: W3C trace-context ids.
//! - [`Lane`]: a checked lane name.
//! - [`caller`]: who called, in a member of `tracestate`.
//! - [`otlp`]: trace requests as bytes: the zero-copy reader, the writer, and (feature `json`) OTLP/JSON.
//! - `grpc` (feature `grpc`): the tonic codec that hands out message bytes undecoded.
//!
//! Both features are on by default. Without them the crate needs `percent-encoding` and `thiserror` only.
//!
//! This crate knows nothing of storage, HTTP or the SDK; everything else may depend on it.

pub mod caller;
#[cfg(feature = "grpc")]
pub mod grpc;
mod ids;
mod lane;
pub mod otlp;

pub use ids::{InvalidId, SpanId, TraceId};
pub use lane::{InvalidLane, Lane};
