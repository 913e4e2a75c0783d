//! The context of the current request: its trace, its span, its lane.

pub(crate) mod thread;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use laneway_proto::{Lane, SpanId, TraceId};

use crate::future::InContext;
use crate::record::{BASELINE_FIELDS, Origin, RequestFields};
use thread::{GuardKey, Place};

#[cfg(test)]
mod tests;

/// Where a request stands: its trace and span, whether it is sampled, its lane, and what else travels with it.
///
/// A context is made by [`propagation::extract`](crate::propagation::extract) from the headers of a call, or
/// is that of a `tracing` span that a [`Layer`](crate::Layer) records. It is a value: nothing is current
/// until it was [entered](Context::enter) or a future was put [in it](Context::scope). Cloning takes at most
/// one reference count, and none for a request of the baseline that carries nothing.
///
/// The default is the empty context: no trace, no baggage, the baseline lane.
#[derive(Clone, Default)]
pub struct Context {
    span: Option<SpanContext>,
    /// None for a request of the baseline that carries nothing: most.
    request: Option<Arc<Request>>,
}

/// What all spans of a request share.
struct Request {
    lane: Lane,
    carried: Carried,
    fields: RequestFields,
    /// Nothing but the caller tells it from a request that carries nothing: spans below the entry need not know.
    is_of_entry_only: bool,
}

static BASELINE: Lane = Lane::base();

/// The part of a context that names a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) remote: bool,
    /// What its calls are told to come from: none for a span of another process, or one that is not recorded.
    pub(crate) origin: Option<&'static Origin>,
}

impl SpanContext {
    /// A span of another process.
    pub(crate) const fn remote(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self { trace_id, span_id, flags, remote: true, origin: None }
    }
}

/// The flags of W3C Trace Context, level 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TraceFlags(u8);

impl TraceFlags {
    pub(crate) const SAMPLED: u8 = 1;
    /// The right-most seven bytes of the trace id are random.
    pub(crate) const RANDOM: u8 = 2;

    /// Flags that a later version may define are not passed on, as the specification wants it.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED | Self::RANDOM))
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED != 0
    }

    pub(crate) const fn with_sampled(self, sampled: bool) -> Self {
        Self(if sampled { self.0 | Self::SAMPLED } else { self.0 & !Self::SAMPLED })
    }
}

/// What travels with a request untouched. Both are kept as checked header text: most services only pass it on.
#[derive(Default, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The member of `tracestate` that names the caller.
    pub(crate) caller: String,
    /// The other members of `tracestate`, in order.
    pub(crate) tracestate: String,
    /// The members of `baggage` other than the lane.
    pub(crate) baggage: String,
    /// The text that SkyWalking's agents know the trace by, where it came from them.
    pub(crate) skywalking_trace_id: String,
}

impl Context {
    /// No trace, no baggage, the baseline lane.
    pub(crate) const EMPTY: Self = Self { span: None, request: None };

    /// The context that is current on this thread; the empty one where nothing was entered.
    ///
    /// Inside an entered `tracing` span that a [`Layer`](crate::Layer) records, it is that span's context.
    pub fn current() -> Self {
        thread::with(|thread| thread.current()).unwrap_or_default()
    }

    /// The context of a `tracing` span, when a [`Layer`](crate::Layer) records that span.
    ///
    /// `None` for a disabled span, one that the layer's filter leaves out, and without a layer.
    pub fn of(span: &tracing::Span) -> Option<Self> {
        crate::layer::context_of(span)
    }

    pub(crate) fn new(span: Option<SpanContext>, lane: Lane, carried: Carried) -> Self {
        let Carried { caller, tracestate, baggage, skywalking_trace_id } = &carried;
        let is_of_entry_only =
            lane.is_base() && [tracestate, baggage, skywalking_trace_id].iter().all(|text| text.is_empty());
        if is_of_entry_only && caller.is_empty() {
            return Self { span, request: None };
        }
        let fields = RequestFields::new(caller, tracestate, &lane);
        Self { span, request: Some(Arc::new(Request { lane, carried, fields, is_of_entry_only })) }
    }

    /// The same request, at a span of this process.
    #[inline]
    pub(crate) fn with_span(&self, span: SpanContext) -> Self {
        let request = match &self.request {
            Some(request) if !request.is_of_entry_only => Some(request.clone()),
            _ => None,
        };
        Self { span: Some(span), request }
    }

    /// Becomes that of a child of a span that was opened in this process, in that span's context: such a request is not that of
    /// an entry only. What it was before has [forgotten its request](Self::forget_request).
    #[inline(always)]
    pub(crate) fn become_child(&mut self, within: &Self, parent: &SpanContext, span_id: SpanId) {
        debug_assert!(self.request.is_none());
        // There is nothing to drop, and that needs no look.
        std::mem::forget(std::mem::replace(&mut self.request, within.request.clone()));
        self.span = Some(SpanContext { span_id, ..*parent });
    }

    /// The same request as a new trace: the lane and the baggage stay, the tracestate goes with the trace.
    pub(crate) fn without_trace(&self) -> Self {
        let carried = Carried { baggage: self.baggage().to_owned(), ..Carried::default() };
        Self::new(None, self.lane().clone(), carried)
    }

    /// The same, with another tracestate.
    pub(crate) fn with_tracestate(&self, tracestate: String) -> Self {
        let carried = Carried { tracestate, ..self.carried() };
        Self::new(self.span, self.lane().clone(), carried)
    }

