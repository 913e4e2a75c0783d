//! A span that is recorded.

use std::sync::{Arc, Weak};

use laneway_proto::SpanId;
use laneway_proto::otlp::field;
use laneway_proto::otlp::wire::{self, WireType};

use super::Core;
use super::attributes::{Attributes, MAX_SHORT, PaddedKey, push};
use super::clock::Moment;
use super::draft::{Count, Draft, KEPT_BYTES, Keys, Pending};
use super::head::{Head, flags};
use super::kind::{SpanKind, StatusCode};
use super::limits::{Limits, truncate};
use super::local::Outlet;
use super::room::Room;
use super::value::{Value, key, len_delimited, len_field};
use crate::context::{Context, SpanContext};

/// Key of a span's attributes on the wire.
pub(super) const ATTRIBUTE: u8 = key(field::span::ATTRIBUTES, WireType::Len);
const NAME: u8 = key(field::span::NAME, WireType::Len);

/// What is recorded of a sampled span: the bytes that will be sent, written as things happen.
///
/// ```text
/// head              ids, times, flags, kind, parent
/// request's fields  tracestate, lane: those of the context, which all spans of a request share
/// draft             name; attributes, events, links as they come; status, counts of what was dropped (when it ends)
/// ```
#[derive(Debug)]
pub(crate) struct Recording {
    /// Where it will be sent from. Weak, since it outlives its span: it is kept for reuse.
    core: Weak<Core>,
    /// Address of the same, which while there is a weak reference nothing else can have.
    core_address: usize,
    limits: Limits,
    /// As the limits have it.
    short_attributes: usize,
    context: Context,
    start: Moment,
    /// Unless the draft has another.
    name: &'static str,
    head: Head,
    /// It begins with the request's fields where they are not those of the context.
    draft: Draft,
    events: Count,
    links: Count,
    /// Its parent is in another process, or there is none. False while it is not in use.
    is_local_root: bool,
    /// It began a trace without having been asked to: perhaps its context was lost on the way.
    is_orphan: bool,
    /// Where it was opened, as far as that is known of an orphan.
    location: Option<(&'static str, u32)>,
}

impl Recording {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        let limits = core.limits;
        Self {
            core: Arc::downgrade(core),
            core_address: Arc::as_ptr(core).addr(),
            limits,
            short_attributes: limits.short_attributes(),
            context: Context::EMPTY,
            start: Moment::default(),
            name: "",
            head: Head::new(),
            draft: Draft::default(),
            events: Count::default(),
            links: Count::default(),
            is_local_root: false,
            is_orphan: false,
            location: None,
        }
    }

    #[inline]
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Begins the record of a span that enters the process, or of one whose parent may be in another; it starts now.
    pub(super) fn begin_entry(
        &mut self,
        outlet: &mut Outlet,
        span: SpanContext,
        within: &Context,
        name: &'static str,
    ) {
        let parent = within.span();
        outlet.read_clock(&mut self.start);
        self.name = name;
        self.is_local_root = parent.is_none_or(|parent| parent.remote);
        self.draft.pending.add(Pending::NAME);
        self.draft.pending.add(Pending::ENTRY);
        self.context = within.with_span(span);
        self.head.begin(&span, self.start.unix_ns, parent);
        let fields = if within.is_remote() { within.entry_fields() } else { within.span_fields() };
        self.draft.buf.extend_from_slice(fields);
        self.draft.fields_at = fields.len();
    }

    /// Begins the record of a child of a span of this process, which starts now and is to be given its name.
    #[inline(always)]
    pub(super) fn begin_child(&mut self, outlet: &mut Outlet, span_id: SpanId, within: &Context) {
        outlet.read_clock(&mut self.start);
        self.draft.pending = Pending::NAME;
        // Always: it is the context of a span.
        if let Some(parent) = within.span() {
            self.head.begin_child(parent, span_id, self.start.unix_ns);
            self.context.become_child(within, parent, span_id);
        }
    }

    /// Gives it the name that it begins with.
    #[inline(always)]
    pub(crate) fn name_first(&mut self, name: &'static str) {
        self.name = name;
    }

