//! Durations as Go writes them (`time.ParseDuration`), which Jaeger and its users know: `100ms`, `1.5s`, `1m30s`.

/// The text is no duration. The messages are Go's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidDuration {
    #[error("time: invalid duration {0:?}")]
    Syntax(String),
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit { unit: String, text: String },
}

/// What is accepted, for error messages.
pub(crate) const HINT: &str = "such as 250us, 100ms, 1.5s or 1m30s (ns, us, ms, s, m, h)";

/// The duration in nanoseconds; of a negative one only the sign matters here, so all of them are `None`.
///
/// The sum of decimal numbers with a unit each; the unit may be left out of a zero. A duration longer than some 292
/// years is an error, as in Go.
pub(crate) fn parse(text: &str) -> Result<Option<u64>, InvalidDuration> {
    let syntax = || InvalidDuration::Syntax(text.to_owned());
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if unsigned == "0" {
        return Ok(Some(0));
    }
    if unsigned.is_empty() {
        return Err(syntax());
    }
    let mut total_ns = 0_u64;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let number = prefix(rest, |c| c.is_ascii_digit() || c == '.');
        rest = &rest[number.len()..];
        let unit = prefix(rest, |c| !c.is_ascii_digit() && c != '.');
        rest = &rest[unit.len()..];
        if !number.bytes().any(|c| c.is_ascii_digit()) || number.matches('.').count() > 1 {
            return Err(syntax());
        }
        if unit.is_empty() {
            return Err(InvalidDuration::MissingUnit(text.to_owned()));
        }
        let unit_ns = unit_ns(unit)
            .ok_or_else(|| InvalidDuration::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() })?;
        total_ns = scaled(number, unit_ns)
            .and_then(|ns| total_ns.checked_add(ns))
            .filter(|ns| i64::try_from(*ns).is_ok())
            .ok_or_else(syntax)?;
    }
    Ok(Some(total_ns).filter(|_| !negative))
}

fn prefix(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !belongs(c)).unwrap_or(text.len())]
}

fn unit_ns(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // "µ" is U+00B5 (micro sign) or U+03BC (Greek mu): both are typed.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 60 * 60 * 1_000_000_000,
        _ => return None,
    })
}

/// A decimal number times a unit, without the rounding of floats: `0.1ms` is 100000 ns exactly.
fn scaled(number: &str, unit_ns: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits behind the 14th are below a nanosecond of any unit.
    let fraction = &fraction[..fraction.len().min(14)];
    let part = match fraction {
        "" => 0,
        digits => {
            u128::from(digits.parse::<u64>().ok()?) * u128::from(unit_ns) / 10_u128.pow(digits.len() as u32)
        }
    };
    whole.checked_mul(unit_ns)?.checked_add(u64::try_from(part).ok()?)
}
