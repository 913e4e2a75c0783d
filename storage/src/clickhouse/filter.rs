//! Conditions on spans in SQL.
//!
//! SQL says nearly everything exactly. What it does not is a number that somebody typed in another way than it is stored (`07`, `2.50`):
//! there the condition is wider, and [`SpanFilter::matches`] decides about what was found.

use clickhouse::query::Query;

use super::row::{kind_name, status_name};
use crate::model::{SpanKind, StatusCode, UNKNOWN_SERVICE};
use crate::query::{AttributeScope, SpanFilter};

#[cfg(test)]
mod tests;

/// A condition: no span that the filter matches fails to meet it.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) sql: String,
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
enum Parameter {
    Text(String),
    Texts(Vec<String>),
    Number(u64),
}

/// Which side of a condition may be left out where SQL cannot say it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// All that match meet it, maybe others.
    Upper,
    /// All that meet it match, maybe others do too.
    Lower,
}

impl Condition {
    pub(super) fn of(filter: &SpanFilter) -> Self {
        let mut condition = Self::default();
        condition.sql = condition.bound(filter, Bound::Upper);
        condition
    }

    /// Gives a query the values of its parameters.
    pub(super) fn bind(&self, mut query: Query) -> Query {
        for (number, parameter) in self.parameters.iter().enumerate() {
            let name = format!("p{number}");
            query = match parameter {
                Parameter::Text(text) => query.param(&name, text),
                Parameter::Texts(texts) => query.param(&name, texts),
                Parameter::Number(number) => query.param(&name, number),
            };
        }
        query
    }

    fn parameter(&mut self, parameter: Parameter) -> String {
        let kind = match parameter {
            Parameter::Text(_) => "String",
            Parameter::Texts(_) => "Array(String)",
            Parameter::Number(_) => "UInt64",
        };
        self.parameters.push(parameter);
        format!("{{p{}:{kind}}}", self.parameters.len() - 1)
    }

    fn equal(&mut self, column: &str, text: &str) -> String {
        format!("{column} = {}", self.parameter(Parameter::Text(text.to_owned())))
    }

    fn bound(&mut self, filter: &SpanFilter, bound: Bound) -> String {
        match filter {
            // The exporter leaves it empty where there is none.
            SpanFilter::Service(name) if name == UNKNOWN_SERVICE => {
                format!("ServiceName IN ('', '{UNKNOWN_SERVICE}')")
            }
            SpanFilter::Service(name) => self.equal("ServiceName", name),
            SpanFilter::Operation(name) => self.equal("SpanName", name),
            SpanFilter::Kind(SpanKind::Unspecified) => {
                let known = SpanKind::ALL.into_iter().filter(|kind| *kind != SpanKind::Unspecified);
                let known: Vec<String> = known.map(|kind| format!("'{}'", kind_name(kind))).collect();
                format!("SpanKind NOT IN ({})", known.join(", "))
            }
            SpanFilter::Kind(kind) => format!("SpanKind = '{}'", kind_name(*kind)),
            SpanFilter::Status(StatusCode::Unset) => "StatusCode NOT IN ('Ok', 'Error')".to_owned(),
            SpanFilter::Status(status) => format!("StatusCode = '{}'", status_name(*status)),
            SpanFilter::StatusMessage(message) => self.equal("StatusMessage", message),
            SpanFilter::ScopeName(name) => self.equal("ScopeName", name),
            SpanFilter::ScopeVersion(version) => self.equal("ScopeVersion", version),
            SpanFilter::Lane(lane) => self.equal("Lane", lane.as_str()),
            SpanFilter::MinDuration(ns) => format!("Duration >= {}", self.parameter(Parameter::Number(*ns))),
            SpanFilter::MaxDuration(ns) => format!("Duration <= {}", self.parameter(Parameter::Number(*ns))),
            SpanFilter::Attribute { scope, key, text } => self.attribute(*scope, key, text, bound),
            SpanFilter::All(filters) => self.all(filters, bound, " AND ", "1"),
            SpanFilter::Any(filters) => self.all(filters, bound, " OR ", "0"),
            SpanFilter::Not(filter) => {
                let other = match bound {
                    Bound::Upper => Bound::Lower,
                    Bound::Lower => Bound::Upper,
                };
                format!("NOT ({})", self.bound(filter, other))
            }
        }
    }

    fn all(&mut self, filters: &[SpanFilter], bound: Bound, between: &str, none: &str) -> String {
        if filters.is_empty() {
            return none.to_owned();
        }
        let all: Vec<String> =
            filters.iter().map(|filter| format!("({})", self.bound(filter, bound))).collect();
        all.join(between)
    }

    fn attribute(&mut self, scope: AttributeScope, key: &str, text: &str, bound: Bound) -> String {
        let (texts, is_exact) = stored_texts(text);
        if bound == Bound::Lower && !is_exact {
            return "0".to_owned();
        }
        let key = self.parameter(Parameter::Text(key.to_owned()));
        let texts = self.parameter(Parameter::Texts(texts));
        // A key may be there more than once, so that a subscript does not do. The first two conditions are for the skip indexes.
        let in_map = |map: &str| {
            format!(
                "mapContains({map}, {key}) AND hasAny(mapValues({map}), {texts}) \
                 AND arrayExists((k, v) -> k = {key} AND has({texts}, v), mapKeys({map}), mapValues({map}))"
            )
        };
        let in_maps = |maps: &str| format!("arrayExists(m -> {}, {maps})", in_map("m").replace('\n', " "));
        let mut places = Vec::new();
        for (place, sql) in [
            (AttributeScope::Span, in_map("SpanAttributes")),
            (AttributeScope::Resource, in_map("ResourceAttributes")),
            (AttributeScope::Scope, in_map("ScopeAttributes")),
            (AttributeScope::Event, in_maps("Events.Attributes")),
            (AttributeScope::Link, in_maps("Links.Attributes")),
        ] {
            if scope == AttributeScope::Any || scope == place {
                places.push(format!("({sql})"));
            }
        }
        places.join(" OR ")
    }
}

/// The texts under which a value may be stored that this text means, and whether everything stored under them is meant:
/// see [`Value::matches_text`](crate::model::Value::matches_text).
fn stored_texts(text: &str) -> (Vec<String>, bool) {
    let mut texts = vec![text.to_owned()];
    texts.extend(text.parse().map(|number: i64| number.to_string()));
    match text.parse::<f64>() {
        // It is not equal to itself, but its text is.
        Ok(number) if number.is_nan() => return (texts, false),
        Ok(0.0) => texts.extend(["0".to_owned(), "-0".to_owned()]),
        Ok(number) => texts.push(number.to_string()),
        Err(_) => {}
    }
    texts.sort_unstable();
    texts.dedup();
    let is_exact = texts.len() == 1;
    (texts, is_exact)
}
