//! Which lanes had instances, without the figures: it is asked for with every trace that is shown.

use crate::QueryError;
use crate::embedded::columns::{Columns, resource};
use crate::embedded::shared::Shared;
use crate::model::SpanKind;
use crate::topology::{FiguresQuery, Place, Presence};

/// Which lanes had instances in the range of a query, and [`PRESENCE_WINDOW`](crate::topology::PRESENCE_WINDOW) before, by everything that
/// is durable now.
pub(super) fn answer(shared: &Shared, query: &FiguresQuery) -> Result<Presence, QueryError> {
    // A segment and its part say the same, so it does not matter which of them is seen.
    let view = shared.view();
    let mut presence = Presence::default();
    let cache = &shared.figures_cache;
    for part in view.parts.iter().filter(|part| part.damage().is_none()) {
        if let Some(of_part) = part.presence(query, cache)? {
            presence.merge_within(&of_part, query.range);
        }
    }
    for file in view.history.iter().map(|old| old.file()).filter(|file| file.may_have(query)) {
        presence.merge_within(&*file.presence(cache)?, query.range);
    }
    for segment in &view.live {
        let rows = segment.visible_rows();
        presence.merge_within(&of_rows(segment.spans.read().columns(), rows), query.range);
    }
    Ok(presence)
}

/// By the first rows of columns.
fn of_rows(columns: &Columns, rows: usize) -> Presence {
    let mut presence = Presence::default();
    let places = columns.resource.values.ids().map(|id| {
        // What is stored was checked when it was received.
        let place = Place::of(&resource(columns.resource.values.get(id)).unwrap_or_default());
        (!place.lane.is_base()).then_some(place)
    });
    let places: Vec<Option<Place>> = places.collect();
    if places.iter().all(Option::is_none) {
        return presence;
    }
    // By resource, the minute in which it was seen last: rows of one come together.
    let mut last = vec![None; places.len()];
    for row in 0..rows {
        let number = columns.resource.ids[row] as usize;
        let Some(place) = &places[number] else { continue };
        let time_s = columns.start_unix_ns[row] / 1_000_000_000;
        let minute = Some(time_s / 60);
        if last[number] != minute
            && matches!(SpanKind::from_otlp(columns.kind[row]), SpanKind::Server | SpanKind::Consumer)
        {
            presence.insert(&place.service, &place.lane, time_s);
            last[number] = minute;
        }
    }
    presence
}
