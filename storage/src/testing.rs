//! For tests of this and other crates: the reference store, and spans in one line.
//!
//! - [`MemoryStore`]: the simplest possible [`Store`](crate::Store), the oracle of the real ones.
//! - [`ClickHouseFront`]: ClickHouse's engine behind its HTTP interface, without a server.
//! - [`span`]: builds a [`Span`](crate::model::Span); what a test does not say has a sensible value.

#[cfg(test)]
pub(crate) mod arbitrary;
mod builder;
mod clickhouse;
#[cfg(test)]
pub(crate) mod fleet;
mod memory;
#[cfg(test)]
mod random;
#[cfg(test)]
pub(crate) mod suite;
#[cfg(test)]
mod tests;

pub use builder::{AttributeValue, EPOCH_UNIX_NS, SpanBuilder, attribute, span};
pub use clickhouse::{ClickHouseFront, Fault};
pub use memory::MemoryStore;
#[cfg(test)]
pub(crate) use random::{Random, damaged};
