//! What kind of work a span stands for, and how it ended.

/// What kind of work a span stands for: OpenTelemetry's `SpanKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpanKind {
    /// Within a service.
    #[default]
    Internal = 1,
    /// Answers a request.
    Server = 2,
    /// Makes a request and waits for the answer.
    Client = 3,
    /// Sends a message that nobody answers.
    Producer = 4,
    /// Handles such a message.
    Consumer = 5,
}

impl SpanKind {
    /// Of either case, as users of `tracing-opentelemetry` write it; an unknown one counts as none.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            ("internal", Self::Internal),
            ("server", Self::Server),
            ("client", Self::Client),
            ("producer", Self::Producer),
            ("consumer", Self::Consumer),
        ]
        .into_iter()
        .find_map(|(known, kind)| known.eq_ignore_ascii_case(name).then_some(kind))
    }
}

/// OTLP's `StatusCode`, without unset. In the order of priority that OpenTelemetry gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StatusCode {
    Error,
    Ok,
}

impl StatusCode {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("ok") {
            Some(Self::Ok)
        } else if name.eq_ignore_ascii_case("error") {
            Some(Self::Error)
        } else {
            None
        }
    }

    pub(super) const fn to_otlp(self) -> u64 {
        match self {
            Self::Ok => 1,
            Self::Error => 2,
        }
    }
}
