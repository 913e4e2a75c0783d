//! Which traces of a row group a search has to look at.

use std::ops::Range;

use super::super::super::columns::{AttributeType, resource, scope};
use super::super::super::scan;
use super::super::field::{Field, Projection};
use super::super::needles;
use super::super::pages::PageEncoding;
use super::{List, RowGroup, corrupt, read};
use crate::QueryError;
use crate::model::StatusCode;
use crate::query::{AttributeScope, SpanFilter};

/// A value that may be in more places than these is so frequent that reading all of them costs more than it saves.
const MAX_RANGES_TO_READ: usize = 4;

/// Traces, some of which may have a span that meets a filter; no others do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super::super) enum Candidates {
    /// Any trace may.
    All,
    /// Only these may, by their ordinals, ascending.
    Only(Vec<u32>),
}

impl Candidates {
    const NONE: Self = Self::Only(Vec::new());

    fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, other) | (other, Self::All) => other,
            (Self::Only(mut some), Self::Only(others)) => {
                some.retain(|ordinal| others.binary_search(ordinal).is_ok());
                Self::Only(some)
            }
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(mut some), Self::Only(others)) => {
                some.extend(others);
                some.sort_unstable();
                some.dedup();
                Self::Only(some)
            }
            _ => Self::All,
        }
    }

    /// All traces if there is reason to look at any.
    fn all_if(any: bool) -> Self {
        if any { Self::All } else { Self::NONE }
    }
}

