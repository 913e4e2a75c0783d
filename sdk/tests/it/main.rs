//! Tests of the SDK from outside: what a collector receives over the wire.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod attribute;
mod caller;
mod carrying;
mod collector;
mod exporter;
#[cfg(feature = "tonic")]
mod grpc;
#[cfg(all(feature = "axum", feature = "reqwest"))]
mod http;
#[cfg(feature = "rskafka")]
mod kafka;
mod messaging;
mod own_spans;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(feature = "lapin", feature = "nats", feature = "redis", feature = "sqlx"))]
mod servers;
mod spans;
mod tasks;
mod threads;
#[cfg(feature = "tls")]
mod transport;
mod tree;
