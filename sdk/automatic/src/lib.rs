//! Tests of `laneway::automatic`, which is there only where everything is compiled with `--cfg tokio_unstable`.
//!
//! A crate of its own, so that little has to be compiled once more for it: the SDK without its features, and none of what its
//! other tests need. Without that option it is empty; `cargo xtask test` sets it.

#![cfg(all(test, tokio_unstable))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod tests;
