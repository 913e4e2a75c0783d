//! Parameters of Jaeger's routes, and what Jaeger says of bad ones.

use std::collections::BTreeMap;

use laneway_proto::TraceId;
use laneway_storage::query::{SpanFilter, TimeRange};
use serde_json::Value;

use super::answer::JaegerError;
use super::convert::View;
use crate::params::{Given, duration};
use crate::tags::tag_filter;

const DEFAULT_LIMIT: usize = 100;
/// Jaeger's page offers up to 1500 traces.
const MAX_LIMIT: usize = 1500;

/// How far a search looks back unless it says otherwise: two days, as Jaeger does.
const LOOKBACK_NS: u64 = 2 * 24 * 60 * 60 * 1_000_000_000;

/// What `GET /api/traces` asks for.
#[derive(Debug)]
pub(super) struct TracesQuery {
    pub(super) wanted: Wanted,
    pub(super) view: View,
}

#[derive(Debug)]
pub(super) enum Wanted {
    /// These traces, each once, and where to look for them.
    ById(Vec<TraceId>, Option<TimeRange>),
    Search {
        filter: SpanFilter,
        range: TimeRange,
        limit: usize,
    },
}

impl TracesQuery {
    /// The checks come in Jaeger's order, so that the first problem is the one that Jaeger names.
    pub(super) fn of(given: &Given) -> Result<Self, JaegerError> {
        let start = micros(given, "start")?;
        let end = micros(given, "end")?;
        let tags = tags(given)?;
        let limit = limit(given)?;
        let (min, max) = (duration_ns(given, "minDuration")?, duration_ns(given, "maxDuration")?);
        let ids = trace_ids(given)?;
        let view = view(given)?;
        let service = given.first("service");
        if ids.is_empty() && service.is_none() {
            return Err(service_required());
        }
        if min.zip(max).is_some_and(|(min, max)| max < min) {
            return Err(JaegerError::bad_request("'maxDuration' should be greater than 'minDuration'"));
        }
        let wanted = if ids.is_empty() {
            let name = |name: &str| name.to_owned();
            let mut filters = Vec::new();
            filters.extend(service.map(name).map(SpanFilter::Service));
            filters.extend(given.first("operation").map(name).map(SpanFilter::Operation));
            filters.extend(min.map(SpanFilter::MinDuration));
            filters.extend(max.map(SpanFilter::MaxDuration));
            filters.extend(tags.iter().map(|(key, text)| tag_filter(key, text)));
            let range = TimeRange {
                start_unix_ns: start.unwrap_or(given.now_unix_ns.saturating_sub(LOOKBACK_NS)),
                end_unix_ns: end.unwrap_or(given.now_unix_ns),
            };
            Wanted::Search { filter: SpanFilter::All(filters), range, limit }
        } else {
            Wanted::ById(ids, range_hint(start, end))
        };
        Ok(Self { wanted, view })
    }
}

/// What `GET /api/traces/{traceID}` asks for.
#[derive(Debug)]
pub(super) struct TraceQuery {
    /// `None` for an id of zeros, which no trace has.
    pub(super) id: Option<TraceId>,
    pub(super) range: Option<TimeRange>,
    pub(super) view: View,
}

impl TraceQuery {
    pub(super) fn of(id: &str, given: &Given) -> Result<Self, JaegerError> {
        let id = trace_id(id).map_err(JaegerError::bad_request)?;
        let range = range_hint(micros(given, "start")?, micros(given, "end")?);
        Ok(Self { id, range, view: view(given)? })
    }
}

pub(super) fn service_required() -> JaegerError {
    JaegerError::bad_request("parameter 'service' is required")
}

/// Only a range that is closed on both sides narrows where a trace is looked for by its id.
fn range_hint(start: Option<u64>, end: Option<u64>) -> Option<TimeRange> {
    let (start_unix_ns, end_unix_ns) = start.zip(end)?;
    (start_unix_ns <= end_unix_ns).then_some(TimeRange { start_unix_ns, end_unix_ns })
}

pub(super) fn unable_to_parse(name: &str, problem: impl std::fmt::Display) -> JaegerError {
    JaegerError::bad_request(format!("unable to parse param '{name}': {problem}"))
}

/// An instant in microseconds since the Unix epoch, as nanoseconds.
fn micros(given: &Given, name: &str) -> Result<Option<u64>, JaegerError> {
    let Some(text) = given.first(name) else { return Ok(None) };
    let micros = go_integer::<i64>(text).map_err(|problem| unable_to_parse(name, problem))?;
    Ok(Some(u64::try_from(micros).unwrap_or(0).saturating_mul(1000)))
}

