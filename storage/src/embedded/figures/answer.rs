//! What a query asks for of figures.

use std::sync::Arc;

use super::presence;
use crate::QueryError;
use crate::embedded::shared::Shared;
use crate::topology::{Addition, Figures, FiguresQuery, Totals};

/// Figures of parts are added up when they take this much: those of a part with a million spans take about as much.
const MAX_SUMMANDS_BYTES: usize = 16 << 20;

/// The figures that a query asks for, of everything that is durable now.
pub(in super::super) fn answer(shared: &Shared, query: &FiguresQuery) -> Result<Figures, QueryError> {
    if query.is_of_presence() {
        return Ok(Figures { presence: presence::answer(shared, query)?, ..Figures::default() });
    }
    let resolution = query.resolution();
    let (view, live) = {
        let state = &mut *shared.derivation.0.lock();
        state.fill(shared)?;
        // What is remembered belongs to the parts of this view.
        let view = shared.view();
        let live = state.live(&view);
        (view, live)
    };
    let mut wanted = Wanted::new(query, MAX_SUMMANDS_BYTES);
    wanted.add(Arc::new(live.at(resolution)));
    let cache = &shared.figures_cache;
    for part in view.parts.iter().filter(|part| part.damage().is_none()) {
        if part.figures().is_some_and(|file| file.may_have(query))
            && let Some(totals) = part.figures_at(resolution, Some(cache))?
        {
            wanted.add(totals);
        }
    }
    for file in view.history.iter().map(|old| old.file()).filter(|file| file.may_have(query)) {
        wanted.add(file.totals(resolution, cache)?);
    }
    Ok(wanted.figures())
}

/// What a query asks for of the figures of many parts. They are added up before they take much memory: nobody knows how many will come.
pub(super) struct Wanted<'q> {
    query: &'q FiguresQuery,
    // What others may take.
    max_bytes: usize,
    // Of those that were added up, what the query asks for.
    sum: Totals,
    others: Vec<Arc<Totals>>,
    others_bytes: usize,
}

impl<'q> Wanted<'q> {
    /// `max_bytes` is what those that are not added up yet may take.
    pub(super) fn new(query: &'q FiguresQuery, max_bytes: usize) -> Self {
        Self { query, max_bytes, sum: Totals::default(), others: Vec::new(), others_bytes: 0 }
    }

    /// Adds figures of the query's resolution.
    pub(super) fn add(&mut self, totals: Arc<Totals>) {
        self.others_bytes += totals.memory_bytes();
        self.others.push(totals);
        if self.others_bytes > self.max_bytes {
            self.sum = self.addition().totals();
            self.others.clear();
            self.others_bytes = 0;
        }
    }

    pub(super) fn figures(self) -> Figures {
        self.addition().judge(self.query)
    }

    fn addition(&self) -> Addition<'_> {
        let mut addition = Addition::default();
        addition.add(&self.sum);
        self.others.iter().for_each(|totals| addition.add_wanted(totals, self.query));
        addition
    }
}
