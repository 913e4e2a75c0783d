//! The `baggage` header, <https://www.w3.org/TR/baggage/>, and the lane in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use laneway_proto::Lane;
use percent_encoding::percent_decode_str;

use super::{BAGGAGE, Extract, trim_ows};

/// Members over all header lines together.
const MAX_MEMBERS: usize = 64;
/// Bytes over all header lines together, commas included.
const MAX_BYTES: usize = 8_192;

#[derive(Default)]
pub(super) struct Baggage {
    /// None when there is no member of this name, or it holds no lane name.
    pub(super) lane: Option<Lane>,
    /// Every other member as it came, joined by commas.
    pub(super) others: String,
}

pub(super) fn extract<C: Extract + ?Sized>(carrier: &C) -> Baggage {
    let mut baggage = Baggage::default();
    let (mut members, mut bytes) = (0, 0);
    let mut too_much = false;
    carrier.for_each(BAGGAGE, &mut |line| {
        // One byte that is no UTF-8 spoils its line only.
        let Ok(line) = std::str::from_utf8(line) else { return };
        for member in line.split(',').map(trim_ows).filter(|member| !member.is_empty()) {
            members += 1;
            bytes += member.len() + 1;
            if members > MAX_MEMBERS || bytes > MAX_BYTES + 1 {
                too_much = true;
                return;
            }
            baggage.add(member);
        }
    });
    if too_much {
        warn_of_excess();
    }
    baggage
}

impl Baggage {
    fn add(&mut self, member: &str) {
        let Some((key, value)) = parse(member) else { return };
        if key == Lane::KEY {
            let value = percent_decode_str(value).decode_utf8();
            // As in every SDK that keeps baggage in a map, the last one wins; one that is no lane name is not one.
            if let Some(lane) = value.ok().and_then(|name| Lane::new(&name).ok()) {
                self.lane = Some(lane);
            }
        } else {
            append(&mut self.others, member);
        }
    }
}

/// Key and value of a member, without its properties; `None` when it breaks the grammar.
fn parse(member: &str) -> Option<(&str, &str)> {
    let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
    let (key, value) = pair.split_once('=')?;
    let (key, value) = (trim_ows(key), trim_ows(value));
    let well_formed = !key.is_empty()
        && key.bytes().all(is_token_char)
        && value.bytes().all(is_value_char)
        && properties.bytes().all(|c| is_value_char(c) || matches!(c, b' ' | b'\t' | b';'));
    well_formed.then_some((key, value))
}

/// RFC 9110's `tchar`.
fn is_token_char(c: u8) -> bool {
    c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c)
}

/// `baggage-octet`: printable ASCII without space, quote, comma, semicolon and backslash.
fn is_value_char(c: u8) -> bool {
    c.is_ascii_graphic() && !matches!(c, b'"' | b',' | b';' | b'\\')
}

/// The header for this lane and these members; `None` when there is nothing to say. The lane comes first: it is
/// kept when the limits cut the end off.
pub(super) fn format(lane: &Lane, others: &str) -> Option<String> {
    let mut header = String::new();
    let mut members = 0;
    if !lane.is_base() {
        header.push_str(Lane::KEY);
        header.push('=');
        header.push_str(lane.as_str());
        members += 1;
    }
    for member in others.split(',').filter(|member| !member.is_empty()) {
        members += 1;
        let comma = usize::from(!header.is_empty());
        if members > MAX_MEMBERS || header.len() + comma + member.len() > MAX_BYTES {
            break;
        }
        append(&mut header, member);
    }
    (!header.is_empty()).then_some(header)
}

fn append(list: &mut String, member: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(member);
}

/// Whoever sends too much could also flood the log: one line a minute.
fn warn_of_excess() {
    static LAST_MINUTE: AtomicU64 = AtomicU64::new(0);
    let minute = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 60);
    if LAST_MINUTE.swap(minute, Ordering::Relaxed) != minute {
        tracing::warn!(
            target: "laneway",
            max_members = MAX_MEMBERS,
            max_bytes = MAX_BYTES,
            "incoming baggage exceeds the limits, the rest was ignored"
        );
    }
}
