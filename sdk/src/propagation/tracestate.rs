//! The `tracestate` header, <https://www.w3.org/TR/trace-context-2/#tracestate-header>.

use super::{Extract, TRACESTATE, trim_ows};

const MAX_MEMBERS: usize = 32;
const MAX_LEN: usize = 256;

/// The members over all header lines, joined by commas; `None` when a line is malformed or there are too many.
pub(super) fn extract<C: Extract + ?Sized>(carrier: &C) -> Option<String> {
    let mut members = Some(Members::default());
    carrier.for_each(TRACESTATE, &mut |value| {
        members = members.take().and_then(|members| members.with_line(std::str::from_utf8(value).ok()?));
    });
    members.map(|members| members.text)
}

#[derive(Default)]
struct Members {
    text: String,
    count: usize,
}

impl Members {
    fn with_line(mut self, line: &str) -> Option<Self> {
        // Empty members are legal, and mean nothing.
        for member in line.split(',').map(trim_ows).filter(|member| !member.is_empty()) {
            self.count += 1;
            if self.count > MAX_MEMBERS || !is_member(member) {
                return None;
            }
            if !self.text.is_empty() {
                self.text.push(',');
            }
            self.text.push_str(member);
        }
        Some(self)
    }
}

fn is_member(member: &str) -> bool {
    member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

fn is_key(key: &str) -> bool {
    let first = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    key.len() <= MAX_LEN
        && key.bytes().next().is_some_and(first)
        && key.bytes().all(|c| first(c) || matches!(c, b'_' | b'-' | b'*' | b'/' | b'@'))
}

/// Printable ASCII without comma and equals sign. The last character is no space: the member was trimmed.
fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= MAX_LEN
        && value.bytes().all(|c| matches!(c, b' '..=b'~') && c != b',' && c != b'=')
}