    /// Writes the name, which is that of its beginning, and the first attributes beside it.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(crate) fn describe<A: Attributes>(&mut self, name: &'static str, attributes: A) {
        if name.len() > MAX_SHORT || !attributes.are_short() || A::COUNT > self.short_attributes {
            self.put_name();
            return attributes.for_each(&mut |key, value| self.set_slowly(key, value));
        }
        let draft = &mut self.draft;
        let name_len = 2 + name.len();
        draft.fields_at += name_len;
        let mut room = Room::reserve(&mut draft.buf, name_len + attributes.short_len());
        // SAFETY: room was made for the name and the attributes, which are short.
        unsafe {
            room.put_unchecked(&[NAME, name.len() as u8]);
            room.put_unchecked(name.as_bytes());
            attributes.put(&mut room);
        }
        drop(room);
        draft.attributes.kept += A::COUNT;
        draft.pending.remove(Pending::NAME);
    }

    #[inline(never)]
    fn set_slowly(&mut self, key: &'static str, value: Value<'_>) {
        self.draft.set(key, value, Keys::Distinct, &self.limits);
    }

    /// [`describe`](Self::describe) with a name that is encoded already, and attributes that come later.
    #[inline(always)]
    pub(crate) fn describe_encoded(&mut self, name: &PaddedKey) {
        self.draft.add_name(name);
        self.draft.pending.remove(Pending::NAME);
    }

    /// Writes the name that it began with.
    #[cold]
    pub(crate) fn put_name(&mut self) {
        self.draft.put_name(0, truncate(self.name, self.limits.text_bytes));
        self.draft.pending.remove(Pending::NAME);
    }

    /// Writes another name in the place of that one.
    fn put_last_name(&mut self) {
        let first = truncate(self.name, self.limits.text_bytes);
        let last = std::mem::take(&mut self.draft.name);
        self.draft.put_name(len_field(first.len()), &last);
        self.draft.name = last;
    }

    /// Whether nothing of it needs a second look.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.draft.pending.is_none()
    }

    /// Writes down how a plain span ended, and gives its pieces; `None` when it is large.
    #[inline(always)]
    pub(super) fn end_plain(&mut self, end_unix_ns: u64) -> Option<(&[u8; Head::LEN], [&[u8]; 2])> {
        let Self { head, context, draft, .. } = self;
        let fields = context.span_fields();
        let following = fields.len() + draft.buf.len();
        if following > KEPT_BYTES {
            return None;
        }
        let head = head.end_child(end_unix_ns, following)?;
        Some((head, [fields, &draft.buf]))
    }

    /// Writes down how it ended, and gives its pieces; `None` when its length does not fit where it belongs.
    pub(super) fn end(&mut self, end_unix_ns: u64) -> Option<[&[u8]; 3]> {
        if self.draft.pending.has(Pending::TOUCHED) || self.draft.pending.has(Pending::NAME) {
            self.end_touched();
        }
        let Self { head, context, draft, .. } = self;
        let fields = if draft.pending.has(Pending::ENTRY) { &[] } else { context.span_fields() };
        let head = head.end(end_unix_ns, fields.len() + draft.buf.len())?;
        Some([head, fields, &draft.buf])
    }

    /// The encoded span of any length, after its end: a `spans` field of `ScopeSpans`.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let has_own = self.draft.pending.has(Pending::ENTRY);
        let fields = if has_own { &[] } else { self.context.span_fields() };
        let message = [self.head.body(), fields, &self.draft.buf].concat();
        let mut encoded = Vec::with_capacity(len_field(message.len()));
        len_delimited(&mut encoded, field::scope_spans::SPANS, &message);
        encoded
    }

    /// Renames it.
    pub(crate) fn rename(&mut self, name: &str) {
        self.draft.rename(name, &self.limits);
        self.settle();
    }

    /// Says what kind of work it stands for.
    pub(crate) fn set_kind(&mut self, kind: SpanKind) {
        self.draft.set_kind(kind);
        self.settle();
    }

    /// To be called when its name or kind may have changed: what is called below an entry is told its name.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if self.draft.pending.has(Pending::TOUCHED) && (self.is_local_root || self.is_entry()) {
            self.settle_entry();
        }
    }

    /// To be called when a `tracing` span has the fields that it begins with.
    #[inline(always)]
    pub(crate) fn settle_new(&mut self, metadata: &tracing::Metadata<'static>) {
        if self.draft.pending.has(Pending::TOUCHED) {
            self.settle_touched(metadata);
        }
    }

    #[inline(never)]
    fn settle_touched(&mut self, metadata: &tracing::Metadata<'static>) {
        if self.is_orphan {
            self.location = metadata.file().zip(metadata.line());
        }
        self.settle();
    }

    fn settle_entry(&mut self) {
        let Some(core) = self.core.upgrade() else { return };
        let origin = super::origin(&core, self.name());
        self.context.set_origin(origin);
    }

    fn name(&self) -> &str {
        if self.draft.name.is_empty() {
            truncate(self.name, self.limits.text_bytes)
        } else {
            &self.draft.name
        }
    }

    /// Whether a request or a message entered the process with it.
    fn is_entry(&self) -> bool {
        matches!(self.draft.kind, Some(SpanKind::Server | SpanKind::Consumer))
    }

    /// Says that nobody asked for a new trace here.
    pub(super) fn set_orphan(&mut self) {
        self.is_orphan = true;
        self.draft.pending.add(Pending::TOUCHED);
    }

    /// The end of a span that has more than attributes.
    #[inline(never)]
    fn end_touched(&mut self) {
        self.report_orphan();
        if self.draft.pending.has(Pending::NAME) {
            self.put_name();
        }
        if !self.draft.name.is_empty() {
            self.put_last_name();
        }
        let Draft { buf, kind, status_code, status_message, attributes, .. } = &mut self.draft;
        if let Some(kind) = *kind {
            self.head.set_kind(kind);
        }
        if let Some(code) = *status_code {
            wire::message(buf, field::span::STATUS, |buf| {
                // OpenTelemetry keeps a description for errors only.
                if code == StatusCode::Error && !status_message.is_empty() {
                    wire::string(buf, field::status::MESSAGE, status_message);
                }
                wire::uint64(buf, field::status::CODE, code.to_otlp());
            });
        }
        count(buf, field::span::DROPPED_ATTRIBUTES_COUNT, attributes.dropped);
        count(buf, field::span::DROPPED_EVENTS_COUNT, self.events.dropped);
        count(buf, field::span::DROPPED_LINKS_COUNT, self.links.dropped);
    }

    /// An orphan that is no entry of the process has lost its context, if the process has entries.
    fn report_orphan(&mut self) {
        let is_entry = self.is_entry();
        if let Some(core) = self.core.upgrade().filter(|_| is_entry || self.is_orphan) {
            core.orphans.report(is_entry, self.name, self.location);
        }
        (self.is_orphan, self.location) = (false, None);
    }

    /// Forgets a plain span.
    #[inline(always)]
    pub(super) fn reset_plain(&mut self) {
        self.context.forget_request();
        self.draft.clear_plain();
    }

    /// Forgets the span.
    pub(super) fn reset(&mut self) {
        self.context.forget_request();
        if self.draft.pending.has(Pending::TOUCHED) {
            (self.events, self.links) = (Count::default(), Count::default());
            self.head.set_kind(SpanKind::Internal);
        }
        // As a child begins with it.
        self.is_local_root = false;
        self.head.reset();
        self.draft.clear();
    }

    pub(crate) fn draft_mut(&mut self) -> &mut Draft {
        &mut self.draft
    }

    #[inline]
    pub(crate) fn draft_and_limits(&mut self) -> (&mut Draft, &Limits) {
        (&mut self.draft, &self.limits)
    }

    /// The time, for an event; `None` when its SDK is gone.
    pub(crate) fn now_unix_ns(&self) -> Option<u64> {
        Some(self.core.upgrade()?.clock.unix_ns_since(&self.start))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn core(&self) -> &Weak<Core> {
        &self.core
    }

    #[inline]
    pub(super) fn core_address(&self) -> usize {
        self.core_address
    }

    pub(super) fn start(&self) -> &Moment {
        &self.start
    }

    /// Marks the span as failed, unless its status was stated.
    pub(crate) fn fail(&mut self, message: Option<&str>) {
        if self.draft.status_code.is_none() {
            self.draft.state(StatusCode::Error);
            if let Some(message) = message.filter(|_| self.draft.status_message.is_empty()) {
                self.draft.describe_status(message, &self.limits);
            }
        }
    }

    /// Adds an encoded event.
    pub(crate) fn add_event(&mut self, event: &[u8]) {
        self.draft.pending.add(Pending::TOUCHED);
        if self.events.admit(self.limits.events) {
            self.draft.buf.extend_from_slice(event);
        }
    }

    /// Adds a link to the span of another context; nothing when that has none.
    pub(crate) fn add_link(&mut self, target: &Context, attributes: &[(&str, Value<'_>)]) {
        const ATTRIBUTE: u8 = key(field::link::ATTRIBUTES, WireType::Len);
        let Some(span) = target.span() else { return };
        self.draft.pending.add(Pending::TOUCHED);
        if !self.links.admit(self.limits.links) {
            return;
        }
        let limits = &self.limits;
        let kept = attributes.len().min(limits.link_attributes);
        wire::message(&mut self.draft.buf, field::span::LINKS, |buf| {
            wire::bytes(buf, field::link::TRACE_ID, span.trace_id.as_bytes());
            wire::bytes(buf, field::link::SPAN_ID, span.span_id.as_bytes());
            if !target.tracestate().is_empty() {
                wire::string(buf, field::link::TRACE_STATE, target.tracestate());
            }
            for (name, value) in &attributes[..kept] {
                push(buf, ATTRIBUTE, *name, *value, limits.text_bytes);
            }
            count(buf, field::link::DROPPED_ATTRIBUTES_COUNT, (attributes.len() - kept) as u32);
            wire::fixed32(buf, field::link::FLAGS, flags(span, Some(span.remote)));
        });
    }
}

/// A count of what was dropped; zero is left out, as proto3 wants it.
pub(super) fn count(buf: &mut Vec<u8>, field: u32, count: u32) {
    if count > 0 {
        wire::uint64(buf, field, u64::from(count));
    }
}