    /// The trace alone, without what an untrusted caller or callee must not set or see: lane and baggage, and who calls.
    pub(crate) fn without_fleet(&self) -> Self {
        let carried = Carried { baggage: String::new(), caller: String::new(), ..self.carried() };
        Self::new(self.span.map(|span| SpanContext { origin: None, ..span }), Lane::base(), carried)
    }

    /// Says what the calls of its span, if it has one, are told to come from.
    pub(crate) fn set_origin(&mut self, origin: Option<&'static Origin>) {
        if let Some(span) = &mut self.span {
            span.origin = origin;
        }
    }

    /// Lets go of what the request carries: of a context that is kept as memory only.
    #[inline]
    pub(crate) fn forget_request(&mut self) {
        self.request = None;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.span.is_none() && self.request.is_none()
    }

    #[inline]
    pub(crate) fn span(&self) -> Option<&SpanContext> {
        self.span.as_ref()
    }

    pub(crate) fn baggage(&self) -> &str {
        self.request.as_ref().map_or("", |request| &request.carried.baggage)
    }

    /// The member of `tracestate` that names the caller; empty when there is none.
    pub(crate) fn caller(&self) -> &str {
        self.request.as_ref().map_or("", |request| &request.carried.caller)
    }

    pub(crate) fn skywalking_trace_id(&self) -> &str {
        self.request.as_ref().map_or("", |request| &request.carried.skywalking_trace_id)
    }

    fn carried(&self) -> Carried {
        self.request.as_ref().map(|request| request.carried.clone()).unwrap_or_default()
    }

    /// Tracestate and lane as fields of the span that enters the process in this context, encoded.
    pub(crate) fn entry_fields(&self) -> &[u8] {
        self.request.as_ref().map_or(BASELINE_FIELDS, |request| request.fields.received())
    }

    /// The same of any other span.
    #[inline]
    pub(crate) fn span_fields(&self) -> &[u8] {
        self.request.as_ref().map_or(BASELINE_FIELDS, |request| request.fields.inherited())
    }

    /// The trace id; `None` outside of a trace.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.span.map(|span| span.trace_id)
    }

    /// The id of the span that a child would name as its parent; `None` outside of a trace.
    pub fn span_id(&self) -> Option<SpanId> {
        self.span.map(|span| span.span_id)
    }

    /// Whether the spans of this trace are recorded and exported. False outside of a trace.
    pub fn is_sampled(&self) -> bool {
        self.span.is_some_and(|span| span.flags.is_sampled())
    }

    /// Whether the span belongs to another process: the context was extracted and no span was opened since.
    pub fn is_remote(&self) -> bool {
        self.span.is_some_and(|span| span.remote)
    }

    /// The members of the `tracestate` header, joined by commas; empty when there is none. The member of this crate, which
    /// names the caller, is not among them.
    pub fn tracestate(&self) -> &str {
        self.request.as_ref().map_or("", |request| &request.carried.tracestate)
    }

    /// The lane of the request.
    pub fn lane(&self) -> &Lane {
        self.request.as_ref().map_or(&BASELINE, |request| &request.lane)
    }

    /// The same context in another lane. For the entry of a fleet, where a request gets its lane.
    ///
    /// Spans that are already open keep the lane that they were opened in.
    #[must_use]
    pub fn with_lane(self, lane: Lane) -> Self {
        Self::new(self.span, lane, self.carried())
    }

    /// Makes this context current on this thread until the guard is dropped.
    ///
    /// Guards may be dropped in any order. A guard must not be held over an `.await` (it is not `Send`, so that
    /// the compiler refuses it in a spawned task): use [`scope`](Self::scope) there.
    /// ```compile_fail
    /// async fn work() {}
    ///
    /// tokio::spawn(async {
    ///     let _guard = laneway::Context::current().enter();
    ///     work().await;
    /// });
    /// ```
    #[must_use = "the context is left as soon as the guard is dropped"]
    pub fn enter(&self) -> ContextGuard {
        let key = thread::with(|thread| thread.stack.enter(Place::Plain(self.clone())));
        ContextGuard { key, _not_send: PhantomData }
    }

    /// Runs a function in this context.
    pub fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        let _guard = self.enter();
        f()
    }

    /// A future that runs in this context: at every poll, and when it is dropped.
    pub fn scope<F: Future>(&self, future: F) -> InContext<F> {
        InContext::new(self.clone(), tracing::Span::none(), future)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Context");
        if let Some(span) = &self.span {
            out.field("trace_id", &format_args!("{}", span.trace_id))
                .field("span_id", &format_args!("{}", span.span_id))
                .field("sampled", &span.flags.is_sampled())
                .field("remote", &span.remote);
        }
        // Baggage may hold what must not be logged: the lane only.
        out.field("lane", &format_args!("{}", self.lane())).finish_non_exhaustive()
    }
}

/// Leaves a context when it is dropped; made by [`Context::enter`].
pub struct ContextGuard {
    // None while the thread is being torn down.
    key: Option<GuardKey>,
    _not_send: PhantomData<*const ()>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            thread::with(|thread| thread.stack.forget(key.into()));
        }
    }
}

impl fmt::Debug for ContextGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextGuard").finish_non_exhaustive()
    }
}

/// The trace id of the current context.
pub fn current_trace_id() -> Option<TraceId> {
    Context::current().trace_id()
}

/// The span id of the current context.
pub fn current_span_id() -> Option<SpanId> {
    Context::current().span_id()
}

/// The lane of the current request; the baseline where nothing is current.
pub fn current_lane() -> Lane {
    Context::current().lane().clone()
}
