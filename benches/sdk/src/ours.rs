//! This SDK, by each of its ways in.

use std::cell::RefCell;
use std::hint::black_box;

use laneway::{Context, Guard, Lane, Sampler, Span, span};
use tracing::info_span;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::subject::{DEPTH, Input, Subject};

/// The loop alone.
pub(crate) struct Nothing;

impl Subject for Nothing {
    fn trace(&self, input: &Input) {
        for _ in 0..DEPTH {
            black_box(input);
        }
    }

    fn settle(&self) {}
}

/// A request in a lane other than the baseline, as the more costly case.
fn request() -> anyhow::Result<Context> {
    Ok(Context::default().with_lane(Lane::new("grey-v2")?))
}

/// An SDK whose requests go nowhere, encoded as they are.
fn builder() -> laneway::Builder {
    laneway::builder().service_name("bench").deliver(|request| drop(black_box(request)))
}

fn settle(guard: &Guard) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    if let Ok(runtime) = runtime {
        runtime.block_on(guard.flush());
    }
}

/// `span!`.
pub(crate) struct Own {
    guard: Guard,
    request: Context,
}

impl Own {
    pub(crate) fn sampled() -> anyhow::Result<Self> {
        Self::start(builder())
    }

    pub(crate) fn unsampled() -> anyhow::Result<Self> {
        Self::start(builder().sampler(Sampler::always_off().parent_based()))
    }

    fn start(builder: laneway::Builder) -> anyhow::Result<Self> {
        let (_, guard) = builder.build_subscriber()?;
        anyhow::ensure!(guard.make_default(), "there is another SDK");
        Ok(Self { guard, request: request()? })
    }
}

/// `span!` below a span that is not sampled: children alone.
pub(crate) struct Children {
    own: Own,
    root: RefCell<Span>,
}

impl Children {
    pub(crate) fn unsampled() -> anyhow::Result<Self> {
        let own = Own::unsampled()?;
        let root = RefCell::new(own.request.in_scope(|| span!("request")));
        Ok(Self { own, root })
    }
}

impl Subject for Children {
    fn trace(&self, input: &Input) {
        self.root.borrow_mut().in_scope(|| nest(DEPTH, input));
    }

    fn settle(&self) {
        self.own.settle();
    }
}

fn nest(depth: usize, input: &Input) {
    let _span =
        span!("query", db.system = "redis", db.statement = &input.statement, rows = input.rows).entered();
    if depth > 1 {
        nest(depth - 1, input);
    }
}

impl Subject for Own {
    fn trace(&self, input: &Input) {
        self.request.in_scope(|| nest(DEPTH, input));
    }

    fn settle(&self) {
        settle(&self.guard);
    }
}

/// `tracing`, in front of one of ours or of nothing.
pub(crate) struct Tracing {
    guard: Option<Guard>,
    request: Context,
}

impl Tracing {
    pub(crate) fn subscriber() -> anyhow::Result<Self> {
        let (subscriber, guard) = builder().build_subscriber()?;
        if let Some(subscriber) = subscriber {
            tracing::subscriber::set_global_default(subscriber)?;
        }
        Ok(Self { guard: Some(guard), request: request()? })
    }

    pub(crate) fn layer() -> anyhow::Result<Self> {
        let (layer, guard) = builder().build()?;
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
        Ok(Self { guard: Some(guard), request: request()? })
    }

    /// What a layer cannot cost less than: a registry, and a layer that does nothing.
    pub(crate) fn registry() -> anyhow::Result<Self> {
        struct Idle;
        impl Layer<Registry> for Idle {}
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Idle))?;
        Ok(Self { guard: None, request: request()? })
    }
}

pub(crate) fn nest_tracing(depth: usize, input: &Input) {
    let statement = input.statement.as_str();
    let _span =
        info_span!("query", db.system = "redis", db.statement = statement, rows = input.rows).entered();
    if depth > 1 {
        nest_tracing(depth - 1, input);
    }
}

impl Subject for Tracing {
    fn trace(&self, input: &Input) {
        self.request.in_scope(|| nest_tracing(DEPTH, input));
    }

    fn settle(&self) {
        self.guard.iter().for_each(settle);
    }
}
