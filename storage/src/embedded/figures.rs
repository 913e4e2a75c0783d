//! RED figures and edges of a store: derived when a segment is sealed, kept with its part, added up when somebody asks.
//!
//! A part's figures say by what the spans of its segment change the figures of all parts committed before. [`Recent`] remembers the traces
//! of those, so that a span which arrives late still finds its parent, or corrects what was derived without it. There is one thread that
//! seals; a part and its figures become durable, and visible, together; so after a crash the same differences are derived again.
//!
//! ```text
//! sealing:  columns ─ extract ─→ known spans by trace ─ ledger (against `Recent`) ─→ figures file of the part
//! a query:  figures of parts + history of expired parts + the same ledger over the segments that are not sealed
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::columns::Columns;
use super::part::{Disk, SharedPart};
use super::quarantine;
use super::shared::Shared;
use super::view::View;
use crate::QueryError;
use crate::topology::{Admission, AdmissionLimits, Ledger, Totals};

mod answer;
mod decode;
mod encode;
mod extract;
mod file;
mod history;
mod presence;
mod prints;
mod recent;
#[cfg(test)]
mod tests;
mod traces;

pub(super) use answer::answer;
pub(super) use file::{FIGURES_FILE, FiguresCache, FiguresFile, Finest};
pub(super) use history::{History, expire, forget_service, keep};

use decode::EncodedAddition;
use encode::{Encoded, Encoder, KnownKeys};
use extract::{Extracted, KnownRoles};
use file::Content;
use recent::Recent;
pub(super) use traces::Traces;

/// How figures are derived.
#[derive(Debug, Clone, PartialEq)]
pub struct TopologyOptions {
    /// The most bytes that traces take which are remembered although their spans are in parts. Default: 32 MiB, which is about 700,000 spans.
    pub recent_bytes: usize,
    /// How long a trace is remembered after the last of its spans was sealed. Default: 5 minutes.
    pub recent_max_age: Duration,
    /// How many different keys are told apart.
    pub limits: AdmissionLimits,
}

impl Default for TopologyOptions {
    fn default() -> Self {
        Self {
            recent_bytes: 32 /* MiB */ * 1024 * 1024,
            recent_max_age: Duration::from_secs(5 * 60),
            limits: AdmissionLimits::default(),
        }
    }
}

/// When no spans come, this fraction of what may be remembered is: mostly, the last segment.
const QUIET_SHARE: usize = 4;

/// More roles than this are not kept: those in use are numbered anew, and if they are too many, what is remembered is forgotten.
const MAX_ROLES: usize = 1 << 16;

/// What figures are derived with.
pub(super) struct Derivation(Mutex<State>);

pub(super) struct State {
    began: Instant,
    known: KnownRoles,
    recent: Recent,
    ledger: Ledger,
    // Of the ledger, and the generation in which keys had these numbers.
    known_keys: (u64, KnownKeys),
    // Whether what a process before this one sealed is remembered.
    is_filled: bool,
    live: Option<Live>,
}

impl State {
    pub(super) fn new(limits: AdmissionLimits) -> Self {
        Self {
            began: Instant::now(),
            known: KnownRoles::default(),
            recent: Recent::default(),
            ledger: Ledger::bounded(Admission::new(limits)),
            known_keys: Default::default(),
            is_filled: false,
            live: None,
        }
    }
}

/// What was derived last of the segments that are not sealed.
struct Live {
    // Their numbers, and how many rows of each.
    rows: Vec<(u64, usize)>,
    totals: Arc<Totals>,
}

/// What sealing a segment adds.
pub(super) struct Derived {
    figures: Encoded,
    traces: Traces,
}

impl Derivation {
    pub(super) fn new(options: &TopologyOptions) -> Self {
        Self(Mutex::new(State::new(options.limits)))
    }

    /// Derives what the rows of a segment add to the figures of all parts. `order` is that of a part.
    pub(super) fn derive(
        &self,
        shared: &Shared,
        columns: &Columns,
        order: &[u32],
    ) -> Result<Derived, QueryError> {
        let state = &mut *self.0.lock();
        state.fill(shared)?;
        Ok(state.derive(columns, order))
    }

    /// Forgets traces that are too old to be remembered, though nothing was sealed since; when nothing `is_coming` any more, also the oldest
    /// of very many.
    pub(super) fn forget(&self, options: &TopologyOptions, is_coming: bool) {
        let state = &mut *self.0.lock();
        let max_bytes = if is_coming { options.recent_bytes } else { options.recent_bytes / QUIET_SHARE };
        state.recent.forget(max_bytes, options.recent_max_age, Instant::now());
        if state.recent.is_empty() {
            state.known = KnownRoles::default();
            state.ledger.forget_roles();
            state.live = None;
        }
        if !is_coming {
            state.recent.shrink();
            state.ledger.release();
            state.live = None;
            state.known_keys.1 = KnownKeys::default();
        }
    }

    /// Forgets the spans of a service, and its name.
    fn forget_service(&self, name: &str) {
        let state = &mut *self.0.lock();
        let roles = state.known.roles();
        state.recent.retain(|span| &*roles.get(span.role).place.service != name);
        state.known_keys.1 = KnownKeys::default();
        state.live = None;
    }

    /// Shows a sealed segment's part, and remembers the traces of which it has spans, in one step.
    pub(super) fn commit(&self, shared: &Shared, traces: Option<Traces>, change: impl FnOnce(&mut View)) {
        let state = &mut *self.0.lock();
        if let Some(traces) = traces {
            state.remember(&shared.options.topology, traces);
        }
        state.live = None;
        shared.change_view(change);
    }
}

