//! The work that every subject does.

use std::hint::black_box;

/// Spans of one trace: each is the child of the one before.
pub(crate) const DEPTH: usize = 10;

/// What the attributes hold.
pub(crate) struct Input {
    /// Text that only exists at run time: 42 bytes.
    pub(crate) statement: String,
    pub(crate) rows: i64,
}

impl Default for Input {
    fn default() -> Self {
        Self { statement: "SELECT name FROM product WHERE id = $1 -- ".to_owned(), rows: 7 }
    }
}

/// An SDK that is set up.
pub(crate) trait Subject {
    /// Opens ten spans, each inside the one before, each with a text that is known at compile time, one that is not, and a
    /// number.
    fn trace(&self, input: &Input);

    /// Waits until everything that was recorded has left.
    fn settle(&self);
}

/// Spans that were opened.
pub(crate) fn run(subject: &dyn Subject, input: &Input, traces: usize) -> usize {
    for _ in 0..traces {
        subject.trace(black_box(input));
    }
    traces * DEPTH
}

/// [`run`], where callgrind counts.
#[inline(never)]
pub(crate) fn measured(subject: &dyn Subject, input: &Input, traces: usize) -> usize {
    black_box(run(subject, input, black_box(traces)))
}

/// Every subject, ours first.
pub(crate) const NAMES: &[&str] = &[
    "nothing",
    "laneway",
    "laneway-subscriber",
    "laneway-layer",
    "laneway-unsampled",
    "laneway-unsampled-child",
    "registry",
    #[cfg(feature = "rivals")]
    "fastrace",
    #[cfg(feature = "rivals")]
    "opentelemetry",
    #[cfg(feature = "rivals")]
    "tracing-opentelemetry",
    #[cfg(feature = "rivals")]
    "tracing-opentelemetry-lean",
];

pub(crate) fn start(name: &str) -> anyhow::Result<Box<dyn Subject>> {
    use crate::ours;
    Ok(match name {
        "nothing" => Box::new(ours::Nothing),
        "laneway" => Box::new(ours::Own::sampled()?),
        "laneway-unsampled" => Box::new(ours::Own::unsampled()?),
        "laneway-unsampled-child" => Box::new(ours::Children::unsampled()?),
        "laneway-subscriber" => Box::new(ours::Tracing::subscriber()?),
        "laneway-layer" => Box::new(ours::Tracing::layer()?),
        "registry" => Box::new(ours::Tracing::registry()?),
        #[cfg(feature = "rivals")]
        "fastrace" => Box::new(crate::rivals::Fastrace::start()),
        #[cfg(feature = "rivals")]
        "opentelemetry" => Box::new(crate::rivals::Direct::start()),
        #[cfg(feature = "rivals")]
        "tracing-opentelemetry" => Box::new(crate::rivals::Bridge::start(false)?),
        #[cfg(feature = "rivals")]
        "tracing-opentelemetry-lean" => Box::new(crate::rivals::Bridge::start(true)?),
        other => anyhow::bail!("there is no subject {other:?}; `list` names them"),
    })
}
