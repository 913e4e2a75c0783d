//! End-to-end tests: they run the real binary.

#![allow(clippy::unwrap_used, reason = "tests panic where something is not as it should be")]

mod architecture;
mod cli;
mod clickhouse;
mod crash;
mod demo;
mod jaeger_fixtures;
mod lifecycle;
mod load;
mod outside_readers;
mod parity;
mod python_sdk;
mod signals;
