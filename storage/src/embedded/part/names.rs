//! The texts of span kinds and status codes in a part: the names of the OpenTelemetry ClickHouse exporter, or the number where
//! OTLP has no name for it.

use super::corrupt;
use crate::QueryError;

const KINDS: [&str; 6] = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
const STATUSES: [&str; 3] = ["Unset", "Ok", "Error"];

/// The text of a span kind.
pub(super) fn kind(number: i32) -> String {
    name(&KINDS, number)
}

/// The text of a status code.
pub(super) fn status(number: i32) -> String {
    name(&STATUSES, number)
}

/// The span kind of a text.
pub(super) fn kind_number(name: &[u8]) -> Result<i32, QueryError> {
    number(&KINDS, name)
}

/// The status code of a text.
pub(super) fn status_number(name: &[u8]) -> Result<i32, QueryError> {
    number(&STATUSES, name)
}

fn name(names: &[&str], number: i32) -> String {
    let known = usize::try_from(number).ok().and_then(|number| names.get(number));
    known.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

fn number(names: &[&str], name: &[u8]) -> Result<i32, QueryError> {
    if let Some(number) = names.iter().position(|known| known.as_bytes() == name) {
        return Ok(number as i32);
    }
    let number = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    number.ok_or_else(|| corrupt("a kind or a status is neither a known name nor a number"))
}
