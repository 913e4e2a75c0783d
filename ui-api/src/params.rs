//! Query parameters: read once, each problem named.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query as Pairs};
use axum::http::request::Parts;
use laneway_proto::{Lane, TraceId};
use laneway_storage::query::TimeRange;
use utoipa::IntoParams;

use crate::api::Api;
use crate::error::ApiError;

pub(crate) mod duration;
mod time;

#[cfg(test)]
mod tests;

/// The query of a request, decoded: names and values, in order.
#[derive(Debug)]
pub(crate) struct Given {
    pairs: Vec<(String, String)>,
    /// What time it is, in nanoseconds since the Unix epoch.
    pub(crate) now_unix_ns: u64,
}

impl Given {
    /// All values of this name, in order. An empty value counts as none, as forms send it for an empty field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| &**value)
    }

    /// The first value of this name.
    pub(crate) fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The only value of this name.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = self.all(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(ApiError::bad(name, "given more than once", "give it once")),
        }
    }

    fn unknown<'a>(&'a self, known: &'a [&'static str]) -> Option<&'a str> {
        self.pairs.iter().map(|(name, _)| &**name).find(|name| !known.contains(name))
    }
}

impl FromRequestParts<Arc<Api>> for Given {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Infallible> {
        // Bytes that are no UTF-8 become U+FFFD; there is no query that cannot be split.
        let pairs = Pairs::try_from_uri(&parts.uri).map(|Pairs(pairs)| pairs).unwrap_or_default();
        Ok(Self { pairs, now_unix_ns: api.now_unix_ns() })
    }
}

/// The one part of the path that varies, decoded.
#[derive(Debug)]
pub(crate) struct Segment(pub(crate) String);

impl FromRequestParts<Arc<Api>> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let path = Path::from_request_parts(parts, api).await;
        path.map(|Path(segment)| Self(segment)).map_err(|_| ApiError::BadPath)
    }
}

/// Parameters of a native route.
pub(crate) trait FromQuery: Sized {
    /// The names that are read; any other is refused, so that a typo is not silently ignored.
    fn names() -> Vec<&'static str>;

    /// The parameters of this query.
    fn from_query(given: &Given) -> Result<Self, ApiError>;
}

impl FromQuery for () {
    fn names() -> Vec<&'static str> {
        Vec::new()
    }

    fn from_query(_: &Given) -> Result<Self, ApiError> {
        Ok(())
    }
}

impl<A: FromQuery, B: FromQuery> FromQuery for (A, B) {
    fn names() -> Vec<&'static str> {
        [A::names(), B::names()].concat()
    }

    fn from_query(given: &Given) -> Result<Self, ApiError> {
        Ok((A::from_query(given)?, B::from_query(given)?))
    }
}

/// Extracts the parameters of a native route.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: FromQuery> FromRequestParts<Arc<Api>> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let Ok(given) = Given::from_request_parts(parts, api).await;
        let known = T::names();
        if let Some(name) = given.unknown(&known) {
            return Err(ApiError::UnknownParameter { name: name.to_owned(), known });
        }
        T::from_query(&given).map(Self)
    }
}

/// The range of time of a query; both ends belong to it.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Range {
    /// When spans started at the earliest: RFC 3339, `now`, `now-15m` (s, m, h, d), or integer Unix milliseconds. By
    /// default one hour before `end`.
    #[param(value_type = Option<String>, example = "now-15m")]
    start: u64,
    /// When spans started at the latest, likewise. By default now.
    #[param(value_type = Option<String>, example = "2026-01-01T00:00:00Z")]
    end: u64,
}

/// How far a search looks back unless it says otherwise, in nanoseconds: one hour.
const DEFAULT_RANGE_NS: u64 = 60 * 60 * 1_000_000_000;

impl Range {
    pub(crate) const fn as_time_range(&self) -> TimeRange {
        TimeRange { start_unix_ns: self.start, end_unix_ns: self.end }
    }
}

impl FromQuery for Range {
    fn names() -> Vec<&'static str> {
        vec!["start", "end"]
    }

    fn from_query(given: &Given) -> Result<Self, ApiError> {
        let instant = |name| -> Result<Option<u64>, ApiError> {
            let Some(text) = given.one(name)? else { return Ok(None) };
            time::parse(text, given.now_unix_ns)
                .map(Some)
                .map_err(|problem| ApiError::bad(name, problem.to_string(), time::HINT))
        };
        let end = instant("end")?.unwrap_or(given.now_unix_ns);
        let start = instant("start")?.unwrap_or(end.saturating_sub(DEFAULT_RANGE_NS));
        if start > end {
            return Err(ApiError::bad(
                "start",
                "lies after 'end'",
                "swap them, or leave 'end' out to mean now",
            ));
        }
        Ok(Self { start, end })
    }
}

/// The trace id that a path names: 32 hexadecimal digits, or the last 16 of an id that begins with zeros, as senders
/// with 64-bit ids know it.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, ApiError> {
    let padded = if text.len() == 16 { format!("{text:0>32}") } else { text.to_owned() };
    padded.parse().map_err(|problem: laneway_proto::InvalidId| {
        ApiError::bad(
            "traceId",
            problem.to_string(),
            "32 hexadecimal digits, or the last 16 when the first are zeros",
        )
    })
}

/// The lane that a parameter names.
pub(crate) fn lane(given: &Given, name: &'static str) -> Result<Option<Lane>, ApiError> {
    given.one(name)?.map(|text| lane_named(name, text)).transpose()
}

/// The lane of this name, which `parameter` gives.
pub(crate) fn lane_named(parameter: &'static str, name: &str) -> Result<Lane, ApiError> {
    Lane::new(name).map_err(|problem| {
        ApiError::bad(parameter, problem.to_string(), format!("the baseline is '{}'", Lane::BASE))
    })
}

/// How many items an answer holds at most: 1 to `max`.
pub(crate) fn limit(given: &Given, default: usize, max: usize, hint: &str) -> Result<usize, ApiError> {
    let Some(text) = given.one("limit")? else { return Ok(default) };
    text.parse()
        .ok()
        .filter(|limit| (1..=max).contains(limit))
        .ok_or_else(|| ApiError::bad("limit", format!("not an integer from 1 to {max}"), hint))
}
