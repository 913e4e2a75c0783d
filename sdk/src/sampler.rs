//! Which traces are recorded.

mod limiter;
mod threshold;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use laneway_proto::{Lane, TraceId};

use crate::context::Context;
use limiter::Limiter;
pub(crate) use threshold::Threshold;

#[cfg(test)]
mod tests;

/// Decides, when a span is opened, whether it is recorded and exported.
///
/// What is not sampled still has ids, and its context still travels, with its lane. Default:
/// [`Sampler::always_on`], parent-based, as OpenTelemetry's.
///
/// ```
/// use laneway::{Lane, Sampler};
///
/// # fn main() -> Result<(), laneway::InvalidLane> {
/// // One trace in a hundred, all of the canary's, and never more than 50 a second.
/// let sampler = Sampler::probability(0.01)
///     .lane(Lane::new("canary")?, Sampler::always_on())
///     .at_most(50.0)
///     .parent_based();
/// # drop(sampler);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    root: Root,
    lanes: Vec<(Lane, Root)>,
    limiter: Option<Arc<Limiter>>,
    parent_based: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Root {
    On,
    Off,
    /// Sampled when the 63 low bits of the trace id are below this bound.
    Below(u64),
    /// Sampled when the randomness of the trace is not below this.
    AtLeast(Threshold),
}

/// What was decided about a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) is_sampled: bool,
    /// What to write into the tracestate, where the decision was by probability.
    pub(crate) threshold: Option<Threshold>,
}

impl Decision {
    pub(crate) const fn plain(is_sampled: bool) -> Self {
        Self { is_sampled, threshold: None }
    }
}

impl Sampler {
    const fn of(root: Root) -> Self {
        Self { root, lanes: Vec::new(), limiter: None, parent_based: false }
    }

    /// Every span.
    pub const fn always_on() -> Self {
        Self::of(Root::On)
    }

    /// No span.
    pub const fn always_off() -> Self {
        Self::of(Root::Off)
    }

    /// This share of all traces, chosen by the trace id: 0 is none, 1 is all; other numbers count as the nearer one.
    ///
    /// The decision is that of OpenTelemetry's `TraceIdRatioBased` in its Rust and Go SDKs, so that services that
    /// use the same ratio keep the same traces. Where nothing else decides, [`probability`](Self::probability) is better.
    pub fn trace_id_ratio(ratio: f64) -> Self {
        Self::of(Root::Below((share(ratio) * (1_u64 << 63) as f64) as u64))
    }

    /// This share of all traces, by OpenTelemetry's [consistent probability sampling]: services with different shares keep
    /// traces that contain each other, and the share travels with the trace (`tracestate: ot=th:...`), so that a collector
    /// can tell from what it received how much there was.
    ///
    /// 0 is none, 1 is all; other numbers count as the nearer one.
    ///
    /// [consistent probability sampling]: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
    pub fn probability(share_of_traces: f64) -> Self {
        match Threshold::of_probability(share(share_of_traces)) {
            Some(threshold) => Self::of(Root::AtLeast(threshold)),
            None => Self::always_off(),
        }
    }

    /// Decides by another sampler for the traces that begin in this lane; of that one, only what decides about roots counts.
    #[must_use]
    pub fn lane(mut self, lane: Lane, sampler: Sampler) -> Self {
        self.lanes.retain(|(existing, _)| *existing != lane);
        self.lanes.push((lane, sampler.root));
        self
    }

    /// At most this many of the traces that would be sampled, in a second; a burst of as many is let through at once. Not a
    /// number, and less than none, count as none.
    ///
    /// What a limit lets through is no known share: such traces carry no probability.
    #[must_use]
    pub fn at_most(mut self, traces_per_second: f64) -> Self {
        self.limiter = Some(Arc::new(Limiter::new(traces_per_second)));
        self
    }

    /// Follows the parent's decision where there is a parent; this sampler decides for the others.
    #[must_use]
    pub fn parent_based(self) -> Self {
        Self { parent_based: true, ..self }
    }

    /// Whether it samples whatever has no parent to follow.
    fn is_always_on(&self) -> bool {
        self.root == Root::On && self.lanes.is_empty() && self.limiter.is_none()
    }

    /// Decides about a span.
    pub(crate) fn decide(&self, parent: &Context, trace_id: TraceId) -> Decision {
        if self.parent_based && parent.trace_id().is_some() {
            return Decision::plain(parent.is_sampled());
        }
        let of_lane = self.lanes.iter().find(|(lane, _)| lane == parent.lane());
        let decision = match of_lane.map_or(self.root, |(_, root)| *root) {
            Root::On => Decision::plain(true),
            Root::Off => Decision::plain(false),
            Root::Below(bound) => Decision::plain(low_64_bits(trace_id) >> 1 < bound),
            Root::AtLeast(threshold) => {
                let is_sampled = threshold.admits(trace_id, parent.tracestate());
                Decision { is_sampled, threshold: is_sampled.then_some(threshold) }
            }
        };
        match &self.limiter {
            Some(limiter) if decision.is_sampled => Decision::plain(limiter.admits()),
            _ => decision,
        }
    }
}

/// A NaN is no share of anything.
fn share(ratio: f64) -> f64 {
    if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) }
}

fn low_64_bits(trace_id: TraceId) -> u64 {
    u128::from_be_bytes(trace_id.to_bytes()) as u64
}

impl Default for Sampler {
    fn default() -> Self {
        Self::always_on().parent_based()
    }
}

/// Changes the sampler of a running SDK, as a control plane does; made by [`Guard::sampler`](crate::Guard::sampler).
///
/// Traces that are under way stay as they were decided.
#[derive(Debug, Clone)]
pub struct SamplerHandle(Arc<Current>);

impl SamplerHandle {
    pub(crate) fn new(sampler: Sampler) -> Self {
        Self(Arc::new(Current {
            is_parent_based: AtomicBool::new(sampler.parent_based),
            is_always_on: AtomicBool::new(sampler.is_always_on()),
            sampler: RwLock::new(sampler),
        }))
    }

    /// Decides by this sampler from now on.
    pub fn set(&self, sampler: Sampler) {
        self.0.is_parent_based.store(sampler.parent_based, Ordering::Relaxed);
        self.0.is_always_on.store(sampler.is_always_on(), Ordering::Relaxed);
        *self.0.sampler.write().unwrap_or_else(PoisonError::into_inner) = sampler;
    }

    /// The sampler that decides now.
    pub fn get(&self) -> Sampler {
        self.0.sampler.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether all spans below one that is not sampled are not sampled either.
    #[inline]
    pub(crate) fn is_parent_based(&self) -> bool {
        self.0.is_parent_based.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn decide(&self, parent: &Context, trace_id: TraceId) -> Decision {
        // Nearly every span has a parent: then nothing is locked.
        if self.is_parent_based() && parent.trace_id().is_some() {
            return Decision::plain(parent.is_sampled());
        }
        if self.0.is_always_on.load(Ordering::Relaxed) {
            return Decision::plain(true);
        }
        self.0.sampler.read().unwrap_or_else(PoisonError::into_inner).decide(parent, trace_id)
    }
}

#[derive(Debug)]
struct Current {
    /// That of the sampler, where it is looked at for every span.
    is_parent_based: AtomicBool,
    /// Whether there is nothing to decide about a span without a parent.
    is_always_on: AtomicBool,
    sampler: RwLock<Sampler>,
}
