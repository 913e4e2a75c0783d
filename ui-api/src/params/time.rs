//! Instants as people and programs write them.

use jiff::Timestamp;

/// What is accepted, for error messages.
pub(super) const HINT: &str =
    "RFC 3339 ('+' written as %2B), 'now', 'now-15m' (s, m, h, d), or integer Unix milliseconds";

/// The text is no instant that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidTime {
    #[error("not a time")]
    Syntax,
    #[error("lies before 1970 or after 2554")]
    OutOfRange,
}

/// The instant that the text names, in nanoseconds since the Unix epoch.
pub(super) fn parse(text: &str, now_unix_ns: u64) -> Result<u64, InvalidTime> {
    if let Some(offset) = text.strip_prefix("now") {
        return relative(offset, now_unix_ns);
    }
    if text.bytes().all(|digit| digit.is_ascii_digit()) {
        let ms = text.parse::<u64>().map_err(|_| InvalidTime::OutOfRange)?;
        return ms.checked_mul(1_000_000).ok_or(InvalidTime::OutOfRange);
    }
    let instant: Timestamp = text.parse().map_err(|_| InvalidTime::Syntax)?;
    u64::try_from(instant.as_nanosecond()).map_err(|_| InvalidTime::OutOfRange)
}

/// `-15m` and the like, or nothing. Further back than the epoch is the epoch.
fn relative(offset: &str, now_unix_ns: u64) -> Result<u64, InvalidTime> {
    if offset.is_empty() {
        return Ok(now_unix_ns);
    }
    let (number, unit) = offset
        .strip_prefix('-')
        .and_then(|offset| offset.split_at_checked(offset.len().checked_sub(1)?))
        .ok_or(InvalidTime::Syntax)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(InvalidTime::Syntax),
    };
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(InvalidTime::Syntax);
    }
    let number = number.parse::<u64>().unwrap_or(u64::MAX);
    Ok(now_unix_ns.saturating_sub(number.saturating_mul(seconds * 1_000_000_000)))
}
