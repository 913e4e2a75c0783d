//! Tests of the shop as a whole: real processes, real sockets, and a sink for the spans.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod generated;
mod lanes;
mod sink;
#[cfg(target_os = "linux")]
mod supervision;
