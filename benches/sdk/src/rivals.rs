//! Other SDKs. Each ends in an exporter that encodes OTLP as ours does, and sends it nowhere: on a thread of its own, so that the
//! calling thread's instructions are those of recording alone.

mod fastrace;
mod opentelemetry;

pub(crate) use self::fastrace::Fastrace;
pub(crate) use self::opentelemetry::{Bridge, Direct};
