//! The context of the current request: its trace, its span, its lane.

use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use laneway_proto::{Lane, SpanId, TraceId};

use crate::future::InContext;

#[cfg(test)]
mod tests;

/// Where a request stands: its trace and span, whether it is sampled, its lane, and what else travels with it.
///
/// A context is made by [`propagation::extract`](crate::propagation::extract) from the headers of a call, or
/// is that of a `tracing` span that a [`Layer`](crate::Layer) records. It is a value: nothing is current
/// until it was [entered](Context::enter) or a future was put [in it](Context::scope). Cloning takes at most
/// two reference counts.
///
/// The default is the empty context: no trace, no baggage, the baseline lane.
#[derive(Clone, Default)]
pub struct Context {
    span: Option<SpanContext>,
    lane: Lane,
    carried: Option<Arc<Carried>>,
}

/// The part of a context that names a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanContext {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) remote: bool,
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
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The members of `tracestate`, in order.
    pub(crate) tracestate: String,
    /// The members of `baggage` other than the lane.
    pub(crate) baggage: String,
}

impl Context {
    /// The context that is current on this thread; the empty one where nothing was entered.
    ///
    /// Inside an entered `tracing` span that a [`Layer`](crate::Layer) records, it is that span's context.
    pub fn current() -> Self {
        with_stack(|stack| stack.entries.last().map(|entry| entry.context.clone()))
            .flatten()
            .unwrap_or_default()
    }

    /// The context of a `tracing` span, when a [`Layer`](crate::Layer) records that span.
    ///
    /// `None` for a disabled span, one that the layer's filter leaves out, and without a layer.
    pub fn of(span: &tracing::Span) -> Option<Self> {
        crate::layer::context_of(span)
    }

    pub(crate) fn new(span: Option<SpanContext>, lane: Lane, carried: Carried) -> Self {
        let carried = (carried != Carried::default()).then(|| Arc::new(carried));
        Self { span, lane, carried }
    }

    /// The same request, at another span.
    pub(crate) fn with_span(&self, span: SpanContext) -> Self {
        Self { span: Some(span), lane: self.lane.clone(), carried: self.carried.clone() }
    }

    /// The same request as a new trace: the lane and the baggage stay, the tracestate goes with the trace.
    pub(crate) fn without_trace(&self) -> Self {
        let carried = Carried { tracestate: String::new(), baggage: self.baggage().to_owned() };
        Self::new(None, self.lane.clone(), carried)
    }

    /// The trace alone, without what an untrusted caller or callee must not set or see: lane and baggage.
    pub(crate) fn without_baggage(&self) -> Self {
        let carried = Carried { tracestate: self.tracestate().to_owned(), baggage: String::new() };
        Self::new(self.span, Lane::base(), carried)
    }

    pub(crate) fn span(&self) -> Option<&SpanContext> {
        self.span.as_ref()
    }

    pub(crate) fn baggage(&self) -> &str {
        self.carried.as_ref().map_or("", |carried| &carried.baggage)
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

    /// The members of the `tracestate` header, joined by commas; empty when there is none.
    pub fn tracestate(&self) -> &str {
        self.carried.as_ref().map_or("", |carried| &carried.tracestate)
    }

    /// The lane of the request.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The same context in another lane. For the entry of a fleet, where a request gets its lane.
    ///
    /// Spans that are already open keep the lane that they were opened in.
    #[must_use]
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
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
        let key = with_stack(|stack| {
            stack.guards += 1;
            let key = Key::Guard(stack.guards);
            stack.entries.push(Entry { key, context: self.clone() });
            key
        });
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
        out.field("lane", &format_args!("{}", self.lane)).finish_non_exhaustive()
    }
}

/// Leaves a context when it is dropped; made by [`Context::enter`].
pub struct ContextGuard {
    // None while the thread is being torn down.
    key: Option<Key>,
    _not_send: PhantomData<*const ()>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            remove(key);
        }
    }
}

impl fmt::Debug for ContextGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextGuard").finish_non_exhaustive()
    }
}

/// Makes a span's context current: the span was entered on this thread.
pub(crate) fn enter_span(id: u64, context: Context) {
    let _: Option<()> = with_stack(|stack| stack.entries.push(Entry { key: Key::Span(id), context }));
}

/// The span was left on this thread.
pub(crate) fn exit_span(id: u64) {
    remove(Key::Span(id));
}

/// What is entered on a thread, innermost last. Entered spans and entered contexts share one stack, so that
/// "current" has one meaning; each entry is removed by its own key, so that guards dropped out of order
/// neither restore a stale context nor leave one behind.
struct Stack {
    entries: Vec<Entry>,
    guards: u64,
}

struct Entry {
    key: Key,
    context: Context,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Guard(u64),
    Span(u64),
}

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { entries: Vec::new(), guards: 0 }) };
}

/// `None` while the thread is being torn down. The function must not call out: the stack is borrowed.
fn with_stack<T>(f: impl FnOnce(&mut Stack) -> T) -> Option<T> {
    STACK.try_with(|stack| f(&mut stack.borrow_mut())).ok()
}

fn remove(key: Key) {
    let removed = with_stack(|stack| {
        let at = stack.entries.iter().rposition(|entry| entry.key == key)?;
        Some(stack.entries.remove(at))
    });
    drop(removed);
}

/// The trace id of the current context.
pub fn current_trace_id() -> Option<TraceId> {
    with_stack(|stack| stack.entries.last().and_then(|entry| entry.context.trace_id())).flatten()
}

/// The span id of the current context.
pub fn current_span_id() -> Option<SpanId> {
    with_stack(|stack| stack.entries.last().and_then(|entry| entry.context.span_id())).flatten()
}

/// The lane of the current request; the baseline where nothing is current.
pub fn current_lane() -> Lane {
    with_stack(|stack| stack.entries.last().map(|entry| entry.context.lane.clone()))
        .flatten()
        .unwrap_or_default()
}