impl RowGroup<'_> {
    /// The traces that a search for this filter has to look at.
    pub(in super::super::super) fn candidates(self, filter: &SpanFilter) -> Result<Candidates, QueryError> {
        self.part.noticed(self.meeting(filter))
    }

    fn meeting(self, filter: &SpanFilter) -> Result<Candidates, QueryError> {
        match filter {
            SpanFilter::Service(name) => self.with_operation(Some(name), None),
            SpanFilter::Operation(name) => self.with_operation(None, Some(name)),
            SpanFilter::Lane(lane) => {
                let postings = self.postings()?;
                self.listed(postings.lane(lane.as_str()))
            }
            SpanFilter::Status(StatusCode::Error) => {
                let table = self.table()?;
                Ok(self.traces_where(|ordinal| table.has_error(ordinal)))
            }
            SpanFilter::MinDuration(ns) => {
                let table = self.table()?;
                Ok(self.traces_where(|ordinal| table.may_last(ordinal, *ns)))
            }
            SpanFilter::StatusMessage(message) => {
                self.with_text(Field::StatusMessage, |stored| stored == message.as_bytes())
            }
            SpanFilter::ScopeName(name) => {
                self.with_text(Field::Scope, |stored| scope(stored).is_ok_and(|scope| scope.name == *name))
            }
            SpanFilter::ScopeVersion(version) => self
                .with_text(Field::Scope, |stored| scope(stored).is_ok_and(|scope| scope.version == *version)),
            SpanFilter::Attribute { scope, key, text } => self.with_attribute(*scope, key, text),
            SpanFilter::All(filters) => self.with_all(filters),
            SpanFilter::Any(filters) => {
                let none = Ok(Candidates::NONE);
                filters.iter().fold(none, |some, filter| Ok(some?.or(self.meeting(filter)?)))
            }
            SpanFilter::Kind(_) | SpanFilter::Status(_) | SpanFilter::MaxDuration(_) | SpanFilter::Not(_) => {
                Ok(Candidates::All)
            }
        }
    }

    /// Whether an attribute of this key may be in a place of which the keys are known: among those of resources, scopes, events, links,
    /// or what spans have beside their attribute columns.
    pub(in super::super::super) fn may_have_attribute(self, place: AttributeScope, key: &str) -> bool {
        let meta = self.meta();
        let keys = match place {
            AttributeScope::Span => &meta.residual_keys,
            AttributeScope::Event => &meta.event_keys,
            AttributeScope::Link => &meta.link_keys,
            AttributeScope::Resource => &self.part.meta.resource_keys,
            AttributeScope::Scope => &self.part.meta.scope_keys,
            AttributeScope::Any => return true,
        };
        keys.as_ref().is_none_or(|keys| keys.iter().any(|other| other == key))
    }

    fn with_all(self, filters: &[SpanFilter]) -> Result<Candidates, QueryError> {
        let service = filters.iter().find_map(|filter| match filter {
            SpanFilter::Service(name) => Some(name.as_str()),
            _ => None,
        });
        let operation = filters.iter().find_map(|filter| match filter {
            SpanFilter::Operation(name) => Some(name.as_str()),
            _ => None,
        });
        // An operation of a service has a list of its own, much shorter than those of the two.
        let mut candidates = match (service, operation) {
            (None, None) => Candidates::All,
            _ => self.with_operation(service, operation)?,
        };
        for filter in filters {
            if candidates.is_none() {
                break;
            }
            if !matches!(filter, SpanFilter::Service(_) | SpanFilter::Operation(_)) {
                candidates = candidates.and(self.meeting(filter)?);
            }
        }
        Ok(candidates)
    }

    fn with_operation(self, service: Option<&str>, name: Option<&str>) -> Result<Candidates, QueryError> {
        let postings = self.postings()?;
        self.listed(postings.operations(service, name))
    }

    fn listed<'l>(self, lists: Option<impl Iterator<Item = &'l List>>) -> Result<Candidates, QueryError> {
        let Some(mut lists) = lists else { return Ok(Candidates::All) };
        let Some(first) = lists.next() else { return Ok(Candidates::NONE) };
        let Some(second) = lists.next() else { return Ok(Candidates::Only(self.list(first)?)) };
        // A service has a list for each of its operations, and most traces are on several.
        let mut is_listed = vec![false; self.traces()];
        for list in [first, second].into_iter().chain(lists) {
            self.list(list)?.into_iter().for_each(|ordinal| is_listed[ordinal as usize] = true);
        }
        Ok(self.traces_where(|ordinal| is_listed[ordinal]))
    }

    fn traces_where(self, is_candidate: impl Fn(usize) -> bool) -> Candidates {
        Candidates::Only(
            (0..self.traces()).filter(|&ordinal| is_candidate(ordinal)).map(|i| i as u32).collect(),
        )
    }

    /// All traces if the dictionary of a column has such a value.
    fn with_text(self, field: Field, is_wanted: impl Fn(&[u8]) -> bool) -> Result<Candidates, QueryError> {
        Ok(Candidates::all_if(self.texts(field.index(), &*self.pages()?)?.iter().any(is_wanted)))
    }

    fn with_attribute(self, place: AttributeScope, key: &str, text: &str) -> Result<Candidates, QueryError> {
        let is_within = |scope| place == AttributeScope::Any || place == scope;
        let mut candidates = Candidates::NONE;
        for scope in [AttributeScope::Event, AttributeScope::Link] {
            if is_within(scope) {
                candidates = candidates.or(Candidates::all_if(self.may_have_attribute(scope, key)));
            }
        }
        if is_within(AttributeScope::Scope) && self.may_have_attribute(AttributeScope::Scope, key) {
            candidates =
                candidates.or(self.with_text(Field::Scope, |stored| scan::scope_has(stored, key, text))?);
        }
        if is_within(AttributeScope::Resource) && self.may_have_attribute(AttributeScope::Resource, key) {
            candidates = candidates.or(self.with_resource(key, text)?);
        }
        if is_within(AttributeScope::Span) {
            candidates =
                candidates.or(Candidates::all_if(self.may_have_attribute(AttributeScope::Span, key)));
            for (place, attribute) in self.part.meta.attributes.iter().enumerate() {
                if attribute.key == key && candidates != Candidates::All {
                    candidates = candidates.or(self.with_value(place, attribute.kind, text)?);
                }
            }
        }
        Ok(candidates)
    }

    /// Traces with a span of a service one of whose resources has the attribute.
    fn with_resource(self, key: &str, text: &str) -> Result<Candidates, QueryError> {
        let mut services = Vec::new();
        for stored in self.texts(Field::Resource.index(), &*self.pages()?)?.iter() {
            if scan::resource_has(stored, key, text)
                && let Ok(resource) = resource(stored)
            {
                services.push(resource.service_name().to_owned());
            }
        }
        services.sort_unstable();
        services.dedup();
        let none = Ok(Candidates::NONE);
        services.iter().fold(none, |some, service| Ok(some?.or(self.with_operation(Some(service), None)?)))
    }

    /// Traces with a span that may have a value in an attribute column.
    fn with_value(self, place: usize, kind: AttributeType, text: &str) -> Result<Candidates, QueryError> {
        let value = match kind {
            AttributeType::String => Some(text.as_bytes().to_vec()),
            AttributeType::Int => match text.parse::<i64>() {
                Ok(int) => Some(int.to_le_bytes().to_vec()),
                Err(_) => return Ok(Candidates::NONE),
            },
            AttributeType::Bool if text == "true" || text == "false" => None,
            AttributeType::Double if text.parse::<f64>().is_ok() => None,
            AttributeType::Bool | AttributeType::Double => return Ok(Candidates::NONE),
        };
        // Asked first, for where it says no, nothing else has to be read.
        if let Some(value) = &value
            && let Some(needles) = self.needles(place)?
        {
            return self.in_pages(place, kind, text, &needles.pages_with(needles::hash(value)));
        }
        let pages = self.pages()?;
        let index = Field::ALL.len() + place;
        let column = pages.columns.get(index).ok_or_else(|| corrupt("a column has no pages"))?;
        if column.pages.iter().all(|page| page.values == 0) {
            return Ok(Candidates::NONE);
        }
        if kind == AttributeType::String && column.encoding == PageEncoding::Dictionary {
            let texts = self.texts(index, &pages)?;
            return Ok(Candidates::all_if(
                value.is_some_and(|value| texts.iter().any(|known| known == value)),
            ));
        }
        Ok(Candidates::All)
    }

    /// Traces with a span that has a value in some pages of an attribute column. Where these are few, the column tells; otherwise any
    /// trace with a span there may.
    fn in_pages(
        self,
        place: usize,
        kind: AttributeType,
        text: &str,
        ranges: &[Range<usize>],
    ) -> Result<Candidates, QueryError> {
        if ranges.is_empty() {
            return Ok(Candidates::NONE);
        }
        let (pages, index) = (self.pages()?, Field::ALL.len() + place);
        let column = pages.columns.get(index).ok_or_else(|| corrupt("a column has no pages"))?;
        // A filter may be wrong; the dictionary is not, and is needed to read the pages anyway.
        if column.encoding == PageEncoding::Dictionary
            && kind == AttributeType::String
            && !self.texts(index, &pages)?.iter().any(|known| known == text.as_bytes())
        {
            return Ok(Candidates::NONE);
        }
        let end = |page: usize| (page * column.page_rows).min(self.rows());
        let mut rows: Vec<Range<usize>> =
            ranges.iter().map(|pages| end(pages.start)..end(pages.end)).collect();
        if ranges.len() <= MAX_RANGES_TO_READ {
            rows = self.rows_with(place, text, rows)?;
        }
        if rows.is_empty() {
            return Ok(Candidates::NONE);
        }
        let table = self.table()?;
        let mut traces: Vec<u32> =
            rows.into_iter().flat_map(|rows| table.traces_of(rows)).map(|i| i as u32).collect();
        traces.dedup();
        Ok(Candidates::Only(traces))
    }

    /// The rows, of some, that have a value in an attribute column; each as a range of one.
    fn rows_with(
        self,
        place: usize,
        text: &str,
        ranges: Vec<Range<usize>>,
    ) -> Result<Vec<Range<usize>>, QueryError> {
        let mut projection = Projection::of([]);
        projection.add_attribute(&self.part.meta.attributes[place].key);
        let mut found = Vec::new();
        for rows in ranges {
            let (first, mut matches) = (rows.start, vec![false; rows.len()]);
            scan::shredded(&read::load(self, rows, &projection)?.attributes[place], text, &mut matches);
            found.extend((first..).zip(matches).filter(|(_, matches)| *matches).map(|(row, _)| row..row + 1));
        }
        Ok(found)
    }
}
