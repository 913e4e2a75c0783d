//! Sending finished spans to a collector, apart from the service: its own thread, its own runtime, bounded memory.
//!
//! ```text
//! span closes ──▶ Queue: chunks of encoded spans ──▶ worker ──▶ Client: OTLP/gRPC
//!                   full: dropped and counted          retries with backoff while the queue fills
//! ```

mod backoff;
mod client;
#[cfg(feature = "console")]
mod console;
mod queue;
mod response;
mod worker;

pub(crate) use client::{ClientSettings, Compression, Destination, Receiver};
#[cfg(feature = "console")]
pub(crate) use console::console;
pub(crate) use queue::{Queue, QueueLimits, SEGMENT_BYTES, Sender};
pub(crate) use worker::{Handle, Worker, WorkerSettings};
