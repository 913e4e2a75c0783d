//! Spans by trace, in one piece of memory.

use crate::topology::KnownSpan;

pub(super) type TraceKey = [u8; 16];

/// Traces by number, and the spans of each.
#[derive(Default)]
pub(in super::super) struct Traces {
    traces: Vec<Trace>,
    spans: Vec<KnownSpan>,
}

struct Trace {
    key: TraceKey,
    // Where its spans are.
    from: u32,
    to: u32,
}

impl Traces {
    pub(super) fn with_capacity(spans: usize) -> Self {
        Self { traces: Vec::new(), spans: Vec::with_capacity(spans) }
    }

    /// Adds a span to the last trace, or begins another.
    pub(super) fn push(&mut self, key: TraceKey, span: KnownSpan) {
        let from = self.spans.len() as u32;
        self.spans.push(span);
        match self.traces.last_mut() {
            Some(trace) if trace.key == key => trace.to = from + 1,
            _ => self.traces.push(Trace { key, from, to: from + 1 }),
        }
    }

    /// Unites a trace with other spans of it, of which each is there once. Afterwards it is ordered by start and span id, and each span is
    /// there once: of two that are the same, the other one stays.
    pub(super) fn unite(&mut self, number: usize, others: &[KnownSpan]) {
        let own = self.get(number);
        let key = |span: &KnownSpan| (span.start_unix_ns, span.span_id);
        if others.is_empty() && own.is_sorted_by(|a, b| key(a) < key(b)) {
            return;
        }
        let mut united = [others, own].concat();
        // Stable, so the others stand first.
        united.sort_by_key(key);
        united.dedup_by_key(|span| key(span));
        let trace = &mut self.traces[number];
        trace.from = self.spans.len() as u32;
        self.spans.append(&mut united);
        trace.to = self.spans.len() as u32;
    }

    pub(super) fn len(&self) -> usize {
        self.traces.len()
    }

    pub(super) fn key(&self, number: usize) -> TraceKey {
        self.traces[number].key
    }

    pub(super) fn get(&self, number: usize) -> &[KnownSpan] {
        let Trace { from, to, .. } = self.traces[number];
        &self.spans[from as usize..to as usize]
    }

    /// Gives memory back that was kept for growing.
    pub(super) fn shrink(&mut self) {
        self.traces.shrink_to_fit();
        self.spans.shrink_to_fit();
    }

    /// All spans that take memory here.
    pub(super) fn spans(&self) -> &[KnownSpan] {
        &self.spans
    }

    pub(super) fn spans_mut(&mut self) -> &mut [KnownSpan] {
        &mut self.spans
    }
}
