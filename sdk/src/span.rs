//! The crate's own spans: what [`span!`](crate::span!) makes.

mod entered;
mod macros;

use std::error::Error;
use std::fmt;

use crate::context::Context;
use crate::context::thread::Opened;
use crate::record::{self, Draft, Event, Keys, Limits, Recording, SpanKind, StatusCode, Value};

pub use entered::{EnteredSpan, Instrumented, update_current};

#[doc(hidden)]
pub use macros::private;

/// A span that is open until it is dropped, or [ends](Span::end).
///
/// Made by [`span!`](crate::span!). It is a value: nothing is current until it is [entered](Span::entered) or a future was
/// [put in it](Span::instrument). A span that is not sampled, or for which there is no SDK, records nothing and costs next
/// to nothing; its context travels all the same.
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    // None once it was entered: then the stack has it.
    opened: Option<Opened>,
}

impl Span {
    /// A span in the current context: a child of the innermost span, or the root of a new trace.
    #[inline]
    pub fn new(name: &'static str) -> Self {
        let mut span = Self::open(name);
        span.describe(name, ());
        span
    }

    /// A span in this context, wherever it came from. In [`Context::default`] it begins a new trace.
    #[inline]
    pub fn child_of(parent: &Context, name: &'static str) -> Self {
        let mut span = Self::open_in(parent, name);
        span.describe(name, ());
        span
    }

    /// [`new`](Self::new), to be [described](Self::describe).
    #[doc(hidden)]
    #[inline]
    pub fn open(name: &'static str) -> Self {
        Self { opened: Some(record::default::open_here(name)) }
    }

    /// [`child_of`](Self::child_of), to be [described](Self::describe).
    #[doc(hidden)]
    #[inline]
    pub fn open_in(parent: &Context, name: &'static str) -> Self {
        Self { opened: Some(record::default::open(parent, name)) }
    }

    /// A span that records nothing, in the current context.
    pub fn none() -> Self {
        Self { opened: Some(Opened::carrier(&Context::current())) }
    }

    /// Whether anything is recorded. What is costly to find out need not be found out for a span that is not.
    #[inline]
    pub fn is_recording(&self) -> bool {
        matches!(self.opened, Some(Opened::Recorded(_)))
    }

    /// The context of this span: what a call that belongs to it carries.
    pub fn context(&self) -> &Context {
        self.opened.as_ref().map_or(&Context::EMPTY, Opened::context)
    }

    /// Gives an attribute its value, in place of an earlier one.
    pub fn set<'v>(&mut self, key: &str, value: impl Into<Value<'v>>) {
        if let Some((draft, limits)) = self.draft_and_limits() {
            draft.set(key, value.into(), Keys::Any, limits);
        }
    }

    /// Writes the name that the span was opened with, and its first attributes.
    #[doc(hidden)]
    #[inline(always)]
    pub fn describe(&mut self, name: &'static str, attributes: impl record::Attributes) {
        if let Some(recording) = self.recording_mut() {
            recording.describe(name, attributes);
        }
    }

    #[inline]
    fn recording_mut(&mut self) -> Option<&mut Recording> {
        self.opened.as_mut().and_then(Opened::recording_mut)
    }

    #[inline]
    fn draft_and_limits(&mut self) -> Option<(&mut Draft, &Limits)> {
        self.recording_mut().map(Recording::draft_and_limits)
    }

    /// Renames the span. A name is of low cardinality: the route, not the path.
    pub fn rename(&mut self, name: &str) {
        if let Some(recording) = self.recording_mut() {
            recording.rename(name);
        }
    }

    /// Says what kind of work it stands for.
    pub fn set_kind(&mut self, kind: SpanKind) {
        if let Some(recording) = self.recording_mut() {
            recording.set_kind(kind);
        }
    }

    /// Says that the work succeeded, whatever else happens in it.
    pub fn succeed(&mut self) {
        if let Some((draft, _)) = self.draft_and_limits() {
            draft.state(StatusCode::Ok);
        }
    }

    /// Says that the work failed, unless its status was stated before.
    pub fn fail(&mut self, message: &str) {
        if let Some(recording) = self.recording_mut() {
            recording.fail(Some(message));
        }
    }

    /// Says that the work failed with this error: an event `exception` with the error and its causes, and the status.
    pub fn fail_with(&mut self, error: &dyn Error) {
        self.event_with("exception", |event, limits| {
            crate::layer::fields::record_exception(event, error, limits);
        });
        if let Some(limits) = self.recording_mut().map(|recording| *recording.limits()) {
            let message = crate::layer::fields::Bounded::format(limits.text_bytes, format_args!("{error}"));
            self.fail(&message);
        }
    }

    /// Adds an event that happens now.
    pub fn event(&mut self, name: &str, attributes: &[(&str, Value<'_>)]) {
        self.event_with(name, |event, _| {
            attributes.iter().for_each(|(key, value)| event.set(key, *value));
        });
    }

    fn event_with(&mut self, name: &str, fill: impl FnOnce(&mut Event<'_>, &Limits)) {
        let Some(recording) = self.recording_mut() else { return };
        let Some(now) = recording.now_unix_ns() else { return };
        let limits = *recording.limits();
        record::with_draft(|draft| {
            let mut event = Event::begin(draft, &limits, now);
            fill(&mut event, &limits);
            recording.add_event(event.end(name).0);
        });
    }

    /// Links the span to that of another context, such as the producer of one of a batch of messages. Nothing happens when that
    /// context is not part of a trace.
    pub fn link(&mut self, target: &Context, attributes: &[(&str, Value<'_>)]) {
        if let Some(recording) = self.recording_mut() {
            recording.add_link(target, attributes);
        }
    }

    /// Ends the span now; the same as dropping it.
    pub fn end(self) {}
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(Opened::Recorded(recording)) = self.opened.take() {
            record::finish(recording);
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Span")
            .field("context", self.context())
            .field("is_recording", &self.is_recording())
            .finish_non_exhaustive()
    }
}