impl Derived {
    /// Writes the figures into the directory of a part, and syncs the file; returns the traces, which are to be remembered when the part is
    /// committed. Figures that `will_be_merged` are not compressed.
    pub(super) fn write(self, disk: &Disk, dir: &Path, will_be_merged: bool) -> Result<Traces, QueryError> {
        let figures = match will_be_merged {
            true => Content::plain(self.figures),
            false => Content::lasting(&self.figures)?,
        };
        figures.write(disk, dir)?;
        Ok(self.traces)
    }
}

impl State {
    /// For benchmarks: derives the figures of a segment, encodes them, and remembers its traces; returns the bytes.
    pub(super) fn seal(&mut self, columns: &Columns, order: &[u32]) -> usize {
        let Derived { figures, traces } = self.derive(columns, order);
        self.remember(&TopologyOptions::default(), traces);
        Content::plain(figures).bytes()
    }

    fn derive(&mut self, columns: &Columns, order: &[u32]) -> Derived {
        let extracted = Extracted::of(columns, columns.len(), &mut self.known);
        let traces = self.recent.complete(extracted.of_rows(order.iter().copied()));
        self.add_up(&traces);
        let Self { ledger, known_keys: (generation, known_keys), .. } = self;
        if *generation != ledger.generation() {
            (*generation, *known_keys) = (ledger.generation(), KnownKeys::default());
        }
        let mut encoder = Encoder::new(known_keys);
        let presence = ledger.take(&mut encoder);
        Derived { figures: encoder.finish(&presence), traces }
    }

    /// Adds what these traces, which are complete, change to the ledger.
    fn add_up(&mut self, traces: &Traces) {
        self.ledger.set_minute((self.began.elapsed().as_secs() / 60) as u32);
        for number in 0..traces.len() {
            let key = traces.key(number);
            if let Some(trace_id) = laneway_proto::TraceId::from_bytes(key) {
                self.ledger.add_trace(
                    self.known.roles(),
                    trace_id,
                    self.recent.get(&key),
                    traces.get(number),
                );
            }
        }
    }

    fn remember(&mut self, options: &TopologyOptions, traces: Traces) {
        self.recent.insert(traces, Instant::now());
        self.recent.forget(options.recent_bytes, options.recent_max_age, Instant::now());
        if self.known.roles().len() > MAX_ROLES {
            self.recent.renumber(self.known.renumber(), MAX_ROLES / 2);
            self.ledger.forget_roles();
        }
    }

    /// Remembers what an earlier process sealed shortly before this one was started. What is damaged is left out.
    fn fill(&mut self, shared: &Shared) -> Result<(), QueryError> {
        if self.is_filled {
            return Ok(());
        }
        let mut parts: Vec<SharedPart> = shared.view().parts.clone();
        parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.id()));
        let mut room = shared.options.topology.recent_bytes / recent::BYTES_PER_SPAN;
        for part in parts {
            let is_recent = part.age(&shared.layout.parts) <= shared.options.topology.recent_max_age;
            if !is_recent || part.rows() > room {
                break;
            }
            room -= part.rows();
            match self.fill_from(&part) {
                Err(error) if !quarantine::is_damage(&error) => return Err(error),
                _ => {}
            }
        }
        self.is_filled = true;
        Ok(())
    }

    fn fill_from(&mut self, part: &SharedPart) -> Result<(), QueryError> {
        for group in part.row_groups() {
            let columns = group.load(0..group.rows(), &extract::projection())?;
            let extracted = Extracted::of(&columns, columns.len(), &mut self.known);
            let traces = self.recent.complete(extracted.into_spans().into_iter());
            self.recent.insert(traces, Instant::now());
        }
        Ok(())
    }

    /// What the segments that are not sealed add to the parts of a view.
    fn live(&mut self, view: &View) -> Arc<Totals> {
        let rows: Vec<(u64, usize)> =
            view.live.iter().map(|segment| (segment.number, segment.visible_rows())).collect();
        if let Some(live) = self.live.as_ref().filter(|live| live.rows == rows) {
            return Arc::clone(&live.totals);
        }
        let mut spans = Vec::new();
        for (segment, &(_, rows)) in view.live.iter().zip(&rows) {
            let segment = segment.spans.read();
            let extracted = Extracted::of(segment.columns(), rows, &mut self.known);
            spans.extend(extracted.into_spans());
        }
        spans.sort_by_key(|(trace, _)| *trace);
        let traces = self.recent.complete(spans.into_iter());
        self.add_up(&traces);
        let totals = Arc::new(self.ledger.take_totals());
        self.live = Some(Live { rows, totals: Arc::clone(&totals) });
        totals
    }
}

/// Unites the figures of parts into those of the part that replaces them.
pub(super) fn merge(
    disk: &Disk,
    parts: &[SharedPart],
    dir: &Path,
    change: impl Fn(&mut Totals),
) -> Result<(), QueryError> {
    let mut files = Vec::new();
    for part in parts {
        files.extend(part.encoded_figures()?.map(|figures| (part, figures)));
    }
    let mut addition = EncodedAddition::default();
    for (part, Finest { keys, rows }) in &files {
        part.noticed(addition.add(keys, rows).map_err(file::corrupt))?;
    }
    let mut totals = addition.totals().map_err(file::corrupt)?;
    change(&mut totals);
    totals.prune();
    Ok(Content::compressed(&totals)?.write(disk, dir)?)
}
