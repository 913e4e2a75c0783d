//! For tests of this and other crates: the reference store, and spans in one line.
//!
//! - [`MemoryStore`]: the simplest possible [`Store`](crate::Store), the oracle of the real ones.
//! - [`span`]: builds a [`Span`](crate::model::Span); what a test does not say has a sensible value.

#[cfg(test)]
pub(crate) mod arbitrary;
mod builder;
mod memory;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;

pub use builder::{AttributeValue, EPOCH_UNIX_NS, SpanBuilder, attribute, span};
pub use memory::MemoryStore;
#[cfg(test)]
pub(crate) use random::{Random, damaged};
