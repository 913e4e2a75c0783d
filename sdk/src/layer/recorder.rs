//! Recording what `tracing` dispatches, whether it comes through the layer or the subscriber.

use std::fmt;
use std::sync::Arc;

use tracing::dispatcher::Dispatch;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata};

use super::fields::{EventFields, FieldVisitor, SpanFields};
use super::table::{OpenSpan, Table};
use crate::context::Context;
use crate::context::thread::{self, Entry, Key, Opened, Thread};
use crate::record::{self, Core, Draft, Keys};
use crate::silence::is_silent;

/// The open spans of one subscriber, and where they go when they end.
///
/// Nothing is locked while fields are formatted, spans are encoded or anything is sent: user code that traces while it is being
/// traced cannot deadlock.
pub(crate) struct Recorder {
    core: Arc<Core>,
    table: Table,
}

impl Recorder {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, table: Table::new() }
    }

    pub(crate) fn registered(&self, dispatch: &Dispatch) {
        // The first one is kept: one layer is part of one subscriber.
        let _ = self.core.dispatch.set(dispatch.downgrade());
    }

    #[inline]
    pub(crate) fn new_span(&self, attributes: &Attributes<'_>, id: &Id) {
        if is_silent() {
            return;
        }
        let metadata = attributes.metadata();
        let mut opened = match attributes.parent() {
            Some(parent) => {
                let parent = self.context_of(parent).unwrap_or_else(Context::current);
                self.core.open(&parent, metadata.name())
            }
            None if attributes.is_root() => {
                self.core.open(&Context::current().without_trace(), metadata.name())
            }
            None => self.core.open_here(metadata.name()),
        };
        if let Some(recording) = opened.recording_mut() {
            recording.set_location(metadata);
            recording.describe(metadata.name(), ());
            // A callsite whose fields have a name twice is so rare that it is not looked for here: the later one stays.
            let keys = if has_distinct_fields(metadata) { Keys::Distinct } else { Keys::Any };
            let mut fields = SpanFields { draft: recording.draft_mut(), keys, limits: &self.core.limits };
            attributes.record(&mut FieldVisitor(&mut fields));
            recording.settle();
        }
        self.table.insert(id.into_u64(), OpenSpan { opened, metadata, handles: 1 });
    }

    pub(crate) fn record(&self, id: &Id, values: &Record<'_>) {
        if !self.is_recording(id.into_u64()) {
            return;
        }
        let limits = &self.core.limits;
        record::with_draft(|draft| {
            let mut fields = SpanFields { draft, keys: Keys::Any, limits };
            values.record(&mut FieldVisitor(&mut fields));
            self.table.with(id.into_u64(), |span| {
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
        self.table.with(id.into_u64(), |span| {
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
                    self.table.with(id, |span| span.opened.recording_mut().map(add));
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
            Some(parent) => Target::Span(parent.into_u64()),
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
        match entry.key.span_of(self.address()) {
            Some(id) => Some(Target::Span(id)),
            None => entry.place.recording_mut().is_some().then_some(Target::Entry(entry.key)),
        }
    }

    #[inline]
    pub(crate) fn enter(&self, id: &Id) {
        let key = self.key(id);
        // Under both locks, so that a context of some size is not moved about between them.
        self.table.with(id.into_u64(), |span| {
            thread::with(|thread| thread.stack.enter_span(key, span.opened.share()))
        });
    }

    #[inline]
    pub(crate) fn exit(&self, id: &Id) {
        thread::with(|thread| thread.stack.forget(self.key(id)));
    }

    #[inline]
    pub(crate) fn close(&self, id: &Id) {
        finish(self.table.remove(id.into_u64()));
    }

    /// Another handle to a span.
    pub(crate) fn acquire(&self, id: &Id) {
        self.table.with(id.into_u64(), |span| span.handles += 1);
    }

    /// One handle less; true when it was the last one.
    #[inline]
    pub(crate) fn release(&self, id: &Id) -> bool {
        let span = self.table.release(id.into_u64());
        let is_closed = span.is_some();
        finish(span);
        is_closed
    }

    /// Ends a span now, whoever still holds a handle.
    #[cfg(any(feature = "http", feature = "reqwest"))]
    pub(crate) fn end(&self, id: &Id) {
        if let Some(recording) = self.table.with(id.into_u64(), |span| span.opened.take_recording()).flatten()
        {
            record::finish(recording);
        }
    }

    pub(crate) fn context_of(&self, id: &Id) -> Option<Context> {
        self.table.with(id.into_u64(), |span| span.opened.context().clone())
    }

    fn is_recording(&self, id: u64) -> bool {
        self.table.with(id, |span| span.opened.recording_mut().is_some()).unwrap_or(false)
    }

    /// The innermost entered span.
    pub(crate) fn current(&self) -> Option<(Id, &'static Metadata<'static>)> {
        let recorder = self.address();
        let innermost =
            |thread: &mut Thread| thread.stack.entries_mut().find_map(|entry| entry.key.span_of(recorder));
        let id = thread::with(innermost);
        let id = id.flatten()?;
        let metadata = self.table.with(id, |span| span.metadata)?;
        Some((Id::from_u64(id), metadata))
    }

    #[inline]
    fn key(&self, id: &Id) -> Key {
        Key::of_span(self.address(), id.into_u64())
    }

    #[inline]
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// Where an event goes.
enum Target {
    /// A `tracing` span.
    Span(u64),
    /// A span of this crate's own API that is entered.
    Entry(Key),
}

#[inline]
fn finish(span: Option<OpenSpan>) {
    if let Some(OpenSpan { opened: Opened::Recorded(recording), .. }) = span {
        record::finish(recording);
    }
}

/// Whether no two fields of a callsite have the same name.
#[inline]
fn has_distinct_fields(metadata: &Metadata<'_>) -> bool {
    // Names are string literals: those of different fields rarely have even the same length.
    let fields = metadata.fields();
    let mut lengths = 0_u64;
    for field in fields {
        let bit = 1 << (field.name().len() & 63);
        if lengths & bit != 0 {
            return false;
        }
        lengths |= bit;
    }
    true
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("core", &self.core).finish_non_exhaustive()
    }
}
