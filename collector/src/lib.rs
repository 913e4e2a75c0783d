//! The collector: receivers, admission, lifecycle, and the commands of the `laneway` binary.
//!
//! - [`config`]: every option, declared once.
//! - [`collector`]: what runs, and the order in which it starts and ends.
//! - [`receiver`]: OTLP over gRPC and HTTP.
//! - [`load`], [`snapshot`], [`inspect`], [`migrate`]: the commands of these names.
//!
//! Wire formats end in [`receiver`]: what goes to the store is bytes, and what comes back is a count.

pub mod admission;
pub mod cli;
pub mod collector;
pub mod config;
pub mod inspect;
pub mod listener;
pub mod load;
pub mod logging;
pub mod metrics;
pub mod migrate;
pub mod receiver;
pub mod serve;
pub mod signals;
pub mod snapshot;
pub mod span_metrics;
mod store;
#[cfg(test)]
mod testing;
pub mod transfer;
pub mod workers;
