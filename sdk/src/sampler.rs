//! Which traces are recorded.

use laneway_proto::TraceId;

use crate::context::Context;

#[cfg(test)]
mod tests;

/// Decides, when a span is opened, whether it is recorded and exported.
///
/// What is not sampled still has ids, and its context still travels, with its lane. Default:
/// [`Sampler::always_on`], parent-based, as OpenTelemetry's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    root: Root,
    parent_based: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Root {
    On,
    Off,
    /// Sampled when the 63 low bits of the trace id are below this bound.
    Below(u64),
}

impl Sampler {
    /// Every span.
    pub const fn always_on() -> Self {
        Self { root: Root::On, parent_based: false }
    }

    /// No span.
    pub const fn always_off() -> Self {
        Self { root: Root::Off, parent_based: false }
    }

    /// This share of all traces, chosen by the trace id: 0 is none, 1 is all; other numbers count as the nearer one.
    ///
    /// The decision is that of OpenTelemetry's `TraceIdRatioBased` in its Rust and Go SDKs, so that services that
    /// use the same ratio keep the same traces.
    pub fn trace_id_ratio(ratio: f64) -> Self {
        // A NaN is no share of anything.
        let ratio = if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) };
        Self { root: Root::Below((ratio * (1_u64 << 63) as f64) as u64), parent_based: false }
    }

    /// Follows the parent's decision where there is a parent; this sampler decides for the others.
    #[must_use]
    pub const fn parent_based(self) -> Self {
        Self { parent_based: true, ..self }
    }

    /// Whether all spans below one that is not sampled are not sampled either.
    #[inline]
    pub(crate) const fn is_parent_based(&self) -> bool {
        self.parent_based
    }

    #[inline]
    pub(crate) fn is_sampled(&self, parent: &Context, trace_id: TraceId) -> bool {
        if self.parent_based && parent.trace_id().is_some() {
            return parent.is_sampled();
        }
        match self.root {
            Root::On => true,
            Root::Off => false,
            Root::Below(bound) => {
                let low = u128::from_be_bytes(trace_id.to_bytes()) as u64;
                low >> 1 < bound
            }
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self::always_on().parent_based()
    }
}
