#![doc = include_str!("../README.md")]

#[cfg(tokio_unstable)]
pub mod automatic;
mod config;
mod context;
#[cfg(any(feature = "http", feature = "reqwest"))]
mod conventions;
mod exporter;
mod future;
mod guard;
#[cfg(feature = "http")]
pub mod http;
mod layer;
pub mod log;
pub mod messaging;
pub mod propagation;
mod record;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "reqwest")]
pub mod reqwest;
mod sampler;
mod silence;
mod span;
#[cfg(feature = "sqlx")]
pub mod sqlx;
mod subscriber;
#[cfg(feature = "tonic")]
pub mod tonic;

pub use config::{Builder, InitError, builder, init};
pub use context::{Context, ContextGuard, current_lane, current_span_id, current_trace_id};
pub use future::{FutureExt, InContext, carry, carry_stream, spawn, spawn_blocking, spawn_local, with_lane};
pub use guard::{Guard, Stats};
pub use laneway_macros::trace;
pub use laneway_proto::{InvalidLane, Lane, SpanId, TraceId};
pub use layer::{Layer, add_link};
pub use record::{DefaultScope, SpanKind, Value};
pub use sampler::{Sampler, SamplerHandle};
pub use span::{EnteredSpan, Instrumented, Span, update_current};
pub use subscriber::Subscriber;

#[doc(hidden)]
pub use span::private as __private;
