//! A span that is recorded.

use std::sync::{Arc, Weak};

use laneway_proto::SpanId;
use laneway_proto::otlp::field;
use laneway_proto::otlp::wire::{self, WireType};

use super::Core;
use super::attributes::{Open, push};
use super::clock::Moment;
use super::draft::{Count, Draft};
use super::limits::{Limits, truncate};
use super::room::Room;
use super::value::{Value, key};
use crate::context::{Context, SpanContext};

/// Key of a span's attributes on the wire.
pub(super) const ATTRIBUTE: u8 = key(field::span::ATTRIBUTES, WireType::Len);

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

    const fn to_otlp(self) -> u64 {
        match self {
            Self::Ok => 1,
            Self::Error => 2,
        }
    }
}

/// What is recorded of a sampled span: the bytes that will be sent, written as things happen.
///
/// ```text
/// 0  key of ScopeSpans.spans, length (two bytes, patched)
/// 3  trace id, span id
/// 31 start, end (patched)
/// 49 flags, kind (patched)
/// 57 parent's span id, unless this is a root
///    tracestate, lane
///    attributes, events, links as they come
///    name, status, counts of what was dropped (when it ends)
/// ```
#[derive(Debug)]
pub(crate) struct Recording {
    /// Where it will be sent from. Weak, since it outlives its span: it is kept for reuse.
    core: Weak<Core>,
    /// Address of the same, which while there is a weak reference nothing else can have.
    core_address: usize,
    limits: Limits,
    context: Context,
    start: Moment,
    /// Unless the draft has another.
    name: &'static str,
    draft: Draft,
    events: Count,
    links: Count,
    /// Its parent is in another process, or there is none.
    is_local_root: bool,
    /// It began a trace without having been asked to: perhaps its context was lost on the way.
    is_orphan: bool,
    /// Where it was opened, as far as that is known of an orphan.
    location: Option<(&'static str, u32)>,
}

const HEAD_LEN: usize = 57;
const PARENT_LEN: usize = 10;
const END_TIME_AT: usize = 41;
const KIND_AT: usize = 56;

/// Bits 8 and 9 of OTLP's span flags: whether the parent's remoteness is known, and the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

impl Recording {
    pub(super) fn new(core: &Arc<Core>) -> Self {
        Self {
            core: Arc::downgrade(core),
            core_address: Arc::as_ptr(core).addr(),
            limits: core.limits,
            context: Context::EMPTY,
            start: Moment::default(),
            name: "",
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
        start: Moment,
        span: SpanContext,
        within: &Context,
        name: &'static str,
    ) {
        let parent = within.span();
        self.is_local_root = parent.is_none_or(|parent| parent.remote);
        let fields = if within.is_remote() { within.entry_fields() } else { within.span_fields() };
        self.context = within.with_span(span);
        self.begin(start, parent, fields, name);
    }

    /// Begins the record of a child of a span of this process, which starts now.
    #[inline(always)]
    pub(super) fn begin_child(
        &mut self,
        start: Moment,
        span_id: SpanId,
        parent: &SpanContext,
        within: &Context,
        name: &'static str,
    ) {
        self.is_local_root = false;
        self.context = within.with_span(SpanContext { span_id, ..*parent });
        self.begin(start, Some(parent), within.span_fields(), name);
    }

    #[inline(always)]
    fn begin(&mut self, start: Moment, parent: Option<&SpanContext>, fields: &[u8], name: &'static str) {
        (self.start, self.name) = (start, name);
        let Some(span) = self.context.span() else { return };
        let mut head = [0; HEAD_LEN + PARENT_LEN];
        head[..3].copy_from_slice(&[key(field::scope_spans::SPANS, WireType::Len), 0, 0]);
        head[3..5].copy_from_slice(&[key(field::span::TRACE_ID, WireType::Len), 16]);
        head[5..21].copy_from_slice(span.trace_id.as_bytes());
        head[21..23].copy_from_slice(&[key(field::span::SPAN_ID, WireType::Len), 8]);
        head[23..31].copy_from_slice(span.span_id.as_bytes());
        head[31] = key(field::span::START_TIME_UNIX_NANO, WireType::Fixed64);
        head[32..40].copy_from_slice(&start.unix_ns.to_le_bytes());
        head[40] = key(field::span::END_TIME_UNIX_NANO, WireType::Fixed64);
        // The number of this field takes a second byte.
        head[49..51].copy_from_slice(&[key(field::span::FLAGS & 15, WireType::Fixed32) | 0x80, 1]);
        head[51..55].copy_from_slice(&flags(span, parent.map(|parent| parent.remote)).to_le_bytes());
        head[55..57].copy_from_slice(&[key(field::span::KIND, WireType::Varint), SpanKind::Internal as u8]);
        let mut head_len = HEAD_LEN;
        if let Some(parent) = parent {
            head[57..59].copy_from_slice(&[key(field::span::PARENT_SPAN_ID, WireType::Len), 8]);
            head[59..].copy_from_slice(parent.span_id.as_bytes());
            head_len += PARENT_LEN;
        }
        let mut room = Room::reserve(&mut self.draft.buf, head_len + fields.len());
        room.put(&head[..head_len]);
        room.put(fields);
        self.draft.fields_at = room.end();
    }

    /// Writes down how the span ended.
    #[inline(always)]
    pub(super) fn end(&mut self, end_unix_ns: u64) {
        let buf = &mut self.draft.buf;
        buf[END_TIME_AT..END_TIME_AT + 8].copy_from_slice(&end_unix_ns.to_le_bytes());
        if self.draft.is_touched || self.name.len() > self.limits.text_bytes {
            self.end_touched();
        } else {
            put_name(buf, self.name);
        }
        Open::at(3).end(&mut self.draft.buf);
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
        if self.draft.is_touched && (self.is_local_root || self.is_entry()) {
            self.settle_entry();
        }
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
        self.draft.is_touched = true;
    }

    /// Says where an orphan was opened.
    #[inline]
    pub(crate) fn set_location(&mut self, metadata: &tracing::Metadata<'static>) {
        if self.is_orphan {
            self.location = metadata.file().zip(metadata.line());
        }
    }

    /// The end of a span that has more than attributes.
    #[inline(never)]
    fn end_touched(&mut self) {
        self.report_orphan();
        let Draft { buf, name, kind, status_code, status_message, attributes, .. } = &mut self.draft;
        if let Some(kind) = kind {
            buf[KIND_AT] = *kind as u8;
        }
        put_name(
            buf,
            if name.is_empty() { truncate(self.name, self.limits.text_bytes) } else { name.as_str() },
        );
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

    /// The encoded span: a `spans` field of `ScopeSpans`.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.draft.buf
    }

    /// Forgets the span.
    #[inline]
    pub(super) fn reset(&mut self) {
        self.context.forget_request();
        if self.draft.is_touched {
            (self.events, self.links) = (Count::default(), Count::default());
        }
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
        self.draft.is_touched = true;
        if self.events.admit(self.limits.events) {
            self.draft.buf.extend_from_slice(event);
        }
    }

    /// Adds a link to the span of another context; nothing when that has none.
    pub(crate) fn add_link(&mut self, target: &Context, attributes: &[(&str, Value<'_>)]) {
        const ATTRIBUTE: u8 = key(field::link::ATTRIBUTES, WireType::Len);
        let Some(span) = target.span() else { return };
        self.draft.is_touched = true;
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

#[inline]
fn put_name(buf: &mut Vec<u8>, name: &str) {
    super::value::len_delimited(buf, field::span::NAME, name.as_bytes());
}

#[inline]
fn flags(span: &SpanContext, remote: Option<bool>) -> u32 {
    let remoteness = match remote {
        Some(true) => HAS_IS_REMOTE | IS_REMOTE,
        _ => HAS_IS_REMOTE,
    };
    u32::from(span.flags.bits()) | remoteness
}

/// A count of what was dropped; zero is left out, as proto3 wants it.
pub(super) fn count(buf: &mut Vec<u8>, field: u32, count: u32) {
    if count > 0 {
        wire::uint64(buf, field, u64::from(count));
    }
}
