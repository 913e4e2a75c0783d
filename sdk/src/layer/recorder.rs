//! Recording what `tracing` dispatches, whether it comes through the layer or the subscriber.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use tracing::dispatcher::Dispatch;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata};

use super::callsite::Callsites;
use super::fields::{EventFields, FieldVisitor, PlainFields, SpanFields};
use super::table::Table;
use crate::context::Context;
use crate::context::thread::{self, Entry, Key, Opened, Thread};
use crate::record::{self, Core, Draft, Keys, PaddedKey, Recording};
use crate::silence::is_silent;

/// The open spans of one subscriber, and where they go when they end.
///
/// Nothing is locked while fields are formatted, spans are encoded or anything is sent: user code that traces while it is being
/// traced cannot deadlock.
pub(crate) struct Recorder {
    core: Arc<Core>,
    callsites: Callsites,
}

impl Recorder {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let callsites = Callsites::new(&core.limits);
        Self { core, callsites }
    }

    #[inline(always)]
    fn spans(&self) -> &Table {
        &self.core.spans
    }

    pub(crate) fn registered(&self, dispatch: &Dispatch) {
        // The first one is kept: one layer is part of one subscriber.
        let _ = self.core.dispatch.set(dispatch.downgrade());
    }

    /// Opens a span. While the thread is being torn down, or where nothing is to be recorded, there is none of this id.
    #[inline(always)]
    pub(crate) fn new_span(&self, attributes: &Attributes<'_>, id: NonZeroU64) {
        if is_silent() {
            return;
        }
        let metadata = attributes.metadata();
        let mut recording = match self.open(attributes) {
            Some(Opened::Recorded(recording)) => recording,
            Some(other) => return self.insert_other(id, other, metadata),
            None => return,
        };
        self.describe(&mut recording, attributes);
        self.spans().insert(id, recording, metadata);
    }

    #[inline(always)]
    fn open(&self, attributes: &Attributes<'_>) -> Option<Opened> {
        if attributes.is_contextual() {
            self.core.open_traced(attributes.metadata().name())
        } else {
            self.open_apart(attributes)
        }
    }

    /// Takes in a span that is not recorded.
    #[inline(never)]
    fn insert_other(&self, id: NonZeroU64, opened: Opened, metadata: &'static Metadata<'static>) {
        self.spans().insert(id, opened, metadata);
    }

    /// Opens a span that is not in what is current.
    #[cold]
    #[inline(never)]
    fn open_apart(&self, attributes: &Attributes<'_>) -> Option<Opened> {
        let parent = match attributes.parent() {
            Some(parent) => self.context_of(parent).unwrap_or_else(Context::current),
            None => Context::current().without_trace(),
        };
        thread::is_there().then(|| self.core.open(&parent, attributes.metadata().name()))
    }

    /// Records what is said of a span when it opens.
    #[inline(always)]
    fn describe(&self, recording: &mut Recording, attributes: &Attributes<'_>) {
        let metadata = attributes.metadata();
        recording.name_first(metadata.name());
        match self.callsites.names(metadata) {
            Some(names) => {
                recording.describe_encoded(&names.span);
                record_plain(attributes, recording, &names.fields);
            }
            None => self.describe_slowly(recording, attributes),
        }
        recording.settle_new(metadata);
    }

    #[inline(never)]
    fn describe_slowly(&self, recording: &mut Recording, attributes: &Attributes<'_>) {
        recording.put_name();
        let draft = recording.draft_mut();
        let mut fields = SpanFields { draft, keys: Keys::Any, limits: &self.core.limits };
        attributes.record(&mut FieldVisitor(&mut fields));
    }

    pub(crate) fn record(&self, id: &Id, values: &Record<'_>) {
        if !self.is_recording(id.into_non_zero_u64()) {
            return;
        }
        let limits = &self.core.limits;
        record::with_draft(|draft| {
            let mut fields = SpanFields { draft, keys: Keys::Any, limits };
            values.record(&mut FieldVisitor(&mut fields));
            self.spans().with(id.into_non_zero_u64(), |span| {
                if let Some(recording) = span.opened.recording_mut() {
                    recording.draft_mut().merge(draft, limits);
                    recording.settle();
                }
            });
        });
    }

    pub(crate) fn follows_from(&self, id: &Id, follows: &Id) {
        if let Some(target) = self.context_of(follows) {
            self.add_link(id, &target);
        }
    }

    pub(crate) fn add_link(&self, id: &Id, target: &Context) {
        self.spans().with(id.into_non_zero_u64(), |span| {
            if let Some(recording) = span.opened.recording_mut() {
                recording.add_link(target, &[]);
            }
        });
    }

    pub(crate) fn event(&self, event: &Event<'_>) {
        let Some(target) = self.target_of(event) else { return };
        let limits = &self.core.limits;
        record::with_draft(|draft: &mut Draft| {
            let now = self.core.clock.now().unix_ns;
            let mut fields = EventFields { event: record::Event::begin(draft, limits, now), limits };
            event.record(&mut FieldVisitor(&mut fields));
            fields.describe(event.metadata());
            let (encoded, message) = fields.event.end(event.metadata().name());
            let fails = self.core.error_events_fail_spans && *event.metadata().level() == Level::ERROR;
            let add = |recording: &mut record::Recording| {
                recording.add_event(encoded);
                if fails {
                    recording.fail(message);
                }
            };
            match target {
                Target::Span(id) => {
                    self.spans().with(id, |span| span.opened.recording_mut().map(add));
                }
                Target::Entry(key) => {
                    thread::with(|thread| {
                        thread.stack.entry_mut(key).and_then(|entry| entry.place.recording_mut()).map(add)
                    });
                }
            }
        });
    }

    /// Where an event is recorded: in the span that it names, else in the innermost one that is recorded.
    fn target_of(&self, event: &Event<'_>) -> Option<Target> {
        let target = match event.parent() {
            Some(parent) => Target::Span(parent.into_non_zero_u64()),
            None if event.is_root() => return None,
            None => {
                let innermost =
                    |thread: &mut Thread| thread.stack.entries_mut().find_map(|entry| self.target(entry));
                thread::with(innermost).flatten()?
            }
        };
        match target {
            Target::Span(id) if !self.is_recording(id) => None,
            _ => Some(target),
        }
    }

    fn target(&self, entry: &mut Entry) -> Option<Target> {
        match entry.key.span_of(self.core.address()) {
            Some(id) => self.spans().with(id, |_| Target::Span(id)),
            None => entry.place.recording_mut().is_some().then_some(Target::Entry(entry.key)),
        }
    }

    /// What is known of the span stays where it is: whether anything is, is asked when somebody wants to know.
    #[inline]
    pub(crate) fn enter(&self, id: &Id) {
        let (key, core) = (self.key(id), self.core.address());
        let is_entered =
            thread::with_ready(|Thread { stack, local }| local.is_first(core) && stack.try_enter_traced(key));
        if is_entered != Some(true) {
            self.enter_slowly(key);
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_slowly(&self, key: Key) {
        thread::with(|thread| {
            thread.local.learn(&self.core);
            thread.stack.enter_traced(key);
        });
    }

    #[inline]
    pub(crate) fn exit(&self, id: &Id) {
        let key = self.key(id);
        if thread::with_ready(|thread| thread.stack.leave_last_traced(key)) != Some(true) {
            Self::exit_inner(key);
        }
    }

    #[cold]
    #[inline(never)]
    fn exit_inner(key: Key) {
        thread::with(|thread| drop(thread.stack.leave(key)));
    }

    #[inline]
    pub(crate) fn close(&self, id: &Id) {
        self.spans().remove(id.into_non_zero_u64(), finish);
    }

    /// Another handle to a span.
    pub(crate) fn acquire(&self, id: &Id) {
        self.spans().with(id.into_non_zero_u64(), |span| span.handles += 1);
    }

    /// One handle less; true when it was the last one.
    #[inline]
    pub(crate) fn release(&self, id: &Id) -> bool {
        self.spans().release(id.into_non_zero_u64(), finish)
    }

    /// Ends a span now, whoever still holds a handle.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) fn end(&self, id: &Id) {
        if let Some(recording) =
            self.spans().with(id.into_non_zero_u64(), |span| span.opened.take_recording()).flatten()
        {
            record::finish(recording);
        }
    }

    pub(crate) fn context_of(&self, id: &Id) -> Option<Context> {
        self.spans().context_of(id.into_non_zero_u64())
    }

    fn is_recording(&self, id: NonZeroU64) -> bool {
        self.spans().with(id, |span| span.opened.recording_mut().is_some()).unwrap_or(false)
    }

    /// The innermost entered span.
    pub(crate) fn current(&self) -> Option<(Id, &'static Metadata<'static>)> {
        let core = self.core.address();
        let innermost =
            |thread: &mut Thread| thread.stack.entries_mut().find_map(|entry| entry.key.span_of(core));
        let id = thread::with(innermost);
        let id = id.flatten()?;
        let metadata = self.spans().with(id, |span| span.metadata)?;
        Some((Id::from_non_zero_u64(id), metadata))
    }

    #[inline]
    fn key(&self, id: &Id) -> Key {
        Key::of_span(self.core.address(), id.into_non_zero_u64())
    }
}

/// A function of its own: the loop over the fields has the registers for itself.
#[inline(never)]
fn record_plain(attributes: &Attributes<'_>, recording: &mut Recording, names: &[PaddedKey]) {
    attributes.record(&mut PlainFields { recording, names });
}

/// Where an event goes.
enum Target {
    /// A `tracing` span.
    Span(NonZeroU64),
    /// A span of this crate's own API that is entered.
    Entry(Key),
}

#[inline(always)]
fn finish(opened: Opened) {
    match opened {
        Opened::Recorded(recording) => record::finish(recording),
        other => drop_apart(other),
    }
}

#[cold]
#[inline(never)]
fn drop_apart(opened: Opened) {
    drop(opened);
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("core", &self.core).finish_non_exhaustive()
    }
}
