//! For a store that keeps spans here only until they are elsewhere: what is here, as of one instant, and parts one by one.

use std::fs;
use std::sync::Arc;

use laneway_proto::TraceId;
use xxhash_rust::xxh3::xxh3_64;

use super::EmbeddedStore;
use super::columns::SpanReader;
use super::part::{self, META_FILE, PartId, Projection, SharedPart};
use super::replace;
use super::seal;
use super::search::{self, Work};
use super::shared::Shared;
use super::view::Snapshot;
use crate::QueryError;
use crate::model::Span;
use crate::query::{TraceCursor, TraceQuery};
use crate::store::AdminError;

/// All that is here at one instant. It stays readable for as long as this lives, whatever is removed meanwhile.
#[derive(Clone)]
pub(crate) struct LocalView {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
}

/// A part that waits to be taken elsewhere.
#[derive(Clone)]
pub(crate) struct SpooledPart(SharedPart);

/// The name of a part that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PartKey(PartId);

impl EmbeddedStore {
    /// What is durable now.
    pub(crate) fn local_view(&self) -> LocalView {
        let snapshot = Arc::new(self.shared.view().snapshot());
        LocalView { shared: Arc::clone(&self.shared), snapshot }
    }

    /// The parts that can be read, the oldest first.
    pub(crate) fn spooled(&self) -> Vec<SpooledPart> {
        let view = self.shared.view();
        let readable = view.parts.iter().filter(|part| part.damage().is_none());
        let mut parts: Vec<SpooledPart> = readable.cloned().map(SpooledPart).collect();
        parts.sort_unstable_by_key(|part| part.0.id());
        parts
    }

    /// Has what is in memory sealed within some hundred milliseconds.
    pub(crate) fn seal_soon(&self) {
        let view = self.shared.view();
        let filled = view.live.iter().filter(|segment| segment.is_open() && segment.visible_rows() > 0);
        if let Some(newest) = filled.map(|segment| segment.number).max() {
            self.shared.maintenance.ask_to_seal(newest);
        }
    }

    /// Has all that is in memory sealed, and waits for it. This blocks.
    ///
    /// # Errors
    /// When that takes too long, because there is no space for example.
    pub(crate) fn seal_all(&self) -> Result<(), AdminError> {
        seal::seal_open(&self.shared)
    }

    /// Whether there is a span in memory that is in no part.
    pub(crate) fn has_unsealed(&self) -> bool {
        self.shared.view().live.iter().any(|segment| segment.visible_rows() > 0)
    }

    /// Bytes that its spans take on disk: parts, and about what the logs of those in memory do.
    pub(crate) fn spooled_bytes(&self) -> u64 {
        let view = self.shared.view();
        // One without spans has tables already, and nothing on disk.
        let live = view.live.iter().filter(|segment| segment.visible_rows() > 0);
        let live = live.map(|segment| segment.spans.read().memory_bytes() as u64);
        view.parts.iter().map(|part| part.bytes()).sum::<u64>() + live.sum::<u64>()
    }

    /// Removes a part, for good: it is elsewhere.
    ///
    /// # Errors
    /// When it is still there.
    pub(crate) async fn remove_spooled(&self, part: SpooledPart) -> Result<(), QueryError> {
        self.blocking(move |shared| {
            let alone = shared.maintenance.alone();
            replace::remove(shared, &alone, &part.0, None)
        })
        .await
    }

    /// Finds damaged parts that were met, and sets them aside.
    pub(crate) fn look_for_damage(&self) {
        self.shared.maintenance.wake();
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared)).await.unwrap_or(Err(QueryError::Closing))
    }
}

impl LocalView {
    /// All spans of some traces, in no order, maybe more than once.
    pub(crate) async fn spans(&self, trace_ids: Vec<TraceId>) -> Result<Vec<Span>, QueryError> {
        self.ask(move |snapshot, work| {
            let (mut spans, mut taken) = (Vec::new(), work.take(0)?);
            for trace_id in trace_ids {
                spans.extend(snapshot.spans_of_trace(
                    trace_id,
                    &Projection::all(),
                    false,
                    work,
                    &mut taken,
                )?);
            }
            Ok(spans)
        })
        .await
    }

    /// The first places of matching traces, as far as what is here tells; a trace may be there more than once.
    pub(crate) async fn places(
        &self,
        query: TraceQuery,
        most: usize,
    ) -> Result<Vec<TraceCursor>, QueryError> {
        self.ask(move |snapshot, work| search::places(snapshot, &query, most, work)).await
    }

    /// The names of all services.
    pub(crate) async fn service_names(&self) -> Result<Vec<String>, QueryError> {
        self.ask(search::service_names).await
    }

    /// The names of the operations of a service.
    pub(crate) async fn operation_names(&self, service: String) -> Result<Vec<String>, QueryError> {
        self.ask(move |snapshot, work| search::operation_names(snapshot, &service, work)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Snapshot, &Work) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let Self { shared, snapshot } = self.clone();
        let work = Work::new(shared.options.query_memory_bytes, Arc::clone(&shared.query_helpers));
        let _cancel = work.cancel_on_drop();
        let answered = tokio::task::spawn_blocking(move || answer(&snapshot, &work)).await;
        answered.unwrap_or(Err(QueryError::Closing))
    }
}

impl SpooledPart {
    /// Names it among all parts of this data directory, also after all of them are gone and numbers begin anew: a part of the same name
    /// and other content has another one.
    pub(crate) fn name(&self, store: &EmbeddedStore) -> Result<String, QueryError> {
        let shared = &store.shared;
        let meta = fs::read(part::dir_of(&shared.layout.parts, self.0.id()).join(META_FILE))?;
        Ok(format!("{}/{:016x}", self.0.id().dir_name(), xxh3_64(&meta)))
    }

    /// Names it among the parts that are there now.
    pub(crate) fn key(&self) -> PartKey {
        PartKey(self.0.id())
    }

    /// How many spans it has.
    pub(crate) fn spans(&self) -> u64 {
        self.0.rows() as u64
    }

    /// The number of the last segment that it is made of; later ones have higher numbers.
    pub(crate) fn last_segment(&self) -> u64 {
        self.0.id().last_segment
    }

    /// Calls `visit` with each of its spans, in its order. This blocks.
    ///
    /// # Errors
    /// With the first of `visit`, or when the part cannot be read.
    pub(crate) fn each_span(
        &self,
        mut visit: impl FnMut(Span) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let projection = Projection::all();
        for group in self.0.row_groups() {
            let columns = group.load(0..group.rows(), &projection)?;
            let mut reader = SpanReader::new(&columns, &projection);
            for row in 0..columns.len() {
                visit(reader.span(row)?)?;
            }
        }
        Ok(())
    }
}