/// A duration; zero, as no condition, is `None`.
fn duration_ns(given: &Given, name: &str) -> Result<Option<u64>, JaegerError> {
    let Some(text) = given.first(name) else { return Ok(None) };
    let ns = duration::parse(text).map_err(|problem| unable_to_parse(name, problem))?;
    Ok(ns.filter(|ns| *ns > 0))
}

fn limit(given: &Given) -> Result<usize, JaegerError> {
    let Some(text) = given.first("limit") else { return Ok(DEFAULT_LIMIT) };
    let limit = go_integer::<i32>(text).map_err(JaegerError::bad_request)?;
    usize::try_from(limit)
        .ok()
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| JaegerError::bad_request(format!("'limit' should be between 1 and {MAX_LIMIT}")))
}

fn view(given: &Given) -> Result<View, JaegerError> {
    bool_of(given, "raw").map(|raw| if raw { View::Raw } else { View::Adjusted })
}

/// A switch, off by default.
pub(super) fn bool_of(given: &Given, name: &str) -> Result<bool, JaegerError> {
    match given.first(name) {
        None | Some("0" | "f" | "F" | "false" | "False" | "FALSE") => Ok(false),
        Some("1" | "t" | "T" | "true" | "True" | "TRUE") => Ok(true),
        Some(text) => {
            Err(unable_to_parse(name, format!("strconv.ParseBool: parsing {text:?}: invalid syntax")))
        }
    }
}

/// An integer number of milliseconds, as nanoseconds; a negative one is none at all.
pub(super) fn millis_ns(given: &Given, name: &str) -> Result<Option<u64>, JaegerError> {
    let Some(text) = given.first(name) else { return Ok(None) };
    let millis = go_integer::<i64>(text).map_err(|problem| unable_to_parse(name, problem))?;
    Ok(Some(u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000)))
}

/// Where a range ends, in nanoseconds since the Unix epoch: by default now.
pub(super) fn end_ns(given: &Given) -> Result<u64, JaegerError> {
    Ok(millis_ns(given, "endTs")?.unwrap_or(given.now_unix_ns))
}

fn trace_ids(given: &Given) -> Result<Vec<TraceId>, JaegerError> {
    let mut ids = Vec::new();
    for text in given.all("traceID") {
        let id = trace_id(text)
            .map_err(|problem| JaegerError::bad_request(format!("cannot parse traceID param: {problem}")))?;
        ids.extend(id.filter(|id| !ids.contains(id)));
    }
    Ok(ids)
}

/// The trace of up to 32 hexadecimal digits; zeros in front may be left out. `None` for zeros only.
fn trace_id(text: &str) -> Result<Option<TraceId>, String> {
    if text.len() > 32 {
        return Err(format!("TraceID cannot be longer than 32 hex characters: {text}"));
    }
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"));
    }
    Ok(format!("{text:0>32}").parse().ok())
}

/// `tag=key:value`, repeatable, and `tags={"key":"value"}`; of several with the same key the last one counts.
fn tags(given: &Given) -> Result<BTreeMap<String, String>, JaegerError> {
    let mut tags = BTreeMap::new();
    for tag in given.all("tag") {
        let (key, text) = tag.split_once(':').ok_or_else(|| {
            JaegerError::bad_request(format!(
                "malformed 'tag' parameter, expecting key:value, received: {tag}"
            ))
        })?;
        tags.insert(key.to_owned(), text.to_owned());
    }
    for json in given.all("tags") {
        let malformed = |problem: &dyn std::fmt::Display| {
            JaegerError::bad_request(format!("malformed 'tags' parameter, cannot unmarshal JSON: {problem}"))
        };
        let object: BTreeMap<String, Value> =
            serde_json::from_str(json).map_err(|problem| malformed(&problem))?;
        for (key, value) in object {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(value) => value.to_string(),
                _ => {
                    return Err(malformed(&format_args!(
                        "the value of {key:?} is no string, number or boolean"
                    )));
                }
            };
            tags.insert(key, text);
        }
    }
    Ok(tags)
}

/// An integer, with the messages of Go's `strconv.ParseInt`.
fn go_integer<N: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<N, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().map_err(|problem: std::num::ParseIntError| {
        let what = match problem.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.ParseInt: parsing {text:?}: {what}")
    })
}
