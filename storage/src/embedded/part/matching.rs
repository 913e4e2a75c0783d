//! Whether a part may have a span that a search looks for, before any of its row groups is asked.

use super::super::columns::AttributeType;
use super::meta::NeedleMeta;
use super::value_filter::Place;
use super::{Part, corrupt, needles};
use crate::QueryError;
use crate::query::{AttributeScope, SpanFilter};

impl Part {
    /// Whether some span may meet a filter. Only values of attributes are known of a part as a whole; for everything else it is "maybe".
    pub(in super::super) fn may_match(&self, filter: &SpanFilter) -> Result<bool, QueryError> {
        self.noticed(self.may_meet(filter))
    }

    fn may_meet(&self, filter: &SpanFilter) -> Result<bool, QueryError> {
        match filter {
            SpanFilter::Attribute { scope, key, text } => self.may_have_value(*scope, key, text),
            SpanFilter::All(filters) => {
                filters.iter().try_fold(true, |all, filter| Ok(all && self.may_meet(filter)?))
            }
            SpanFilter::Any(filters) => {
                filters.iter().try_fold(false, |any, filter| Ok(any || self.may_meet(filter)?))
            }
            _ => Ok(true),
        }
    }

    fn may_have_value(&self, place: AttributeScope, key: &str, text: &str) -> Result<bool, QueryError> {
        let mut columns = self.meta.attributes.iter().enumerate().filter(|(_, column)| column.key == key);
        // Most parts say "maybe" here, and that costs least.
        let of_column = |column| self.meta.needles.iter().find(|needles| needles.attribute == column);
        if columns.clone().any(|(column, _)| of_column(column).is_none()) {
            return Ok(true);
        }
        let may_be_within = |scope| {
            (place == AttributeScope::Any || place == scope)
                && self.row_groups().any(|group| group.may_have_attribute(scope, key))
        };
        let others =
            [AttributeScope::Resource, AttributeScope::Scope, AttributeScope::Event, AttributeScope::Link];
        if others.into_iter().any(may_be_within) || may_be_within(AttributeScope::Span) {
            return Ok(true);
        }
        if !matches!(place, AttributeScope::Any | AttributeScope::Span) {
            return Ok(false);
        }
        columns.try_fold(false, |any, (column, meta)| match (of_column(column), meta.kind) {
            _ if any => Ok(true),
            (Some(needles), AttributeType::String) => {
                self.may_have_hash(needles, needles::hash(text.as_bytes()))
            }
            (Some(needles), AttributeType::Int) => match text.parse::<i64>() {
                Ok(int) => self.may_have_hash(needles, needles::hash(&int.to_le_bytes())),
                Err(_) => Ok(false),
            },
            _ => Ok(true),
        })
    }

    fn may_have_hash(&self, needles: &NeedleMeta, hash: u64) -> Result<bool, QueryError> {
        let place = Place::of(hash, needles.section.len).map_err(corrupt)?;
        let mut chunk = vec![0; place.checked_len()];
        self.index.read(needles.section.offset + place.offset as u64, &mut chunk)?;
        place.may_have(hash, &chunk).map_err(corrupt)
    }
}
