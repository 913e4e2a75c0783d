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
    /// Room for so many spans, and some more that may be [united](Self::end) with them.
    pub(super) fn with_capacity(spans: usize) -> Self {
        Self { traces: Vec::new(), spans: Vec::with_capacity(spans + spans / 8) }
    }

    /// Begins another trace.
    pub(super) fn begin(&mut self, key: TraceKey) {
        let end = self.spans.len() as u32;
        self.traces.push(Trace { key, from: end, to: end });
    }

    /// The last trace.
    pub(super) fn last(&self) -> Option<&TraceKey> {
        self.traces.last().map(|trace| &trace.key)
    }

    /// Adds a span to the last trace.
    pub(super) fn push(&mut self, span: KnownSpan) {
        self.spans.push(span);
    }

    /// Ends the last trace: unites it with other spans of it, of which each is there once. Afterwards it is ordered by start and span id, and
    /// each span is there once: of two that are the same, the other one stays.
    pub(super) fn end(&mut self, others: &[KnownSpan]) {
        let Some(last) = self.traces.last_mut() else { return };
        let own = &self.spans[last.from as usize..];
        let key = |span: &KnownSpan| (span.start_unix_ns, span.span_id);
        if !others.is_empty() || !own.is_sorted_by(|a, b| key(a) < key(b)) {
            let mut united = [others, own].concat();
            // Stable, so the others stand first.
            united.sort_by_key(key);
            united.dedup_by_key(|span| key(span));
            self.spans.truncate(last.from as usize);
            self.spans.append(&mut united);
        }
        last.to = self.spans.len() as u32;
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

    /// Leaves all other spans out. Traces keep their numbers, also where nothing is left of them.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&KnownSpan) -> bool) {
        let spans = std::mem::take(&mut self.spans);
        for trace in &mut self.traces {
            let of_trace = &spans[trace.from as usize..trace.to as usize];
            trace.from = self.spans.len() as u32;
            self.spans.extend(of_trace.iter().copied().filter(&is_kept));
            trace.to = self.spans.len() as u32;
        }
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
