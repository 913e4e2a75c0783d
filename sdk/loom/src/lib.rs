//! Model tests of the parts of the SDK that are shared between threads without a lock around all of them.
//!
//! The files are those of the SDK; only what they synchronise with is loom's here. Loom runs each test under every order in
//! which its threads can meet, and tells of every access to a byte that nothing orders.

#![cfg(test)]
#![allow(dead_code, unreachable_pub, reason = "the tests use a part of what the SDK does")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../../src/record/depot.rs"]
mod depot;
#[path = "../../src/record/segment.rs"]
mod segment;
#[path = "../../src/record/slots.rs"]
mod slots;
mod sync;
mod tests;
