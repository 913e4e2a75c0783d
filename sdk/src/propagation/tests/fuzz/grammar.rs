//! What the specifications allow, said plainly: the oracle.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use laneway_proto::Lane;

/// Trace id, span id, whether it is sampled.
pub(super) type Span = (String, String, bool);

pub(super) fn trimmed(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(|text| text.trim_matches([' ', '\t']))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_hexdigit())
}

fn is_lower_hex(text: &str) -> bool {
    is_hex(text) && !text.bytes().any(|c| c.is_ascii_uppercase())
}

/// An id of so many digits, of which not all are zero, in full length and lower case.
pub(super) fn id(text: &str, digits: RangeInclusive<usize>) -> Option<String> {
    let is_id = digits.contains(&text.len()) && is_hex(text) && text.bytes().any(|c| c != b'0');
    is_id.then(|| format!("{:0>width$}", text.to_ascii_lowercase(), width = *digits.end()))
}

/// Of 128 bits; leading zeros may be left out.
pub(super) fn trace_id(text: &str) -> Option<String> {
    id(text, 1..=32)
}

/// <https://www.w3.org/TR/trace-context-2/#traceparent-header-field-values>
pub(super) fn traceparent(value: &[u8]) -> Option<Span> {
    let fields: Vec<&str> = trimmed(value)?.split('-').collect();
    let [version, trace_id, span_id, flags, ref later @ ..] = fields[..] else { return None };
    let is_read = [(version, 2), (trace_id, 32), (span_id, 16), (flags, 2)]
        .iter()
        .all(|(text, len)| text.len() == *len && is_lower_hex(text));
    if !is_read || version == "ff" || version == "00" && !later.is_empty() {
        return None;
    }
    let is_sampled = u8::from_str_radix(flags, 16).unwrap() & 1 == 1;
    Some((id(trace_id, 32..=32)?, id(span_id, 16..=16)?, is_sampled))
}

/// The members. <https://www.w3.org/TR/trace-context-2/#tracestate-header-field-values>
pub(super) fn tracestate(value: &[u8]) -> Option<Vec<&str>> {
    let members = std::str::from_utf8(value).ok()?.split(',').map(|member| member.trim_matches([' ', '\t']));
    let members: Vec<&str> = members.filter(|member| !member.is_empty()).collect();
    let is_legal = |member: &&str| {
        let mut parts = member.splitn(2, '=');
        let (key, value) = (parts.next().unwrap(), parts.next().unwrap_or(""));
        let starts = key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let key_chars = key.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | '*' | '/' | '@'));
        let value_chars = value.chars().all(|c| matches!(c, ' '..='+' | '-'..='<' | '>'..='~'));
        starts && key_chars && value_chars && key.len() <= 256 && (1..=256).contains(&value.len())
    };
    (members.len() <= 32 && members.iter().all(is_legal)).then_some(members)
}

/// The lane, and the other members. <https://www.w3.org/TR/baggage/#baggage-http-header-format>
pub(super) fn baggage(value: &[u8]) -> (Option<String>, Vec<&str>) {
    let Ok(text) = std::str::from_utf8(value) else { return (None, Vec::new()) };
    let (mut lane, mut others) = (None, Vec::new());
    let members = text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|m| !m.is_empty());
    let mut bytes = 0;
    for member in members.take(64) {
        bytes += member.len() + 1;
        if bytes > 8_192 + 1 {
            break;
        }
        let octet = |c: char| matches!(c, '!' | '#'..='+' | '-'..=':' | '<'..='[' | ']'..='~');
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let mut parts = member.split(';');
        let pair = parts.next().unwrap();
        let Some((key, value)) = pair.split_once('=') else { continue };
        let (key, value) = (key.trim_matches([' ', '\t']), value.trim_matches([' ', '\t']));
        let properties = parts.all(|part| part.chars().all(|c| octet(c) || c == ' ' || c == '\t'));
        if key.is_empty() || !key.chars().all(token) || !value.chars().all(octet) || !properties {
            continue;
        }
        if key == "lane" {
            let name = percent_encoding::percent_decode_str(value).decode_utf8();
            lane = name.ok().filter(|name| Lane::new(name).is_ok()).map(|name| name.into_owned()).or(lane);
        } else {
            others.push(member);
        }
    }
    (lane, others)
}

/// <https://github.com/openzipkin/b3-propagation#single-header>
pub(super) fn b3(value: &[u8]) -> Option<Span> {
    let parts: Vec<&str> = trimmed(value)?.split('-').collect();
    let is_sampled = match parts.get(2) {
        Some(&("1" | "d" | "true")) => true,
        None | Some(&("0" | "false")) => false,
        _ => return None,
    };
    let ids = (trace_id(parts[0])?, id(parts.get(1)?, 16..=16)?);
    (parts.len() <= 4).then_some((ids.0, ids.1, is_sampled))
}

/// <https://www.jaegertracing.io/docs/1.76/client-libraries/#propagation-format>
pub(super) fn uber_trace_id(value: &[u8]) -> Option<Span> {
    let text = trimmed(value)?.replace("%3A", ":").replace("%3a", ":");
    let parts: Vec<&str> = text.split(':').collect();
    let [trace, span, _parent, flags] = parts[..] else { return None };
    let flags = u8::from_str_radix(Some(flags).filter(|flags| is_hex(flags))?, 16).ok()?;
    Some((trace_id(trace)?, id(span, 1..=16)?, flags & 3 != 0))
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}

fn is_number(text: &str, max: u64) -> bool {
    !text.is_empty()
        && text.bytes().all(|c| c.is_ascii_digit())
        && text.parse::<u64>().is_ok_and(|number| number <= max)
}

/// An id as agents make them: a UUID, then a thread and a sequence number.
fn is_segment_id(text: &str) -> bool {
    let mut parts = text.split('.');
    let has_uuid = parts.next().is_some_and(|uuid| uuid.len() == 32 && is_hex(uuid));
    has_uuid
        && match (parts.next(), parts.next(), parts.next()) {
            (None, None, None) => true,
            (Some(thread), Some(sequence), None) => {
                is_number(thread, u64::MAX) && is_number(sequence, u64::MAX)
            }
            _ => false,
        }
}

/// The text of the trace's id, and whether it is sampled.
/// <https://skywalking.apache.org/docs/main/next/en/api/x-process-propagation-headers-v3/>
pub(super) fn sw8(value: &[u8]) -> Option<(String, bool)> {
    let text = trimmed(value).filter(|text| text.len() < 2_048)?;
    let fields: Vec<&str> = text.split('-').collect();
    let [sampled, trace, segment, span, _, _, _, _] = fields[..] else { return None };
    let (trace, segment) = (decoded(trace)?, decoded(segment)?);
    let is_trace = if trace.len() <= 36 { trace_uuid(&trace) } else { is_segment_id(&trace) };
    let is_read = is_trace && is_segment_id(&segment) && is_number(span, u64::from(u32::MAX));
    is_read.then_some((trace, sampled == "1"))
}

fn trace_uuid(text: &str) -> bool {
    id(&text.replace('-', ""), 32..=32).is_some()
}

/// The lane among the pairs.
pub(super) fn sw8_correlation(value: &[u8]) -> Option<String> {
    let text = trimmed(value).filter(|text| text.len() < 2_048)?;
    let pairs: Vec<(&str, &str)> = text.split(',').filter_map(|pair| pair.split_once(':')).collect();
    let (_, lane) = pairs.iter().rev().find(|(key, _)| decoded(key).as_deref() == Some("lane"))?;
    decoded(lane).filter(|lane| Lane::new(lane).is_ok())
}
